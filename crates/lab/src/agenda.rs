use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use rand::{Rng, RngExt};
use rumormill_protocol::{Key, NodeId, Purpose, Random, SHARED_KEY_PREFIX, Time, Value, generator, stream};

use crate::{Passage, Scenario, Strike, Way, proposals::Proposals};

/// What a scenario does to its cluster, and when: known in advance, so that every variant meets the same.
///
/// Writes are a Poisson process from the beginning of the warm-up to the end of the measured phase. Each is made
/// by a random node that was there at the boot and whose life nothing has ended by then, to a random key of its own, or
/// one that all share, and may delete it. Nodes come and go in the measured phase. Faults begin in it and may end after
/// it.
pub(crate) struct Agenda {
    random: Random,
    writes_per_second: f64,
    write_bytes: usize,
    keys: u32,
    hot_keys: u32,
    shared: f64,
    deletes: f64,
    nodes: u32,
    /// Writes end here.
    end: Time,
    next_write: Option<Time>,
    proposals: Proposals,
    /// Beginnings and ends of faults, and who comes and goes, in the order of their time.
    events: VecDeque<(Time, Deed)>,
    /// When the life of a node first ends.
    hit: BTreeMap<NodeId, Time>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    Write {
        writer: NodeId,
        key: Key,
        /// Nothing where the key is to be deleted.
        value: Option<Value>,
    },
    /// Each of these proposes a value for a slot.
    Propose { slot: u64, values: Vec<(NodeId, Value)> },
    /// A fault, by its place in the list of strikes, begins.
    Begin(usize),
    /// A fault ends.
    End(usize),
    /// A fault that comes again and again begins at one of its nodes, by the node's place.
    BeginSpell(usize, usize),
    /// It ends there, for a while or for good, so long after the beginning of the measured phase.
    EndSpell(usize, usize, Duration),
    /// A node comes or goes.
    Pass(NodeId, Way),
}

/// The name of a node's key.
pub(crate) fn key(number: u32) -> Key {
    format!("k{number}").into()
}

/// The name of a key that all nodes share.
fn hot_key(number: u32) -> Key {
    format!("{SHARED_KEY_PREFIX}h{number}").into()
}

/// A value that no compression makes shorter.
pub(crate) fn value(random: &mut Random, bytes: usize) -> Value {
    let mut value = vec![0; bytes];
    random.fill_bytes(&mut value);
    Arc::from(value)
}

impl Agenda {
    /// The agenda of a scenario with these strikes and passages whose warm-up begins at `start`.
    pub(crate) fn new(scenario: &Scenario, strikes: &[Strike], passages: &[Passage], start: Time) -> Self {
        let measured = start + scenario.phases.warm_up;
        let (mut events, mut hit) = (Vec::new(), BTreeMap::new());
        for (fault, strike) in strikes.iter().enumerate() {
            let at = measured + strike.at;
            events.push((at, Deed::Begin(fault)));
            events.extend(spells(strike, fault, measured));
            events.extend(strike.lasts().map(|lasts| (at + lasts, Deed::End(fault))));
            if strike.kind.ends_life() {
                hit.extend(strike.nodes.iter().map(|&node| (node, at)));
            }
        }
        for &Passage { at, way, node } in passages {
            events.push((measured + at, Deed::Pass(node, way)));
            if way == Way::Out {
                hit.insert(node, measured + at);
            }
        }
        events.sort_by_key(|(at, _)| *at);
        let mut agenda = Self {
            random: generator(stream(scenario.seed, Purpose::Workload, None)),
            writes_per_second: scenario.workload.writes_per_second,
            write_bytes: scenario.workload.write_bytes,
            keys: u32::try_from(scenario.cluster.keys_per_node).unwrap_or(u32::MAX),
            hot_keys: u32::try_from(scenario.workload.hot_keys).unwrap_or(u32::MAX),
            shared: scenario.workload.shared,
            deletes: scenario.workload.deletes,
            nodes: u32::try_from(scenario.cluster.nodes).unwrap_or(u32::MAX),
            end: measured + scenario.phases.measure,
            next_write: None,
            proposals: Proposals::new(scenario, measured),
            events: events.into(),
            hit,
        };
        agenda.next_write = agenda.write_after(start);
        agenda
    }

    /// When there is something to do next.
    pub(crate) fn next_at(&self) -> Option<Time> {
        let event = self.events.front().map(|&(at, _)| at);
        self.next_write.into_iter().chain(event).chain(self.proposals.next_at()).min()
    }

