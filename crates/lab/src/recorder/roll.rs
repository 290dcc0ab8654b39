use rumormill_protocol::{NodeId, NodeSet, Time};

/// Waits for a sign of each node that is there from the beginning and has not gone.
#[derive(Debug)]
pub(super) struct Roll {
    seen: NodeSet,
    awaited: usize,
    complete: Option<Time>,
}

impl Roll {
    /// Of so many nodes that live throughout.
    pub(super) fn new(at: Time, awaited: usize) -> Self {
        Self { seen: NodeSet::default(), awaited, complete: (awaited == 0).then_some(at) }
    }

    /// A node gave its sign.
    pub(super) fn sign(&mut self, at: Time, node: NodeId, throughout: bool) {
        if !self.seen.contains(node) {
            self.seen.insert(node);
            self.miss(at, usize::from(throughout));
        }
    }

    /// A node that lived throughout until now is gone: nobody waits for it any more.
    pub(super) fn gone(&mut self, at: Time, node: NodeId) {
        self.miss(at, usize::from(!self.seen.contains(node)));
    }

    pub(super) fn has_seen(&self, node: NodeId) -> bool {
        self.seen.contains(node)
    }

    /// Since when nobody is missing.
    pub(super) const fn complete(&self) -> Option<Time> {
        self.complete
    }

    fn miss(&mut self, at: Time, fewer: usize) {
        self.awaited -= fewer;
        if self.awaited == 0 {
            self.complete.get_or_insert(at);
        }
    }
}
