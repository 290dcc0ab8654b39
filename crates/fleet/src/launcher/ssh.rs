//! Agents on other hosts by the user's OpenSSH, with all that its configuration says. The token travels on standard input, so
//! that no list of processes shows it.

use std::{path::Path, process::Command};

use super::{Crew, Order, line};

/// Starts one agent on each host, which may be anything that `ssh` takes for one. `config` is another configuration file
/// than the usual.
///
/// # Errors
/// When `ssh` cannot be started, in a sentence.
pub fn start(order: &Order, hosts: &[String], config: Option<&Path>) -> Result<Crew, String> {
    let mut crew = Crew::default();
    for host in hosts {
        crew.start(format!("ssh to {host}"), &mut command(order, host, config), &order.token)?;
    }
    Ok(crew)
}

fn command(order: &Order, host: &str, config: Option<&Path>) -> Command {
    let mut command = Command::new("ssh");
    if let Some(config) = config {
        command.arg("-F").arg(config);
    }
    // Nobody is there to answer questions; a host that does not answer is to be said soon.
    command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--", host]);
    command.arg(line([order.program.as_str()].into_iter().chain(order.arguments())));
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    #[test]
    fn the_token_is_on_no_command_line() {
        let token = Token { fingerprint: [1; 32], secret: [2; 32] };
        let order = Order { program: "rumormill".into(), coordinator: "10.0.0.1:77".into(), token };
        let command = command(&order, "user@host", Some(Path::new("my config")));
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(words.ends_with(&[
            "--".into(),
            "user@host".into(),
            "rumormill agent --coordinator 10.0.0.1:77 --token-file - --dial-for 8s".into()
        ]));
        assert_eq!(words[..2], ["-F", "my config"]);
        assert!(words.iter().all(|word| !word.contains("0202")));
    }
}
