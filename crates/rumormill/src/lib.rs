//! The command line of rumormill: arguments, wiring and exit codes, for a registry of protocols.
//!
//! A program of one's own protocol fills a [`Registry`] and calls [`run`]. Inside, `arguments` reads the command line,
//! `source`, `compare` and `plan` make checked work of it, `execute` does the work; `registry` and `settings` know the protocols, `worlds` the
//! clusters. Everything that can be refused is refused before anything is written or started.

use std::process::ExitCode;

mod arguments;
mod capacity;
mod compare;
mod directory;
mod epidemic;
mod execute;
mod failure;
mod full_state;
mod interruption;
mod output;
mod plan;
mod presets;
mod progress;
mod registry;
mod settings;
mod source;
mod worlds;

use arguments::{Arguments, Request};
use failure::Failure;
use plan::{Plan, Task};
use rumormill_measure::Status;

pub use registry::{RUMORMILL, Registry};
pub use rumormill_lab::Scenario;
pub use rumormill_link::LinkConfig;
pub use rumormill_protocol as protocol;
pub use worlds::{Crypto, Fidelity, Setting, ViewMode};

/// The exit code of a result that is not valid.
const NOT_VALID: u8 = 3;

/// Does what the command line of this process asks for, and returns what the process is to end with.
pub fn run(registry: &Registry) -> ExitCode {
    match carry_out(registry) {
        Ok(Status::Valid) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(NOT_VALID),
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn carry_out(registry: &Registry) -> Result<Status, Failure> {
    let command = match Arguments::read(std::env::args_os())? {
        Request::Work(command) => *command,
        Request::Text(text) => {
            return output::print(&(text.trim_end().to_owned() + "\n")).map(|()| Status::Valid);
        }
    };
    match Task::resolve(command, registry)? {
        Task::Print(text) => output::print(&text).map(|()| Status::Valid),
        Task::Measure(plan) => execute::execute(&plan, registry),
    }
}
