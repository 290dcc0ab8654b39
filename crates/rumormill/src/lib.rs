//! The command line of rumormill: arguments, wiring and exit codes, for a registry of protocols.
//!
//! A program of one's own protocol fills a [`Registry`] and calls [`run`]. Inside, `arguments` reads the command line,
//! `source`, `compare` and `plan` make checked work of it, `execute` does the work; `registry` and `settings` know the protocols, `worlds` the
//! clusters. Everything that can be refused is refused before anything is written or started.

use std::process::ExitCode;

mod arguments;
mod campaign;
mod capacity;
mod compare;
mod diff;
mod directory;
mod doctor;
mod epidemic;
mod execute;
mod exports;
mod failure;
mod fleet;
mod full_state;
mod heartbeats;
mod index;
mod interruption;
mod live;
mod needs;
mod output;
mod plan;
mod presets;
mod progress;
mod registry;
mod report;
mod settings;
mod source;
mod theory;
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

/// The exit code of what was done as asked.
const DONE: u8 = 0;
/// The exit code of a result that is not valid.
const NOT_VALID: u8 = 3;

/// Does what the command line of this process asks for, and returns what the process is to end with.
pub fn run(registry: &Registry) -> ExitCode {
    match carry_out(registry) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// The exit code of what was done.
fn carry_out(registry: &Registry) -> Result<u8, Failure> {
    let command = match Arguments::read(std::env::args_os())? {
        Request::Work(command) => *command,
        Request::Text(text) => {
            return output::print(&(text.trim_end().to_owned() + "\n")).map(|()| DONE);
        }
    };
    match Task::resolve(command, registry)? {
        Task::Print(text) => output::print(&text).map(|()| DONE),
        Task::Examine(asked) => doctor::examine(*asked, registry).map(|()| DONE),
        Task::Report(asked) => report::remake(&asked).map(|()| DONE),
        Task::Serve(asked) => fleet::serve(&asked, registry).map(|()| DONE),
        Task::Compare(asked) => diff::carry_out(&asked),
        Task::Measure(campaign) => match campaign.execute(registry)? {
            Status::Valid => Ok(DONE),
            Status::Saturated | Status::Invalid => Ok(NOT_VALID),
        },
    }
}
