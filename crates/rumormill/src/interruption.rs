use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{Failure, output};

/// The exit code of a process that Ctrl-C ended: 128 and the number of SIGINT.
const ENDED_BY_SIGNAL: i32 = 130;

/// Whether somebody asked the run to stop. Copies tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// From here on the first Ctrl-C or termination signal asks the run to stop, and the second ends the process at
    /// once. To be called once in a process.
    pub(crate) fn watch(quiet: bool) -> Result<Self, Failure> {
        let interruption = Self::default();
        let asked = interruption.clone();
        let heed = move || {
            if !asked.ask() {
                process::exit(ENDED_BY_SIGNAL);
            }
            if !quiet {
                output::complain(
                    "interrupted: what was measured is being written; once more ends this at once",
                );
            }
        };
        ctrlc::set_handler(heed)
            .map_err(|error| Failure::Undone(format!("cannot make ready for being interrupted: {error}")))?;
        Ok(interruption)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks the run to stop. False when that was asked before.
    fn ask(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_copies_know_and_only_the_first_to_ask_is_first() {
        let interruption = Interruption::default();
        let copy = interruption.clone();
        assert!(!copy.is_asked());
        assert_eq!([interruption.ask(), copy.ask()], [true, false]);
        assert!(copy.is_asked());
    }
}
