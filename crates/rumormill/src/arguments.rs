use std::{ffi::OsString, path::PathBuf, sync::Arc};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, error::ErrorKind, value_parser};
use rumormill_measure::World;

use crate::{
    Crypto, Failure, Fidelity, RUMORMILL, Setting, ViewMode,
    campaign::{Existing, Options},
    diff,
    fleet::{self, Agent, Coordinate, Fleet, FleetArguments},
    live::Watch,
    report::{self, Report},
    worlds::Place,
};

/// What --version says.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("RUMORMILL_COMMIT"), ")");

const EXAMPLES: &str = "\
Examples:
  rumormill compare --nodes 50 --seconds 20
  rumormill compare --nodes 10000 --on sim
  rumormill run --preset crash --nodes 200
  rumormill doctor --nodes 10000
  rumormill run --preset crash --nodes 200 --on fleet --engine ssh --hosts a,b,c
  rumormill run --preset writes --print > writes.toml
  rumormill run writes.toml --set node.fanout=4
  rumormill report runs/20260101T120000Z-compare

Exit codes: 0 done and valid, 2 bad input or more nodes than fit, 3 the result is not valid, 5 the run could not be carried out.
Ctrl-C ends a run early; what it had measured is kept, as a result that is not valid.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  rumormill compare
  rumormill compare --nodes 300 --seconds 60 --out compare-300
  rumormill compare --nodes 50 --set cluster.value_bytes=1024 --json > result.json
  rumormill compare --set network.latency=20ms --set network.loss=0.01
  rumormill compare --nodes 10000 --on sim
  rumormill compare --nodes 100 --on sim --protocols rumormill,all-to-all,central

Where this machine would not carry full state or digests as often as asked, compare sends them less often and says
so; --force sends them as asked.";

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

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  rumormill completions bash > ~/.local/share/bash-completion/completions/rumormill
  rumormill completions zsh > ~/.zfunc/_rumormill
  rumormill completions fish > ~/.config/fish/completions/rumormill.fish";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  rumormill doctor --nodes 10000
  rumormill doctor --nodes 10000 --preset crash --set node.protocol_period=500ms
  rumormill doctor crash.toml --json

It looks at real nodes on this machine (--on local). Exit codes: 0 they fit, 2 they do not.";

/// Load-tests gossip: what it costs in bandwidth, how fast news converges, how fast failures are noticed
#[derive(Debug, Parser)]
#[command(name = "rumormill", version = VERSION, after_help = EXAMPLES, subcommand_required = true, disable_help_subcommand = true)]
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
    /// Compares two results, and says by its exit code whether anything became worse
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Diff),
    /// Says whether this machine holds a number of real nodes, and the command that would fix what is missing
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// Makes the report and the other files of a run again, from its result and what was kept beside it
    #[command(after_help = report::EXAMPLES)]
    Report(Report),
    /// Prints the JSON Schema of result.json
    Schema,
    /// Prints a script that completes the command line in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Measures one scenario on agents that others start: run --on fleet --engine print
    #[command(after_help = fleet::COORDINATE_EXAMPLES)]
    Coordinate(Coordinate),
    /// Carries a share of the nodes of a run that another process coordinates
    #[command(after_help = fleet::AGENT_EXAMPLES)]
    Agent(Agent),
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) source: Source,
    /// How many nodes (cluster.nodes)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) nodes: Option<String>,
    /// The protocol that the nodes speak
    #[arg(long, value_name = "NAME", default_value = RUMORMILL)]
    pub(crate) protocol: String,
    /// How nodes hold what they know, as in run [default: compact]
    #[arg(long, value_name = "HOW")]
    pub(crate) view: Option<ViewMode>,
    /// Processes that carry the nodes, as in run [default: 1]
    #[arg(long, value_name = "P", value_parser = value_parser!(u16).range(1..=PROCESSES_MAX))]
    pub(crate) processes: Option<u16>,
    /// Changes any key of the scenario; may be repeated
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// Prints what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
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
    #[command(flatten)]
    pub(crate) fleet: FleetArguments,
}

