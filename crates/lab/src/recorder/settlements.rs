use std::collections::{BTreeMap, BTreeSet};

use rumormill_measure::{Consensus, Histogram};
use rumormill_protocol::{NodeId, Time};

/// Follows what was proposed until all have settled on it. Holds one entry for each pair of a slot and a node; how many
/// slots there are, the scenario bounds.
#[derive(Debug, Default)]
pub(super) struct Settlements {
    slots: BTreeMap<u64, Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    /// When values were to be proposed.
    intended: Option<Time>,
    acted: Vec<(NodeId, Time)>,
    values: BTreeSet<u64>,
}

impl Settlements {
    pub(super) fn intend(&mut self, slot: u64, at: Time) {
        self.slots.entry(slot).or_default().intended.get_or_insert(at);
    }

    pub(super) fn settled(&mut self, at: Time, node: NodeId, slot: u64, value: u64) {
        let slot = self.slots.entry(slot).or_default();
        slot.acted.push((node, at));
        slot.values.insert(value);
    }

    /// Whether all nodes that live throughout have settled everything.
    pub(super) fn all_settled(&self, throughout: &[bool]) -> bool {
        let intended = |slot: &&Slot| slot.intended.is_some();
        self.slots.values().filter(intended).all(|slot| slot.last(throughout).is_some())
    }

    /// What it came to; nothing where nothing was proposed.
    pub(super) fn report(&self, throughout: &[bool]) -> Option<Consensus> {
        let (mut all, mut first) = (Histogram::default(), Histogram::default());
        let mut proposals = 0;
        for slot in self.slots.values() {
            let Some(intended) = slot.intended else { continue };
            proposals += 1;
            if let Some(at) = slot.acted.iter().map(|(_, at)| *at).min() {
                first.record(at - intended);
            }
            if let Some(at) = slot.last(throughout) {
                all.record(at - intended);
            }
        }
        let acted_on_two = self.slots.values().filter(|slot| slot.values.len() > 1).count() as u64;
        (proposals > 0).then(|| Consensus {
            proposals,
            settled: all.count(),
            agreement_us: all.summary(),
            first_us: first.summary(),
            acted_on_two,
        })
    }
}

impl Slot {
    /// When the last of those that live throughout settled it; nothing while one has not.
    fn last(&self, throughout: &[bool]) -> Option<Time> {
        let of_these = self.acted.iter().filter(|(node, _)| throughout[node.index()]);
        let nodes: BTreeSet<NodeId> = of_these.clone().map(|(node, _)| *node).collect();
        let wanted = throughout.iter().filter(|lives| **lives).count();
        of_these.map(|(_, at)| *at).max().filter(|_| nodes.len() == wanted)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn s(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_slot_is_settled_when_all_that_live_throughout_have_settled_it() {
        let mut settlements = Settlements::default();
        assert_eq!(settlements.report(&[true; 3]), None);
        settlements.intend(4, s(10));
        settlements.settled(s(11), NodeId(0), 4, 77);
        settlements.settled(s(12), NodeId(2), 4, 77);
        assert!(!settlements.all_settled(&[true; 3]));
        assert!(settlements.all_settled(&[true, false, true]));
        settlements.settled(s(15), NodeId(1), 4, 77);
        let report = settlements.report(&[true; 3]).expect("a value was proposed");
        assert_eq!((report.proposals, report.settled, report.acted_on_two), (1, 1, 0));
        assert!(report.agreement_us.max.abs_diff(5_000_000) <= 5_000);
        assert!(report.first_us.max.abs_diff(1_000_000) <= 1_000);
    }

    #[test]
    fn two_values_of_one_slot_are_seen_whoever_acted_on_them() {
        let mut settlements = Settlements::default();
        settlements.intend(1, s(1));
        settlements.settled(s(2), NodeId(0), 1, 5);
        settlements.settled(s(2), NodeId(1), 1, 6);
        let report = settlements.report(&[false, true]).expect("a value was proposed");
        assert_eq!((report.settled, report.acted_on_two), (1, 1));
    }
}
