//! Agents as child processes on this machine.

use std::process::Command;

use super::{Crew, Order};

/// Starts so many agents.
///
/// # Errors
/// When one cannot be started, in a sentence.
pub fn start(order: &Order, agents: usize) -> Result<Crew, String> {
    let mut crew = Crew::default();
    for number in 1..=agents {
        let mut command = Command::new(&order.program);
        command.args(order.arguments());
        crew.start(format!("agent process {number}"), &mut command, &order.token)?;
    }
    Ok(crew)
}