/// Where a scenario comes from, which the options then change.
#[derive(Debug, Default, PartialEq, Eq, Args)]
#[group(multiple = false)]
pub(crate) struct Source {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) file: Option<PathBuf>,
    /// A scenario that is built in: idle, writes, crash, join, epidemic, compare, or one of the others of run --list
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
}

/// What both commands take. Numbers stay texts here: the scenario knows what its keys take.
#[derive(Debug, Default, Args)]
pub(crate) struct Common {
    /// How many nodes (cluster.nodes)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) nodes: Option<String>,
    /// The world the nodes live in: local, real QUIC nodes on this machine, sim, the same nodes in virtual time, or fleet,
    /// real nodes on many machines [default: local; of an epidemic: sim, the only one]
    #[arg(long, value_name = "WORLD", value_parser = world)]
    pub(crate) on: Option<World>,
    /// Processes that carry the nodes of the world local, each with descriptors and memory of its own [default: 1]
    #[arg(long, value_name = "P", value_parser = value_parser!(u16).range(1..=PROCESSES_MAX))]
    pub(crate) processes: Option<u16>,
    /// What is simulated of a connection [default: message]
    #[arg(long, value_name = "WHAT", help_heading = OF_SIM)]
    pub(crate) fidelity: Option<Fidelity>,
    /// With --fidelity quic: what protects packets; it changes nothing but the time it takes [default: null]
    #[arg(long, value_name = "HOW", help_heading = OF_SIM)]
    pub(crate) crypto: Option<Crypto>,
    /// Threads that carry the nodes [default: one for 500 nodes, and the cores of this machine at most]
    #[arg(long, value_name = "N", help_heading = OF_SIM, value_parser = value_parser!(u16).range(1..=SHARDS_MAX))]
    pub(crate) shards: Option<u16>,
    /// How nodes hold what they know: what all of them know once, or each everything by itself, as on machines of their
    /// own; it changes nothing but memory and CPU [default: compact]
    #[arg(long, value_name = "HOW")]
    pub(crate) view: Option<ViewMode>,
    /// How many seconds are measured (phases.measure)
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seconds: Option<String>,
    /// The source of all chance (seed)
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) seed: Option<String>,
    /// How often everything is run, each time with other chance derived from the seed (repetitions)
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(crate) repetitions: Option<String>,
    /// Changes any key of the scenario, such as node.fanout=4; may be repeated, and wins over everything else
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// The directory for the result [default: runs/TIME-SCENARIO, in UTC]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replaces the result that a directory already holds
    #[arg(long, conflicts_with = "resume")]
    pub(crate) overwrite: bool,
    /// Runs what the directory of --out does not hold yet
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Runs what only the estimate of this machine's strength speaks against
    #[arg(long)]
    pub(crate) force: bool,
    /// Prints the result as JSON on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Shows no progress
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

const OF_SIM: &str = "Options of the world sim";

/// The most processes that carry nodes.
const PROCESSES_MAX: i64 = 256;

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
            shards: self.shards.map(usize::from),
            view: self.view.unwrap_or(ViewMode::Compact),
            fleet: self
                .processes
                .filter(|&processes| world == World::Local && processes > 1)
                .map(|processes| Arc::new(Fleet::local(usize::from(processes)))),
        }
    }

    /// What concerns all runs alike.
    pub(crate) fn options(&self) -> Options {
        let existing = match (self.overwrite, self.resume) {
            (true, _) => Existing::Overwrite,
            (false, true) => Existing::Resume,
            (false, false) => Existing::Refuse,
        };
        Options { out: self.out.clone(), existing, json: self.json, quiet: self.quiet, watch: self.watch }
    }

    /// An option that was given and means something in virtual time alone.
    pub(crate) const fn option_of_sim(&self) -> Option<&'static str> {
        match self {
            Self { fidelity: Some(_), .. } => Some("--fidelity"),
            Self { crypto: Some(_), .. } => Some("--crypto"),
            Self { shards: Some(_), .. } => Some("--shards"),
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

/// The script that completes the command line in a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "rumormill", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn world(name: &str) -> Result<World, String> {
    match name {
        "local" => Ok(World::Local),
        "sim" => Ok(World::Sim),
        "fleet" => Ok(World::Fleet),
        _ => Err("there is no such world, but local, sim and fleet".into()),
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
