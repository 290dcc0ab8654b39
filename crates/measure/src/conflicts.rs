use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of writes to shared keys that did not see each other. A pair is two writes of the measured phase to one key
/// of which neither had seen the other, by what each writer's node had applied when it wrote.
///
/// A conflict that a node reports is one of two writes that both stood: it stands for all that each superseded and the
/// other did not, since what was superseded has no value any more and need not travel. So a pair counts as reported when a
/// reported conflict stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conflicts {
    /// Writes to shared keys.
    pub writes: u64,
    /// Pairs that did not see each other. One that died with its writer, and reached nobody, is left out.
    pub concurrent_pairs: u64,
    /// Those for which some node reported a conflict.
    pub reported_pairs: u64,
    /// Those for which none did.
    pub missed_pairs: u64,
    /// Conflicts that some node reported although one of the two writes had seen the other.
    pub invented_pairs: u64,
}
