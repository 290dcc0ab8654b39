use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// How fast failures were noticed, and how often there was none. Times run from the failure, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Detection {
    /// Nodes that failed in the measured phase.
    pub failures: u64,
    /// Over failures: until the first live node suspected it.
    pub first_suspect_us: Summary,
    /// Over failures: until the first live node declared it dead.
    pub first_dead_us: Summary,
    /// Over failures: until all live nodes had declared it dead.
    pub all_dead_us: Summary,
    /// Over all pairs of a live node and a failure that it declared dead.
    pub pairs_us: Summary,
    /// Failures that some live node had not declared dead at the end.
    pub undetected: u64,
    /// Episodes of a live node being suspected.
    pub false_suspicions: u64,
    /// Episodes of a live node being declared dead by at least one live node.
    pub false_positives: u64,
    /// Pairs of a live node and the live node that it declared dead.
    pub false_dead_pairs: u64,
    /// Of those, the pairs whose observer no fault had hit.
    pub false_dead_pairs_at_healthy: u64,
    /// How often a member that no fault of the scenario hits was declared dead, at each observer by itself (Lifeguard's
    /// false positives).
    #[serde(default)]
    pub false_deaths_of_healthy: u64,
    /// Of those, the times at observers that no fault hits either (Lifeguard's false positives at healthy members).
    #[serde(default)]
    pub false_deaths_of_healthy_at_healthy: u64,
    /// False positives per node and hour.
    pub false_positives_per_node_hour: f64,
}
