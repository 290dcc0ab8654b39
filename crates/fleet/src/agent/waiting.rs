use std::cmp::Ordering;

use rumormill_lab::Action;
use rumormill_protocol::NodeId;

/// An action that waits for its time: by its due time, then by the order in which they came.
pub(super) struct Waiting {
    pub(super) due_ns: u64,
    pub(super) order: u64,
    pub(super) node: NodeId,
    pub(super) action: Action,
}

impl Waiting {
    const fn rank(&self) -> (u64, u64) {
        (self.due_ns, self.order)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}
