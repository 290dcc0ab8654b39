use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use rumormill_measure::{Convergence, Histogram};
use rumormill_protocol::{Dot, NodeId, Time};

/// Follows writes to the nodes that apply them. Holds one entry for each pair of a counted write and a node; how
/// many writes there are, the scenario bounds.
#[derive(Debug)]
pub(super) struct Writes {
    /// Writes intended for this time count.
    counted: Range<Time>,
    /// The last write of each writer that belongs to the boot.
    booted: u64,
    /// Writes asked for and not made yet.
    asked: BTreeMap<NodeId, VecDeque<Time>>,
    made: BTreeMap<Dot, Made>,
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
        Self { counted, booted, asked: BTreeMap::new(), made: BTreeMap::new() }
    }

    pub(super) fn intend(&mut self, writer: NodeId, at: Time) {
        self.asked.entry(writer).or_default().push_back(at);
    }

    pub(super) fn wrote(&mut self, dot: Dot) {
        if dot.counter <= self.booted {
            return;
        }
        let intended = self.asked.get_mut(&dot.writer).and_then(VecDeque::pop_front);
        let write = self.made.entry(dot).or_default();
        write.intended = intended;
        if !intended.is_some_and(|at| self.counted.contains(&at)) {
            write.applied = Vec::new();
        }
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
        let awaited = |(&writer, asked): (&NodeId, &VecDeque<Time>)| lives(writer) && !asked.is_empty();
        // A write that lived on nowhere can reach nobody.
        let done =
            |reach: &Reach<'_>| reach.count == reach.others || (reach.count == 0 && !lives(reach.dot.writer));
        !self.asked.iter().any(awaited) && self.all(receivers, done)
    }

    /// How writes reached the nodes that live throughout.
    pub(super) fn convergence(&self, up_since: &[Option<Time>]) -> Convergence {
        let receivers: Vec<_> =
            up_since.iter().map(|&since| since.filter(|_| is_throughout(since))).collect();
        let (mut pairs, mut shares) = (Histogram::default(), [(); 4].map(|()| Histogram::default()));
        let (mut writes, mut unconverged_writes) = (0, 0);
        self.all(&receivers, |reach| {
            let writer_lives = receivers[reach.dot.writer.index()].is_some();
            writes += 1;
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
        let [t50_us, t90_us, t99_us, t100_us] = shares.map(|histogram| histogram.summary());
        Convergence { writes, pairs_us: pairs.summary(), t50_us, t90_us, t99_us, t100_us, unconverged_writes }
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

/// Whether a node that is up since then never went down.
fn is_throughout(since: Option<Time>) -> bool {
    since == Some(Time::ZERO)
}

/// How far a counted write got.
struct Reach<'a> {
    dot: Dot,
    intended: Time,
    write: &'a Made,
    /// Since when each receiver other than the writer has it.
    had: &'a [Option<Time>],
    /// How many have it.
    count: usize,
    /// How many should.
    others: usize,
}
