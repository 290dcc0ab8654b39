use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use rumormill_measure::{Convergence, Histogram, Histograms, Metric, Staleness, time_errors};
use rumormill_protocol::{Dot, Key, NodeId, Time};

use super::staleness::Stale;

/// Follows writes to the nodes that apply them. Holds one entry for each pair of a counted write and a node; how
/// many writes there are, the scenario bounds.
#[derive(Debug)]
pub(super) struct Writes {
    /// Writes intended for this time count.
    counted: Range<Time>,
    /// The last write of each writer that belongs to the boot.
    booted: u64,
    /// Writes asked for and not made yet.
    asked: BTreeMap<NodeId, VecDeque<Asked>>,
    made: BTreeMap<Dot, Made>,
    refused: u64,
}

/// What a node was asked to write.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) at: Time,
    /// The key where it is shared.
    pub(super) shared: Option<Key>,
}

/// A write. What is heard of it may come before what is heard from its writer.
#[derive(Debug, Default)]
struct Made {
    intended: Option<Time>,
    /// By whom, of those that were not given a later write of the writer's first.
    applied: Vec<(NodeId, Time)>,
    /// Whether some live node had it at the end.
    held: bool,
    /// Whether some live node lacked it at the end.
    lacked: bool,
}

impl Writes {
    pub(super) fn new(counted: Range<Time>, booted: u64) -> Self {
        Self { counted, booted, asked: BTreeMap::new(), made: BTreeMap::new(), refused: 0 }
    }

    pub(super) fn intend(&mut self, writer: NodeId, asked: Asked) {
        self.asked.entry(writer).or_default().push_back(asked);
    }

    /// Returns what was asked for.
    pub(super) fn wrote(&mut self, dot: Dot) -> Option<Asked> {
        if dot.counter <= self.booted {
            return None;
        }
        let asked = self.asked.get_mut(&dot.writer).and_then(VecDeque::pop_front);
        let write = self.made.entry(dot).or_default();
        write.intended = asked.as_ref().map(|asked| asked.at);
        if !write.intended.is_some_and(|at| self.counted.contains(&at)) {
            write.applied = Vec::new();
        }
        asked
    }

    /// A node did not do the next thing that it was asked.
    pub(super) fn refused(&mut self, node: NodeId) {
        self.refused += 1;
        self.asked.get_mut(&node).and_then(VecDeque::pop_front);
    }

    /// Whether a write that was intended for this time belongs to the measured phase.
    pub(super) fn counts(&self, at: Time) -> bool {
        self.counted.contains(&at)
    }

    pub(super) fn applied(&mut self, at: Time, node: NodeId, dot: Dot) {
        if dot.counter <= self.booted {
            return;
        }
        let write = self.made.entry(dot).or_default();
        if write.intended.is_none_or(|at| self.counted.contains(&at)) {
            write.applied.push((node, at));
        }
    }

    /// The final truth: up to which write `writer`'s are held by a live node.
    pub(super) fn held(&mut self, writer: NodeId, version: u64) {
        let all = Dot { writer, counter: 0 }..=Dot { writer, counter: u64::MAX };
        for (dot, write) in self.made.range_mut(all) {
            if dot.counter <= version {
                write.held = true;
            } else {
                write.lacked = true;
            }
        }
    }

    /// Those who wrote.
    pub(super) fn writers(&self) -> Vec<NodeId> {
        let mut writers: Vec<_> = self.made.keys().map(|dot| dot.writer).collect();
        writers.dedup();
        writers
    }

    /// Whether every counted write has been made and has reached all receivers.
    pub(super) fn settled(&self, receivers: &[Option<Time>]) -> bool {
        let lives = |writer: NodeId| is_throughout(receivers[writer.index()]);
        let awaited = |(&writer, asked): (&NodeId, &VecDeque<Asked>)| lives(writer) && !asked.is_empty();
        // A write that lived on nowhere can reach nobody.
        let done =
            |reach: &Reach<'_>| reach.count == reach.others || (reach.count == 0 && !lives(reach.dot.writer));
        !self.asked.iter().any(awaited) && self.all(receivers, done)
    }

