use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// How nodes became a cluster, before anything was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Boot {
    /// `warm` (all was known to all) or `join` (through seeds).
    pub mode: String,
    /// Nodes that were up at the end of it: they had the connections that they wanted and knew all members.
    pub nodes_up: u64,
    /// Pairs of an observer and a member that it took for alive, each node's own included: nodes² when all know all.
    pub known_pairs: u64,
    /// From the first command until all nodes were up, or until the boot was given up.
    pub seconds: f64,
    /// How long each node took until it first took all members for alive, to the grain of the runner's looks.
    pub know_all_us: Summary,
    /// Bytes on the wire until then, the whole cluster's.
    pub wire_bytes: u64,
    /// The same for one node.
    pub wire_bytes_per_node: f64,
    /// The whole cluster's by cause; causes without any are left out.
    #[serde(default)]
    pub by_cause_bytes: BTreeMap<String, u64>,
    /// How long was waited until traffic was steady.
    pub settle_seconds: f64,
    /// How much the last two windows of that wait differed, relative to the larger; nothing where none was taken.
    pub last_change: Option<f64>,
}
