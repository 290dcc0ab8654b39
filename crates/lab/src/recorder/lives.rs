use std::{collections::BTreeMap, ops::Range};

use rumormill_protocol::{NodeId, Time};

use super::roll::Roll;

/// Who lives when. A node that is there from the beginning ends at most once, and another life may follow; one that comes
/// late has one life, which may end.
#[derive(Debug)]
pub(super) struct Lives {
    /// Nodes that are there from the beginning.
    residents: usize,
    /// All that ever are.
    nodes: usize,
    /// Nodes that do not live throughout.
    passing: BTreeMap<NodeId, Passing>,
}

#[derive(Debug)]
struct Passing {
    /// When the life from the beginning ended; nothing for one that comes late.
    ended: Option<Time>,
    next: Option<Life>,
}

/// A life that did not begin with the run.
#[derive(Debug)]
struct Life {
    at: Time,
    until: Option<Time>,
    /// Who has reported this member alive since then.
    heard: Roll,
}

impl Lives {
    /// Of so many nodes that are there from the beginning, and so many that come late.
    pub(super) fn new(residents: usize, newcomers: usize) -> Self {
        let nodes = residents + newcomers;
        let late = (residents..nodes).map(|number| NodeId(number as u32));
        Self {
            residents,
            nodes,
            passing: late.map(|node| (node, Passing { ended: None, next: None })).collect(),
        }
    }

    /// How many nodes are there from the beginning.
    pub(super) const fn residents(&self) -> usize {
        self.residents
    }

    pub(super) fn end(&mut self, node: NodeId, at: Time) {
        if let Some(passing) = self.passing.get_mut(&node) {
            let life = passing.next.as_mut().filter(|life| life.until.is_none());
            life.into_iter().for_each(|life| life.until = Some(at));
            return;
        }
        for life in self.passing.values_mut().filter_map(|passing| passing.next.as_mut()) {
            life.heard.gone(at, node);
        }
        self.passing.insert(node, Passing { ended: Some(at), next: None });
    }

    /// A node starts again, or comes late.
    pub(super) fn begin(&mut self, node: NodeId, at: Time) {
        let awaited = self.count_throughout();
        if let Some(passing) = self.passing.get_mut(&node) {
            passing.next = Some(Life { at, until: None, heard: Roll::new(at, awaited) });
        }
    }

    /// `observer` reports that it takes `member` for alive.
    pub(super) fn heard(&mut self, at: Time, observer: NodeId, member: NodeId) {
        let throughout = self.is_throughout(observer);
        let Some(life) = self.passing.get_mut(&member).and_then(|passing| passing.next.as_mut()) else {
            return;
        };
        life.heard.sign(at, observer, throughout);
    }

    /// Whether `observer` can know that `member` is in the life that it is in: what it says of an earlier one is
    /// only late.
    pub(super) fn has_heard(&self, observer: NodeId, member: NodeId) -> bool {
        self.next(member).is_none_or(|life| life.heard.has_seen(observer))
    }

    /// Whether all that live throughout have heard of a node's life that did not begin with the run.
    pub(super) fn is_known_again(&self, node: NodeId) -> bool {
        self.known_again_at(node).is_some()
    }

    /// Since when they all have.
    pub(super) fn known_again_at(&self, node: NodeId) -> Option<Time> {
        self.next(node).and_then(|life| life.heard.complete())
    }

    pub(super) fn is_up(&self, node: NodeId, at: Time) -> bool {
        let Some(passing) = self.passing.get(&node) else { return true };
        passing.ended.is_some_and(|ended| at < ended)
            || passing
                .next
                .as_ref()
                .is_some_and(|life| at >= life.at && life.until.is_none_or(|until| at < until))
    }

    /// Whether it is there from the beginning and never went down.
    pub(super) fn is_throughout(&self, node: NodeId) -> bool {
        !self.passing.contains_key(&node)
    }

    /// How many are, and did not.
    pub(super) fn count_throughout(&self) -> usize {
        self.nodes - self.passing.len()
    }

    /// Whether it is up after all that has happened.
    pub(super) fn is_up_at_end(&self, node: NodeId) -> bool {
        self.passing
            .get(&node)
            .is_none_or(|passing| passing.next.as_ref().is_some_and(|life| life.until.is_none()))
    }

    /// Which life a node is in, counted from 0.
    pub(super) fn life(&self, node: NodeId) -> u32 {
        let again = |passing: &Passing| passing.ended.is_some() && passing.next.is_some();
        u32::from(self.passing.get(&node).is_some_and(again))
    }

