use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, error::ErrorKind};
use rumormill_measure::World;

use crate::Failure;

const EXAMPLES: &str = "\
Examples:
  rumormill compare --nodes 50 --seconds 20
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

Where this machine would not carry full state as often as asked, compare sends it less often and says so; --force
sends it as asked.";

const RUN_EXAMPLES: &str = "\
Examples:
  rumormill run --preset idle --nodes 500
  rumormill run --preset crash --print > crash.toml
  rumormill run crash.toml --set node.protocol_period=500ms --set node.probe_timeout=200ms
  rumormill run --preset join --nodes 300
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
    /// Measures full state transfer and deltas side by side, under the same writes and the same crash
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(Common),
    /// Measures one scenario
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Prints the resolved scenario as a file, and runs nothing
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub(crate) file: Option<PathBuf>,
    /// A scenario that is built in: idle, writes, crash, join or compare
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Lists the scenarios that are built in, and runs nothing
    #[arg(long)]
    pub(crate) list: bool,
}

/// What both commands take. Numbers stay texts here: the scenario knows what its keys take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// How many nodes (cluster.nodes)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) nodes: Option<String>,
    /// The world the nodes live in: local, real QUIC nodes in this process
    #[arg(long, value_name = "WORLD", default_value = "local", value_parser = world)]
    pub(crate) on: World,
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

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Work(Command),
    /// Help or the version.
    Text(String),
}

impl Arguments {
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
        match Self::try_parse_from(line) {
            Ok(arguments) => Ok(Request::Work(arguments.command)),
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
        "sim" | "fleet" => Err(format!("the world {name} is not part of this version, which has only local")),
        _ => {
            Err("there is no such world, and this version has only local (sim and fleet are not part of it)"
                .into())
        }
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
