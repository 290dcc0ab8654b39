//! The command alone, for whatever else starts processes: Nomad, Ansible, systemd-run, people.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Order, line};
use crate::Token;

/// The command that starts one agent, where the token is in this file.
pub fn command(order: &Order, token_file: &Path) -> String {
    let file = token_file.display().to_string();
    line([&order.program, "agent", "--coordinator", &order.coordinator, "--token-file", &file])
}

/// A file with a token, which nobody else on this machine may read. It is removed when this is dropped.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Writes a new file.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub fn write(path: &Path, token: &Token) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let written = Self { path: path.to_owned() };
        writeln!(file, "{}", token.reveal())?;
        Ok(written)
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // Without the run the token is worth nothing.
        let _ = std::fs::remove_file(&self.path);
    }
}
