use std::collections::{BTreeMap, BTreeSet};

use rumormill_measure::Conflicts as Report;
use rumormill_protocol::{Dot, Key, NodeId, Time};

use super::{bits::Bits, lives::Lives};

/// Follows what each write to a shared key had seen, as the truth against which reported conflicts are held: what its node
/// had applied by then. Takes a bit for each pair of a write and a node, and of two writes; how many writes there are, the
/// scenario bounds.
#[derive(Debug)]
pub(super) struct Conflicts {
    /// Writes are numbered in the order in which they were first heard of.
    numbers: BTreeMap<Dot, usize>,
    writes: Vec<Option<Write>>,
    /// Whether anyone but its writer has a write.
    reached: Bits,
    /// By node, the writes that it applied or made in this life.
    known: Vec<Bits>,
    reported: BTreeSet<(Dot, Dot)>,
}

/// A write to a shared key.
#[derive(Debug)]
struct Write {
    at: Time,
    key: Key,
    dot: Dot,
    /// Whether it belongs to the measured phase.
    counts: bool,
    /// What its node knew.
    saw: Bits,
}

impl Conflicts {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            numbers: BTreeMap::new(),
            writes: Vec::new(),
            reached: Bits::default(),
            known: vec![Bits::default(); nodes],
            reported: BTreeSet::new(),
        }
    }

    fn number(&mut self, dot: Dot) -> usize {
        let next = self.numbers.len();
        let number = *self.numbers.entry(dot).or_insert(next);
        self.writes.resize_with(self.numbers.len(), || None);
        number
    }

    pub(super) fn applied(&mut self, node: NodeId, dot: Dot) {
        let number = self.number(dot);
        self.known[node.index()].insert(number);
        if node != dot.writer {
            self.reached.insert(number);
        }
    }

    pub(super) fn wrote(&mut self, at: Time, dot: Dot, key: Key, counts: bool) {
        let number = self.number(dot);
        let known = &mut self.known[dot.writer.index()];
        self.writes[number] = Some(Write { at, key, dot, counts, saw: known.clone() });
        known.insert(number);
    }

    /// A node has lost what it knew.
    pub(super) fn forgot(&mut self, node: NodeId) {
        self.known[node.index()] = Bits::default();
    }

    pub(super) fn reported(&mut self, one: Dot, two: Dot) {
        self.reported.insert((one, two));
    }

    pub(super) fn report(&self, lives: &Lives) -> Report {
        let mut keys = BTreeMap::<&Key, Vec<(usize, &Write)>>::new();
        for (number, write) in self.writes.iter().enumerate() {
            if let Some(write) = write {
                keys.entry(&write.key).or_default().push((number, write));
            }
        }
        let mut report = Report::default();
        let mut judged = 0;
        for writes in keys.values_mut() {
            writes.sort_by_key(|(number, write)| (write.at, *number));
            judged += self.judge(writes, lives, &mut report);
        }
        // Of writes that nobody made, or to different keys.
        report.invented_pairs += (self.reported.len() - judged) as u64;
        report
    }

    /// Adds what the writes to one key, in the order of time, come to. Returns how many reported conflicts were looked at.
    fn judge(&self, writes: &[(usize, &Write)], lives: &Lives, report: &mut Report) -> usize {
        let histories = histories(writes);
        let places: BTreeMap<Dot, usize> =
            writes.iter().enumerate().map(|(place, (_, write))| (write.dot, place)).collect();
        let are_concurrent = |one: usize, two: usize| !histories[one.max(two)].contains(one.min(two));
        let mut covered = vec![Bits::default(); writes.len()];
        let mut judged = 0;
        for (one, two) in &self.reported {
            let (Some(&one), Some(&two)) = (places.get(one), places.get(two)) else { continue };
            judged += 1;
            if !are_concurrent(one, two) {
                report.invented_pairs += 1;
                continue;
            }
            let left = histories[one].without(&histories[two]);
            let right = histories[two].without(&histories[one]);
            left.iter().for_each(|write| covered[write].add(&right));
            right.iter().for_each(|write| covered[write].add(&left));
        }
        let counts = |&(number, write): &(usize, &Write)| {
            write.counts && (self.reached.contains(number) || lives.is_up_at_end(write.dot.writer))
        };
        let counted: Vec<usize> = (0..writes.len()).filter(|&place| counts(&writes[place])).collect();
        report.writes += counted.len() as u64;
        for (at, &two) in counted.iter().enumerate() {
            for &one in counted[..at].iter().filter(|&&one| are_concurrent(one, two)) {
                report.concurrent_pairs += 1;
                let is_reported = covered[two].contains(one);
                report.reported_pairs += u64::from(is_reported);
                report.missed_pairs += u64::from(!is_reported);
            }
        }
        judged
    }
}

/// By place, each write and all that it had seen, directly or through what it saw.
fn histories(writes: &[(usize, &Write)]) -> Vec<Bits> {
    let mut histories: Vec<Bits> = Vec::with_capacity(writes.len());
    for (place, (_, write)) in writes.iter().enumerate() {
        let mut history = Bits::default();
        for earlier in (0..place).rev() {
            if write.saw.contains(writes[earlier].0) && !history.contains(earlier) {
                history.add(&histories[earlier]);
            }
        }
        history.insert(place);
        histories.push(history);
    }
    histories
}
