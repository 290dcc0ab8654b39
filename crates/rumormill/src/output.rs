//! What goes to the two standard streams besides progress.

use std::io::{self, ErrorKind, Write};

use crate::Failure;

/// Prints to standard output. A reader that has seen enough is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Undone(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says one sentence, in one line, on standard error.
pub(crate) fn complain(sentence: &str) {
    let line: String = sentence.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Nobody is left to tell when standard error is closed; the exit code still says it.
    let _ = writeln!(io::stderr(), "rumormill: {line}");
}
