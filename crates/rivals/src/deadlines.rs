use std::collections::{BTreeMap, BTreeSet};

use rumormill_protocol::{NodeId, Time};

/// At most one deadline for each member.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    of: BTreeMap<NodeId, Time>,
    queue: BTreeSet<(Time, NodeId)>,
}

impl Deadlines {
    /// Sets a member's deadline, in place of an earlier one.
    pub(crate) fn set(&mut self, member: NodeId, at: Time) {
        self.clear(member);
        self.of.insert(member, at);
        self.queue.insert((at, member));
    }

    pub(crate) fn clear(&mut self, member: NodeId) {
        if let Some(at) = self.of.remove(&member) {
            self.queue.remove(&(at, member));
        }
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.first().map(|&(at, _)| at)
    }

    /// Takes out the oldest deadline that has passed.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, NodeId)> {
        let &(at, member) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.clear(member);
        Some((at, member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_one_deadline_and_they_come_in_order() {
        let mut deadlines = Deadlines::default();
        for (member, at) in [(1, 50), (2, 30), (3, 40), (1, 20)] {
            deadlines.set(NodeId(member), Time(at));
        }
        deadlines.clear(NodeId(3));
        assert_eq!((deadlines.next(), deadlines.pop(Time(19))), (Some(Time(20)), None));
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop(Time(60))).collect();
        assert_eq!(due, [(Time(20), NodeId(1)), (Time(30), NodeId(2))]);
        assert_eq!(deadlines.next(), None);
    }
}
