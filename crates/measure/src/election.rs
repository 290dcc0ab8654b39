use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// Whether there was a leader, and one only. A node leads from when it says so until it says that it does not, or dies.
/// Times lie between the beginning of the measured phase and the end of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Election {
    /// How often all live nodes came to follow one live leader after another, or another reign, than before.
    pub elections: u64,
    /// One time for each of them: since the last moment at which all followed the one before and it lived. A leader's
    /// crash is such a moment, not its detection.
    pub agreement_us: Summary,
    /// How long nobody led.
    pub without_leader_us: u64,
    /// How long more than one node led.
    pub two_leaders_us: u64,
    /// The longest such time.
    pub two_leaders_max_us: u64,
    /// Faults that struck the leader: the one that led.
    pub leaders_struck: u64,
    /// Live nodes that did not follow the leader at the end: all, where there was none.
    pub not_following: u64,
}