    /// Who does not live throughout.
    pub(super) fn passing(&self) -> impl Iterator<Item = NodeId> {
        self.passing.keys().copied()
    }

    /// By number, whether each node lives throughout.
    pub(super) fn throughout(&self) -> Vec<bool> {
        self.ids().map(|node| self.is_throughout(node)).collect()
    }

    /// By number, since when each node that is up at the end has been up without a break.
    pub(super) fn up_since(&self) -> Vec<Option<Time>> {
        let since = |node| match self.passing.get(&node) {
            None => Some(Time::ZERO),
            Some(passing) => passing.next.as_ref().filter(|life| life.until.is_none()).map(|life| life.at),
        };
        self.ids().map(since).collect()
    }

    /// How long each node was up in this time.
    pub(super) fn seconds(&self, time: &Range<Time>) -> Vec<f64> {
        let seconds = |node| {
            let Some(passing) = self.passing.get(&node) else { return (time.end - time.start).as_secs_f64() };
            let first = passing.ended.map(|ended| ended.min(time.end) - time.start);
            let next = passing
                .next
                .as_ref()
                .map(|life| life.until.unwrap_or(time.end).min(time.end) - life.at.max(time.start));
            (first.unwrap_or_default() + next.unwrap_or_default()).as_secs_f64()
        };
        self.ids().map(seconds).collect()
    }

    fn next(&self, node: NodeId) -> Option<&Life> {
        self.passing.get(&node).and_then(|passing| passing.next.as_ref())
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
    fn a_node_is_up_but_for_the_time_before_between_and_after_its_lives() {
        let mut lives = Lives::new(3, 2);
        lives.end(NodeId(1), at(4));
        lives.end(NodeId(2), at(6));
        lives.begin(NodeId(1), at(7));
        lives.begin(NodeId(3), at(3));
        lives.end(NodeId(3), at(8));
        let up = |node| (0..10).filter(|&second| lives.is_up(NodeId(node), at(second))).collect::<Vec<_>>();
        assert_eq!([up(0), up(1), up(2)], [(0..10).collect(), vec![0, 1, 2, 3, 7, 8, 9], (0..6).collect()]);
        assert_eq!([up(3), up(4)], [(3..8).collect(), Vec::new()]);
        // Whatever the range, the seconds are those that were up in it.
        for (from, to) in [(0, 10), (0, 3), (5, 6), (4, 7), (5, 9), (7, 10), (8, 9)] {
            let in_range =
                |node| up(node).into_iter().filter(|second| (from..to).contains(second)).count() as f64;
            assert_eq!(lives.seconds(&(at(from)..at(to))), [0, 1, 2, 3, 4].map(in_range), "{from}..{to}");
        }
        assert_eq!(lives.up_since(), [Some(at(0)), Some(at(7)), None, None, None]);
        assert_eq!([0, 1, 2, 3].map(|node| lives.life(NodeId(node))), [0, 1, 0, 0]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|node| lives.is_up_at_end(NodeId(node))),
            [true, true, false, false, false]
        );
        assert_eq!(lives.count_throughout(), 1);
    }

    #[test]
    fn a_new_life_is_known_when_all_that_live_throughout_have_heard_of_it() {
        let [a, b, c, d, late] = [0, 1, 2, 3, 4].map(NodeId);
        let mut lives = Lives::new(4, 1);
        lives.begin(late, at(1));
        lives.end(d, at(1));
        lives.heard(at(1), a, d);
        lives.begin(d, at(2));
        assert!(!lives.has_heard(a, d), "that was of the earlier life");
        lives.heard(at(2), a, d);
        lives.heard(at(2), a, d);
        lives.heard(at(2), b, d);
        lives.heard(at(2), late, d);
        assert!(lives.has_heard(a, d) && !lives.has_heard(c, d) && !lives.is_known_again(d));
        lives.end(c, at(3));
        assert_eq!(lives.known_again_at(d), Some(at(3)), "the one that had not heard is gone");
        assert!(lives.has_heard(c, a) && !lives.is_known_again(a), "nothing is to be heard of one life");
        assert!(!lives.is_known_again(late));
        [a, b].into_iter().for_each(|node| lives.heard(at(5), node, late));
        assert_eq!(lives.known_again_at(late), Some(at(5)));
    }
}
