//! The command line of rumormill: arguments, wiring and exit codes.
//!
//! `arguments` reads the command line, `plan` makes checked work of it, `execute` does the work. Everything that
//! can be refused is refused before anything is written or started.

use std::process::ExitCode;

mod arguments;
mod capacity;
mod directory;
mod execute;
mod failure;
mod full_state;
mod interruption;
mod output;
mod plan;
mod presets;
mod progress;
mod registry;

use arguments::{Arguments, Request};
use failure::Failure;
use plan::{Plan, Task};
use rumormill_measure::Status;

/// The exit code of a result that is not valid.
const NOT_VALID: u8 = 3;

fn main() -> ExitCode {
    match carry_out() {
        Ok(Status::Valid) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(NOT_VALID),
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn carry_out() -> Result<Status, Failure> {
    let command = match Arguments::read(std::env::args_os())? {
        Request::Work(command) => command,
        Request::Text(text) => {
            return output::print(&(text.trim_end().to_owned() + "\n")).map(|()| Status::Valid);
        }
    };
    match Task::resolve(command)? {
        Task::Print(text) => output::print(&text).map(|()| Status::Valid),
        Task::Measure(plan) => execute::execute(&plan),
    }
}
