use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, error::ErrorKind, value_parser};
use rumormill_measure::World;

use crate::{
    Crypto, Failure, Fidelity, RUMORMILL, Setting, ViewMode,
    worlds::{self, Place},
};

const EXAMPLES: &str = "\
Examples:
  rumormill compare --nodes 50 --seconds 20
  rumormill compare --nodes 10000 --on sim
  rumormill run --preset crash --nodes 200
  rumormill run --preset writes --print > writes.toml
  rumormill run writes.toml --set node.fanout=4

Exit codes: 0 done and valid, 2 bad input, 3 the result is not valid, 5 the run could not be carried out.
Ctrl-C ends a run early; what it had measured is kept, as a result that is not valid.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  rumormill compare
  rumormill compare --nodes 300 --seconds 60 --out compare-300
  rumormill compare --nodes 50 --set cluster.value_bytes=1024 --json > result.json
  rumormill compare --set network.latency=20ms --set network.loss=0.01
  rumormill compare --nodes 10000 --on sim
  rumormill compare --nodes 100 --on sim --protocols rumormill,all-to-all,central

Where this machine would not carry full state as often as asked, compare sends it less often and says so; --force
sends it as asked.";

const RUN_EXAMPLES: &str = "\
Examples:
  rumormill run --preset idle --nodes 500
  rumormill run --preset crash --print > crash.toml
  rumormill run crash.toml --set node.protocol_period=500ms --set node.probe_timeout=200ms
  rumormill run --preset join --nodes 300
  rumormill run --preset epidemic --nodes 1000000 --set spread=push-pull --set repetitions=10
  rumormill run --preset writes --set network.latency=20ms --set network.jitter=5ms --set network.loss=0.01

Faults are lists in a scenario file. This one cuts 5 nodes off for 20 s, and restarts others that were down for 2 s:
  [[fault]]
  at = \"5s\"
  kind = \"partition\"
  nodes = 5
  for = \"20s\"
  [[fault]]
  at = \"10s\"
  kind = \"restart\"
  nodes = \"1%\"
  for = \"2s\"

Kinds of faults: crash, leave, restart, pause, partition, loss, slow. --list says what the presets are.";

/// Load-tests gossip: what it costs in bandwidth, how fast news converges, how fast failures are noticed
#[derive(Debug, Parser)]
#[command(name = "rumormill", version, after_help = EXAMPLES, subcommand_required = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures full state transfer and deltas, or several protocols, side by side, under the same writes and crash
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(Compare),
    /// Measures one scenario
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Compares these protocols instead, in this order: rumormill, all-to-all, central
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) protocols: Vec<String>,
    /// Compares worlds instead: takes one protocol to each, and says how far its figures are from those of the last
    #[arg(
        long,
        value_name = "WORLD,...",
        value_delimiter = ',',
        conflicts_with = "on",
        hide_possible_values = true
    )]
    pub(crate) worlds: Vec<Place>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Lists the scenarios that are built in, and runs nothing
    #[arg(long, conflicts_with = "Source")]
    pub(crate) list: bool,
    /// Prints the resolved scenario as a file, and runs nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// The protocol that the nodes speak
    #[arg(long, value_name = "NAME", default_value = RUMORMILL)]
    pub(crate) protocol: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where a scenario comes from, which the options then change.
#[derive(Debug, Default, PartialEq, Eq, Args)]
#[group(multiple = false)]
pub(crate) struct Source {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) file: Option<PathBuf>,
    /// A scenario that is built in: idle, writes, crash, join, epidemic or compare
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
}

