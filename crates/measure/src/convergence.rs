use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// How fast writes reached the nodes. Times run from the write to its application, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Convergence {
    /// Writes made in the measured phase.
    pub writes: u64,
    /// Pairs of a write and a live node that was to apply it: the count of `pairs_us` when all did.
    #[serde(default)]
    pub awaited_pairs: u64,
    /// Over all pairs of a write and a live node that applied it.
    pub pairs_us: Summary,
    /// Over writes: until half of the live nodes had it.
    pub t50_us: Summary,
    /// Over writes: until 90 % had it.
    pub t90_us: Summary,
    /// Over writes: until 99 % had it.
    pub t99_us: Summary,
    /// Over writes: until all had it.
    pub t100_us: Summary,
    /// Writes that some live node lacked at the end.
    pub unconverged_writes: u64,
    /// Writes and deletes that were asked for and that the node refused, at any time.
    #[serde(default)]
    pub refused_writes: u64,
}