    /// How writes reached the nodes that live throughout; the distributions go to `kept`, and how far times may be off by
    /// chance to `errors`.
    pub(super) fn convergence(
        &self,
        up_since: &[Option<Time>],
        kept: &mut Histograms,
        errors: &mut BTreeMap<String, f64>,
    ) -> Convergence {
        let receivers = throughout(up_since);
        let (mut pairs, mut shares) = (Histogram::default(), [(); 4].map(|()| Histogram::default()));
        let (mut writes, mut unconverged_writes, mut awaited_pairs) = (0, 0, 0);
        self.all(&receivers, |reach| {
            let writer_lives = receivers[reach.dot.writer.index()].is_some();
            writes += 1;
            awaited_pairs += reach.others as u64;
            unconverged_writes += u64::from(reach.write.lacked && (writer_lives || reach.write.held));
            let mut times: Vec<_> = reach.had.iter().flatten().map(|&at| at - reach.intended).collect();
            times.sort_unstable();
            times.iter().for_each(|&time| pairs.record(time));
            for (percent, histogram) in [50, 90, 99, 100].into_iter().zip(&mut shares) {
                let rank = (reach.others * percent).div_ceil(100).max(1);
                if let Some(&time) = times.get(rank - 1) {
                    histogram.record(time);
                }
            }
            true
        });
        errors.extend(time_errors("convergence.pairs_us", &pairs, writes));
        for (name, histogram) in [("t99_us", &shares[2]), ("t100_us", &shares[3])] {
            errors.extend(time_errors(&format!("convergence.{name}"), histogram, histogram.count()));
        }
        let [t50, t90, t99, t100] = shares;
        Convergence {
            writes,
            awaited_pairs,
            pairs_us: kept.keep(Metric::ConvergencePairs, pairs),
            t50_us: kept.keep(Metric::ConvergenceT50, t50),
            t90_us: kept.keep(Metric::ConvergenceT90, t90),
            t99_us: kept.keep(Metric::ConvergenceT99, t99),
            t100_us: kept.keep(Metric::ConvergenceT100, t100),
            unconverged_writes,
            refused_writes: self.refused,
        }
    }

    /// Pairs of a counted write and a node that had it before it was intended.
    pub(super) fn negative_latencies(&self, up_since: &[Option<Time>]) -> u64 {
        let mut negative = 0;
        self.all(&throughout(up_since), |reach| {
            negative += reach.had.iter().flatten().filter(|&&at| at < reach.intended).count() as u64;
            true
        });
        negative
    }

    /// How much of what is read of so many writers is stale, at nodes that live throughout; nothing where nothing was
    /// written.
    pub(super) fn staleness(&self, up_since: &[Option<Time>], writers: usize) -> Option<Staleness> {
        let receivers = throughout(up_since);
        let mut stale = Stale::new(self.counted.clone(), &receivers, writers);
        let mut writes = 0;
        self.all(&receivers, |reach| {
            writes += 1;
            stale.add(reach);
            true
        });
        (writes > 0).then(|| stale.into_staleness())
    }

    /// When all nodes that live throughout had all counted writes intended for before `end`, if they ever had. A write
    /// that died with its writer is not waited for.
    pub(super) fn agreed(&self, end: Time, up_since: &[Option<Time>]) -> Option<Time> {
        let receivers = throughout(up_since);
        let mut agreed = Time::ZERO;
        let all = self.all(&receivers, |reach| {
            if reach.intended >= end || (reach.count == 0 && receivers[reach.dot.writer.index()].is_none()) {
                return true;
            }
            agreed = reach.had.iter().flatten().copied().fold(agreed, Time::max);
            reach.count == reach.others
        });
        all.then_some(agreed)
    }

    /// Whether all counted writes pass `check`, which sees them up to the first that does not.
    ///
    /// Writers are taken one by one and their writes from the last to the first: a node that applied a write has
    /// all before it as well, replaced ones included, which never reach it as such.
    ///
    /// By number, `receivers` says from when on what each node applied counts; nothing where it does not at all.
    fn all(&self, receivers: &[Option<Time>], mut check: impl FnMut(&Reach<'_>) -> bool) -> bool {
        let nodes = receivers.iter().flatten().count();
        let (mut had, mut count, mut writer) = (vec![None; receivers.len()], 0, None);
        for (&dot, write) in self.made.iter().rev() {
            if writer.replace(dot.writer) != Some(dot.writer) {
                had.fill(None);
                count = 0;
            }
            // A writer that started again may be given its own writes back.
            let counts = |&&(node, at): &&(NodeId, Time)| {
                node != dot.writer && receivers[node.index()].is_some_and(|since| at >= since)
            };
            for &(node, at) in write.applied.iter().filter(counts) {
                let first = &mut had[node.index()];
                count += usize::from(first.is_none());
                *first = Some(first.map_or(at, |first: Time| first.min(at)));
            }
            let Some(intended) = write.intended.filter(|at| self.counted.contains(at)) else { continue };
            let others = nodes - usize::from(receivers[dot.writer.index()].is_some());
            if !check(&Reach { dot, intended, write, had: &had, count, others }) {
                return false;
            }
        }
        true
    }
}

/// Of those who are up since these times, those who never went down.
fn throughout(up_since: &[Option<Time>]) -> Vec<Option<Time>> {
    up_since.iter().map(|&since| since.filter(|_| is_throughout(since))).collect()
}

/// Whether a node that is up since then never went down.
fn is_throughout(since: Option<Time>) -> bool {
    since == Some(Time::ZERO)
}

/// How far a counted write got.
pub(super) struct Reach<'a> {
    pub(super) dot: Dot,
    pub(super) intended: Time,
    write: &'a Made,
    /// Since when each receiver other than the writer has it.
    pub(super) had: &'a [Option<Time>],
    /// How many have it.
    count: usize,
    /// How many should.
    others: usize,
}
