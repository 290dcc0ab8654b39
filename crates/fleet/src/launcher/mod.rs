//! Ways to start agents, one a file. Each starts a number of copies of `rumormill agent`; no more is asked of it, since agents
//! dial in by themselves and end by themselves.

use std::{
    io::{self, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Token;

pub mod kubernetes;
pub mod local;
pub mod print;
pub mod slurm;
pub mod ssh;

/// How long agents may take to end after their run.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How long agents that are started here try for their coordinator.
const DIAL_FOR: &str = "8s";

/// What every agent is started with.
#[derive(Clone, Debug)]
pub struct Order {
    /// The program on the agents' hosts.
    pub program: String,
    /// Where the coordinator is, for agents.
    pub coordinator: String,
    /// The run's token.
    pub token: Token,
}

/// The processes that were started here: agents, or what starts them elsewhere. Those that do not end by themselves are
/// ended when it is dropped.
#[derive(Debug, Default)]
pub struct Crew {
    children: Vec<(String, Child)>,
}

impl Order {
    /// The arguments of an agent that reads its token from standard input. Its coordinator listens already, so one that does
    /// not answer is gone.
    fn arguments(&self) -> [&str; 7] {
        ["agent", "--coordinator", &self.coordinator, "--token-file", "-", "--dial-for", DIAL_FOR]
    }
}

impl Crew {
    /// Starts a command in a process group of its own, so that an interrupt at the terminal is the coordinator's alone,
    /// and hands it the token on standard input.
    fn start(&mut self, name: String, command: &mut Command, token: &Token) -> Result<(), String> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let cannot = |error: io::Error| format!("cannot start {name}: {error}");
        // Standard output is the result's.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = child.map_err(cannot)?;
        let told = child.stdin.take().map(|mut input| writeln!(input, "{}", token.reveal()));
        self.children.push((name.clone(), child));
        // One that has ended already is found by the next look.
        match told {
            Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(cannot(error)),
            _ => Ok(()),
        }
    }

    /// Fails when one has ended.
    ///
    /// # Errors
    /// Which, and how, in a sentence.
    pub fn look(&mut self) -> Result<(), String> {
        for (name, child) in &mut self.children {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{name} ended before the run began: {status}"));
            }
        }
        Ok(())
    }

    /// The ids of the processes started.
    pub fn processes(&self) -> impl Iterator<Item = u32> {
        self.children.iter().map(|(_, child)| child.id())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let begun = Instant::now();
        for (_, child) in &mut self.children {
            while matches!(child.try_wait(), Ok(None)) {
                if begun.elapsed() > END_WITHIN {
                    // Whatever cannot be ended has ended.
                    let _ = child.kill();
                    let _ = child.wait();
                } else {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command line for a shell.
fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_a_shell_as_they_are() {
        let words = ["/opt/my tools/rumormill", "a:1", "it's", "$HOME", ""];
        let output = Command::new("sh").args(["-c", &format!("printf '%s\\n' {}", line(words))]).output();
        let output = output.expect("there is a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), words.join("\n") + "\n");
        assert_eq!(
            line(["rumormill", "--coordinator", "10.0.0.1:77"]),
            "rumormill --coordinator 10.0.0.1:77"
        );
    }
}
