//! Agents on the nodes of a Slurm cluster, by `srun`: one on each node of an allocation, or of one that it makes. `srun` passes
//! its standard input on to all of them, the token with it.

use std::process::Command;

use super::{Crew, Order};

/// Starts so many agents on as many nodes. `options` are further ones for `srun`.
///
/// # Errors
/// When `srun` cannot be started, in a sentence.
pub fn start(order: &Order, agents: usize, options: &[String]) -> Result<Crew, String> {
    let mut crew = Crew::default();
    crew.start("srun".into(), &mut command(order, agents, options), &order.token)?;
    Ok(crew)
}

fn command(order: &Order, agents: usize, options: &[String]) -> Command {
    let agents = agents.to_string();
    let mut command = Command::new("srun");
    command.args(["--nodes", &agents, "--ntasks", &agents, "--ntasks-per-node", "1", "--input", "all"]);
    command.args(options).arg("--").arg(&order.program).args(order.arguments());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    #[test]
    fn one_agent_a_node_with_the_token_on_no_command_line() {
        let token = Token { fingerprint: [1; 32], secret: [2; 32] };
        let order = Order { program: "/opt/rumormill".into(), coordinator: "head:77".into(), token };
        let command = command(&order, 4, &["--partition=test".into()]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(
            words.join(" "),
            "--nodes 4 --ntasks 4 --ntasks-per-node 1 --input all --partition=test -- \
             /opt/rumormill agent --coordinator head:77 --token-file - --dial-for 8s"
        );
    }
}