    /// What was to be done by `now` and the time that it was intended for, in the order of those times; to be
    /// called until there is none.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, Deed)> {
        let at = self.next_at().filter(|&at| at <= now)?;
        if self.events.front().is_some_and(|&(event_at, _)| event_at == at) {
            return self.events.pop_front();
        }
        if self.proposals.next_at() == Some(at) {
            let hit = &self.hit;
            let (slot, values) = self.proposals.pop(at, |node| hit.get(&node).is_none_or(|&hit| at < hit));
            return Some((at, Deed::Propose { slot, values }));
        }
        self.next_write = self.write_after(at);
        let writer = loop {
            let node = NodeId(self.random.random_range(0..self.nodes));
            if self.hit.get(&node).is_none_or(|&hit| at < hit) {
                break node;
            }
        };
        let is_shared = self.hot_keys > 0 && self.random.random_bool(self.shared);
        let key = if is_shared {
            hot_key(self.random.random_range(0..self.hot_keys))
        } else {
            key(self.random.random_range(0..self.keys))
        };
        let deletes = self.deletes > 0.0 && self.random.random_bool(self.deletes);
        let value = (!deletes).then(|| value(&mut self.random, self.write_bytes));
        Some((at, Deed::Write { writer, key, value }))
    }

    /// The time of the write that follows one at `at`: intervals are exponential.
    fn write_after(&mut self, at: Time) -> Option<Time> {
        if self.writes_per_second <= 0.0 {
            return None;
        }
        let interval_seconds = -(1.0 - self.random.random::<f64>()).ln() / self.writes_per_second;
        let interval = Duration::try_from_secs_f64(interval_seconds).unwrap_or(Duration::MAX);
        Some(at + interval).filter(|&next| next < self.end)
    }
}

/// The beginnings and ends of a fault that comes again and again, at each of its nodes.
fn spells(strike: &Strike, fault: usize, measured: Time) -> Vec<(Time, Deed)> {
    let (Some(rhythm), Some(lasts)) = (&strike.rhythm, strike.kind.lasts()) else { return Vec::new() };
    let mut deeds = Vec::new();
    for place in 0..strike.nodes.len() {
        for spell in rhythm.spells(place, lasts) {
            let [begin, end] = [strike.at + spell.start, strike.at + spell.end];
            deeds.push((measured + begin, Deed::BeginSpell(fault, place)));
            deeds.push((measured + end, Deed::EndSpell(fault, place, end)));
        }
    }
    deeds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draft;

    fn scenario() -> Scenario {
        let mut draft = Draft::default();
        for setting in [
            "cluster.nodes=4",
            "workload.writes_per_second=100",
            "phases.warm_up=5s",
            "phases.measure=95s",
            r#"fault=[{at = "10s", kind = "restart", for = "90s", nodes = [0, 2]}]"#,
        ] {
            draft.set(setting).expect("a valid setting");
        }
        draft.finish().expect("a valid scenario")
    }

    fn deeds(start: Time) -> Vec<(Time, Deed)> {
        let mut agenda = Agenda::new(&scenario(), &scenario().strikes(), &[], start);
        std::iter::from_fn(|| agenda.pop(Time(u64::MAX))).collect()
    }

    #[test]
    fn writes_are_as_many_as_their_rate_says_and_no_node_that_was_hit_writes() {
        let all = deeds(Time::ZERO);
        assert!(all.is_sorted_by_key(|(at, _)| *at));
        let crash = Time::ZERO + Duration::from_secs(15);
        let faults: Vec<_> = all.iter().filter(|(_, deed)| !matches!(deed, Deed::Write { .. })).collect();
        assert_eq!(faults, [&(crash, Deed::Begin(0)), &(crash + Duration::from_secs(90), Deed::End(0))]);
        let writes = all.len() - faults.len();
        // 100 writes a second for 100 s; six standard deviations of a Poisson number are 600.
        assert!(writes.abs_diff(10_000) < 600, "{writes}");
        for (at, deed) in &all {
            if let Deed::Write { writer, value: Some(value), .. } = deed {
                assert!(*at < crash || writer.0 % 2 == 1, "{writer} wrote at {at:?}");
                assert_eq!(value.len(), 128);
            }
        }
    }

    #[test]
    fn another_start_moves_everything_and_changes_nothing() {
        let late = Duration::from_secs(3);
        let moved: Vec<_> = deeds(Time::ZERO).into_iter().map(|(at, deed)| (at + late, deed)).collect();
        assert_eq!(moved, deeds(Time::ZERO + late));
    }

    #[test]
    fn nothing_is_done_before_its_time() {
        let mut agenda = Agenda::new(&scenario(), &scenario().strikes(), &[], Time::ZERO);
        let first = agenda.next_at().expect("there are writes");
        assert_eq!(agenda.pop(Time(first.0 - 1)), None);
        assert!(agenda.pop(first).is_some_and(|(at, _)| at == first));
    }
}
