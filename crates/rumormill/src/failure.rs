use std::{fmt, process::ExitCode};

use rumormill_lab::ClusterError;

/// Why there is no result. Each is one sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// What was asked for cannot be done as asked; nothing was written and nothing started.
    BadInput(String),
    /// It was begun and could not be carried out.
    Undone(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) => ExitCode::from(2),
            Self::Undone(_) => ExitCode::from(5),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadInput(sentence) | Self::Undone(sentence) => f.write_str(sentence),
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        Self::Undone(error.to_string())
    }
}
