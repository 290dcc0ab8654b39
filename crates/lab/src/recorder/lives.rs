use std::{collections::BTreeMap, ops::Range};

use rumormill_protocol::{NodeId, NodeSet, Time};

/// Who lives when. A node's life ends at most once, and another one may follow it.
#[derive(Debug)]
pub(super) struct Lives {
    nodes: usize,
    ended: BTreeMap<NodeId, Ended>,
}

#[derive(Debug)]
struct Ended {
    at: Time,
    next: Option<Life>,
}

/// A life that followed an earlier one.
#[derive(Debug)]
struct Life {
    at: Time,
    /// Who has reported this member alive since then.
    heard: NodeSet,
    /// How many of those that live throughout have not.
    awaited: usize,
}

impl Lives {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, ended: BTreeMap::new() }
    }

    pub(super) fn end(&mut self, node: NodeId, at: Time) {
        if self.ended.contains_key(&node) {
            return;
        }
        // Nobody waits any more for what this node has not heard yet.
        for life in self.ended.values_mut().filter_map(|ended| ended.next.as_mut()) {
            life.awaited -= usize::from(!life.heard.contains(node));
        }
        self.ended.insert(node, Ended { at, next: None });
    }

    pub(super) fn begin_again(&mut self, node: NodeId, at: Time) {
        let awaited = self.nodes - self.ended.len();
        if let Some(ended) = self.ended.get_mut(&node) {
            ended.next = Some(Life { at, heard: NodeSet::default(), awaited });
        }
    }

    /// `observer` reports that it takes `member` for alive.
    pub(super) fn heard(&mut self, observer: NodeId, member: NodeId) {
        let throughout = self.is_throughout(observer);
        let Some(life) = self.ended.get_mut(&member).and_then(|ended| ended.next.as_mut()) else { return };
        if !life.heard.contains(observer) {
            life.heard.insert(observer);
            life.awaited -= usize::from(throughout);
        }
    }

    /// Whether `observer` can know that `member` is in the life that it is in: what it says of an earlier one is
    /// only late.
    pub(super) fn has_heard(&self, observer: NodeId, member: NodeId) -> bool {
        let next = self.ended.get(&member).and_then(|ended| ended.next.as_ref());
        next.is_none_or(|life| life.heard.contains(observer))
    }

    /// Whether all that live throughout have heard of this node's new life.
    pub(super) fn is_known_again(&self, node: NodeId) -> bool {
        self.ended.get(&node).and_then(|ended| ended.next.as_ref()).is_some_and(|life| life.awaited == 0)
    }

    pub(super) fn is_up(&self, node: NodeId, at: Time) -> bool {
        self.ended
            .get(&node)
            .is_none_or(|ended| at < ended.at || ended.next.as_ref().is_some_and(|life| at >= life.at))
    }

    /// Whether it never went down.
    pub(super) fn is_throughout(&self, node: NodeId) -> bool {
        !self.ended.contains_key(&node)
    }

    /// Whether it is up after all that has happened.
    pub(super) fn is_up_at_end(&self, node: NodeId) -> bool {
        self.ended.get(&node).is_none_or(|ended| ended.next.is_some())
    }

    /// Which life a node is in, counted from 0.
    pub(super) fn life(&self, node: NodeId) -> u32 {
        u32::from(self.ended.get(&node).is_some_and(|ended| ended.next.is_some()))
    }

    /// Whose life ended.
    pub(super) fn ended(&self) -> impl Iterator<Item = NodeId> {
        self.ended.keys().copied()
    }

    /// By number, whether each node never went down.
    pub(super) fn throughout(&self) -> Vec<bool> {
        self.ids().map(|node| self.is_throughout(node)).collect()
    }

    /// By number, since when each node that is up at the end has been up without a break.
    pub(super) fn up_since(&self) -> Vec<Option<Time>> {
        let since = |node| match self.ended.get(&node) {
            None => Some(Time::ZERO),
            Some(ended) => ended.next.as_ref().map(|life| life.at),
        };
        self.ids().map(since).collect()
    }

    /// How long each node was up in this time.
    pub(super) fn seconds(&self, time: &Range<Time>) -> Vec<f64> {
        let seconds = |node| {
            let Some(ended) = self.ended.get(&node) else { return (time.end - time.start).as_secs_f64() };
            let first = ended.at.min(time.end) - time.start;
            let next = ended.next.as_ref().map(|life| time.end - life.at.max(time.start));
            (first + next.unwrap_or_default()).as_secs_f64()
        };
        self.ids().map(seconds).collect()
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes as u32).map(NodeId)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_node_is_up_but_for_the_time_between_its_lives() {
        let mut lives = Lives::new(3);
        lives.end(NodeId(1), at(4));
        lives.end(NodeId(2), at(6));
        lives.begin_again(NodeId(1), at(7));
        let up = |node| (0..10).filter(|&second| lives.is_up(NodeId(node), at(second))).collect::<Vec<_>>();
        assert_eq!([up(0), up(1), up(2)], [(0..10).collect(), vec![0, 1, 2, 3, 7, 8, 9], (0..6).collect()]);
        // Whatever the range, the seconds are those that were up in it.
        for (from, to) in [(0, 10), (0, 3), (5, 6), (4, 7), (5, 9), (7, 10), (8, 9)] {
            let in_range =
                |node| up(node).into_iter().filter(|second| (from..to).contains(second)).count() as f64;
            assert_eq!(lives.seconds(&(at(from)..at(to))), [0, 1, 2].map(in_range), "{from}..{to}");
        }
        assert_eq!(lives.up_since(), [Some(at(0)), Some(at(7)), None]);
        assert_eq!([0, 1, 2].map(|node| lives.life(NodeId(node))), [0, 1, 0]);
    }

    #[test]
    fn a_new_life_is_known_when_all_that_live_throughout_have_heard_of_it() {
        let [a, b, c, d] = [0, 1, 2, 3].map(NodeId);
        let mut lives = Lives::new(4);
        lives.end(d, at(1));
        lives.heard(a, d);
        lives.begin_again(d, at(2));
        assert!(!lives.has_heard(a, d), "that was of the earlier life");
        lives.heard(a, d);
        lives.heard(a, d);
        lives.heard(b, d);
        assert!(lives.has_heard(a, d) && !lives.has_heard(c, d) && !lives.is_known_again(d));
        lives.end(c, at(3));
        assert!(lives.is_known_again(d), "the one that had not heard is gone");
        assert!(lives.has_heard(c, a) && !lives.is_known_again(a), "nothing is to be heard of one life");
    }
}
