use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much less often the whole state was sent than the scenario asks. Bytes are those of the whole cluster, by
/// estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reduction {
    /// Between two pushes of one node, as the scenario asks.
    pub asked_interval_us: u64,
    /// Between two pushes of one node, as it was measured.
    pub used_interval_us: u64,
    /// What the interval asked for would take.
    pub asked_bytes_per_second: f64,
    /// What the machine is taken to carry.
    pub fitting_bytes_per_second: f64,
}
