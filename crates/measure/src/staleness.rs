use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// The window of disagreement: what a reader would see who, at a moment of the measured phase, reads what one node holds
/// of one other node's writes, all moments and all such pairs being equally likely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Staleness {
    /// The share of reads that lack a write which was made by then: an exact integral over time.
    pub share: f64,
    /// How old those are, in microseconds: for how long the earliest lacking write had been made. Sampled once a second.
    pub age_us: Summary,
}
