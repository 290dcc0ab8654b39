use std::collections::{BTreeMap, BTreeSet};

use rumormill_protocol::{NodeId, Time};

/// What observers wrongly hold of live members: an episode begins when the first observer holds it of a member,
/// and ends when the last one has given it up. At most one entry for each pair of nodes.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    /// Episodes that begin before this do not count.
    since: Time,
    observers: BTreeMap<NodeId, BTreeSet<NodeId>>,
    counted: u64,
    held: u64,
}

impl Episodes {
    pub(super) fn new(since: Time) -> Self {
        Self { since, ..Self::default() }
    }

    pub(super) fn hold(&mut self, at: Time, observer: NodeId, member: NodeId) {
        let observers = self.observers.entry(member).or_default();
        if observers.is_empty() && at >= self.since {
            self.counted += 1;
        }
        self.held += u64::from(observers.insert(observer));
    }

    pub(super) fn give_up(&mut self, observer: NodeId, member: NodeId) {
        if let Some(observers) = self.observers.get_mut(&member) {
            self.held -= u64::from(observers.remove(&observer));
        }
    }

    /// A node is down: what is held of it is no longer wrong, and what it held is gone.
    pub(super) fn gone(&mut self, node: NodeId) {
        for observers in self.observers.values_mut() {
            self.held -= u64::from(observers.remove(&node));
        }
        if let Some(observers) = self.observers.get_mut(&node) {
            self.held -= observers.len() as u64;
            observers.clear();
        }
    }

    /// Of how many pairs of an observer and a member it is held now.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn counted(&self) -> u64 {
        self.counted
    }

    /// Members of whom it was ever held.
    pub(super) fn members(&self) -> impl Iterator<Item = NodeId> {
        self.observers.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_lasts_from_the_first_observer_to_the_last() {
        let [a, b, c] = [NodeId(0), NodeId(1), NodeId(2)];
        let mut episodes = Episodes::new(Time(10));
        episodes.hold(Time(9), a, c);
        episodes.hold(Time(11), b, c);
        assert_eq!(episodes.counted(), 0, "it began too early");
        episodes.give_up(a, c);
        episodes.hold(Time(12), a, c);
        assert_eq!(episodes.counted(), 0, "it never ended");
        episodes.give_up(a, c);
        episodes.gone(b);
        assert_eq!(episodes.held(), 0);
        episodes.hold(Time(13), a, c);
        episodes.hold(Time(13), a, c);
        assert_eq!((episodes.counted(), episodes.held()), (1, 1));
        episodes.gone(c);
        assert_eq!(episodes.held(), 0);
    }
}
