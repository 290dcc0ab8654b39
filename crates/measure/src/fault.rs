use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault of the scenario, and how long its traces lasted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultReport {
    /// What happened, as the scenario names it.
    pub kind: String,
    /// To how many nodes.
    pub nodes: u64,
    /// When, from the beginning of the measured phase.
    pub at_us: u64,
    /// When it ended; nothing for one that does not end.
    pub until_us: Option<u64>,
    /// From its end until no live node suspected a live one, or took one for dead, any more; nothing while one does,
    /// and for a fault that does not end. Of a storm of joins: from its beginning, and until those who joined and those who
    /// were there knew each other.
    pub healed_us: Option<u64>,
    /// From its end until all nodes that live throughout had all that was written before its end in the measured phase;
    /// nothing where they do not, and for a fault that does not end.
    #[serde(default)]
    pub agreed_us: Option<u64>,
}
