use std::{cmp::Reverse, collections::BinaryHeap};

use rumormill_protocol::{NodeId, Time};

use crate::standing::Standing;

/// Suspicions under way and when each becomes a death. One that was refuted stays queued until its time and is
/// then found to be out of date; so there are at most as many as were raised within one suspicion time-out.
#[derive(Debug, Default)]
pub(crate) struct Suspicions {
    queue: BinaryHeap<Reverse<(Time, NodeId, Standing)>>,
}

impl Suspicions {
    /// Starts the clock for a suspicion.
    pub(crate) fn raise(&mut self, member: NodeId, suspected_as: Standing, until: Time) {
        self.queue.push(Reverse((until, member, suspected_as)));
    }

    /// The next time that a suspicion runs out.
    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.peek().map(|Reverse((until, ..))| *until)
    }

    /// A suspicion that has run out; it counts only if the member still stands as it was suspected.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(NodeId, Standing)> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse((_, member, standing))| (member, standing))
    }
}