/// What both commands take. Numbers stay texts here: the scenario knows what its keys take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How many nodes (cluster.nodes)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) nodes: Option<String>,
    /// The world the nodes live in: local, real QUIC nodes in this process, or sim, the same nodes in virtual time
    /// [default: local; of an epidemic: sim, the only one]
    #[arg(long, value_name = "WORLD", value_parser = world)]
    pub(crate) on: Option<World>,
    /// What is simulated of a connection [default: message]
    #[arg(long, value_name = "WHAT", help_heading = OF_SIM)]
    pub(crate) fidelity: Option<Fidelity>,
    /// With --fidelity quic: what protects packets; it changes nothing but the time it takes [default: null]
    #[arg(long, value_name = "HOW", help_heading = OF_SIM)]
    pub(crate) crypto: Option<Crypto>,
    /// Threads that carry the nodes [default: the cores of this machine]
    #[arg(long, value_name = "N", help_heading = OF_SIM, value_parser = value_parser!(u16).range(1..=SHARDS_MAX))]
    pub(crate) shards: Option<u16>,
    /// How nodes hold what they think of all others; it changes nothing but memory [default: compact]
    #[arg(long, value_name = "HOW", help_heading = OF_SIM)]
    pub(crate) view: Option<ViewMode>,
    /// How many seconds are measured (phases.measure)
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seconds: Option<String>,
    /// The source of all chance (seed)
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seed: Option<String>,
    /// Changes any key of the scenario, such as node.fanout=4; may be repeated, and wins over everything else
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// The directory for the result [default: runs/TIME-SCENARIO, in UTC]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replaces the result that a directory already holds
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Runs what only the estimate of this machine's strength speaks against
    #[arg(long)]
    pub(crate) force: bool,
    /// Prints the result as JSON on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows no progress
    #[arg(long)]
    pub(crate) quiet: bool,
}

const OF_SIM: &str = "Options of the world sim";

/// The most threads that carry simulated nodes.
const SHARDS_MAX: i64 = 1024;

impl Common {
    /// Where nodes are to live, and how.
    pub(crate) fn setting(&self) -> Setting {
        self.setting_on(self.world())
    }

    /// The same in a world, whatever was asked for.
    pub(crate) fn setting_on(&self, world: World) -> Setting {
        self.setting_of(world, self.fidelity)
    }

    /// The world that the nodes of a cluster are to live in.
    pub(crate) fn world(&self) -> World {
        self.on.unwrap_or(World::Local)
    }

    /// The same in another world.
    pub(crate) fn setting_in(&self, place: Place) -> Setting {
        self.setting_of(place.world(), place.fidelity().or(self.fidelity))
    }

    fn setting_of(&self, world: World, fidelity: Option<Fidelity>) -> Setting {
        Setting {
            world,
            fidelity: fidelity.unwrap_or(Fidelity::Message),
            crypto: self.crypto.unwrap_or(Crypto::Null),
            shards: self.shards.map_or_else(worlds::cores, usize::from),
            view: self.view.unwrap_or(ViewMode::Compact),
        }
    }

    /// An option that was given and means something in virtual time alone.
    pub(crate) const fn option_of_sim(&self) -> Option<&'static str> {
        match self {
            Self { fidelity: Some(_), .. } => Some("--fidelity"),
            Self { crypto: Some(_), .. } => Some("--crypto"),
            Self { shards: Some(_), .. } => Some("--shards"),
            Self { view: Some(_), .. } => Some("--view"),
            _ => None,
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Work(Box<Command>),
    /// Help or the version.
    Text(String),
}

impl Arguments {
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
        match Self::try_parse_from(line) {
            Ok(arguments) => Ok(Request::Work(Box::new(arguments.command))),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    Ok(Request::Text(error.render().to_string()))
                }
                ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    Err(Failure::BadInput(missing_command()))
                }
                _ => Err(Failure::BadInput(sentence(&error.render().to_string()))),
            },
        }
    }
}

fn world(name: &str) -> Result<World, String> {
    match name {
        "local" => Ok(World::Local),
        "sim" => Ok(World::Sim),
        "fleet" => Err("the world fleet is not part of this version, which has local and sim".into()),
        _ => Err("there is no such world; this version has local and sim".into()),
    }
}

fn missing_command() -> String {
    let command = Arguments::command();
    let names: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
    format!("a command is missing, either {}; rumormill --help shows examples", names.join(" or "))
}

/// The parser's message without its label, usage and advice to read the help; its tips stay.
fn sentence(message: &str) -> String {
    let (mut problem, mut tips) = (Vec::new(), Vec::new());
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        match line.strip_prefix("tip: ") {
            Some(tip) => tips.push(tip),
            None => problem.push(line.strip_prefix("error: ").unwrap_or(line)),
        }
    }
    let mut sentence = problem.join(" ");
    for tip in tips {
        sentence.push_str("; ");
        sentence.push_str(tip);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_message_of_the_parser_becomes_one_sentence() {
        let message = "error: unexpected argument '--nodse' found\n\n  tip: a similar argument exists: '--nodes'\n\n\
                       Usage: rumormill compare --nodes <N>\n\nFor more information, try '--help'.\n";
        let expected = "unexpected argument '--nodse' found; a similar argument exists: '--nodes'";
        assert_eq!(sentence(message), expected);
    }
}
