use crate::ClusterError;

/// Why a run does not go on to its end.
pub(crate) enum Stop {
    /// Someone wants it to end now; what was measured is kept.
    Interrupted,
    /// The cluster cannot go on.
    Failed(ClusterError),
}

impl From<ClusterError> for Stop {
    fn from(error: ClusterError) -> Self {
        Self::Failed(error)
    }
}
