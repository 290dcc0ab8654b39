//! The program: the command line for the protocols that come with it.

use std::process::ExitCode;

use rumormill::Registry;

fn main() -> ExitCode {
    rumormill::run(&Registry::standard())
}
