use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// Whether nodes agreed on one of the values that were proposed for each slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Consensus {
    /// Slots that values were proposed for in the measured phase.
    pub proposals: u64,
    /// Those that all nodes which lived throughout settled.
    pub settled: u64,
    /// One time for each of those: from when the values were to be proposed until the last such node acted on one.
    pub agreement_us: Summary,
    /// One time for each slot: until the first node acted on a value.
    pub first_us: Summary,
    /// Slots for which two nodes, or one after the other, acted on different values.
    pub acted_on_two: u64,
}
