use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Summary;

/// What came of nodes that joined and left while the cluster ran. *Residents* are the nodes that were there at the boot and
/// whose life has not ended by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Turnover {
    /// Nodes that were not there at the boot and joined.
    pub joined: u64,
    /// Nodes that left.
    pub left: u64,
    /// One time for each node that joined: from when it was told to until all residents took it for alive.
    pub known_us: Summary,
    /// The same, until it took all residents for alive.
    pub knows_us: Summary,
    /// One time for each node that left: from its goodbye until all residents took it for gone.
    pub missed_us: Summary,
}

impl Turnover {
    /// Whether nobody came or went.
    pub const fn is_nothing(&self) -> bool {
        self.joined == 0 && self.left == 0
    }
}
