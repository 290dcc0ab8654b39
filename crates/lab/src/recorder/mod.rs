//! What a run's events come to: pure, fed in the order of time.

mod episodes;
mod failures;
mod writes;

use std::{collections::BTreeSet, ops::Range};

use rumormill_measure::{Convergence, Detection};
use rumormill_protocol::{Event, NodeId, Status, Time};

use crate::{Inspection, Stamped};
use episodes::Episodes;
use failures::Failures;
use writes::Writes;

/// Turns events into the figures of convergence and detection.
///
/// A node is live when it did not crash in the run; only live nodes count as receivers of writes and as observers
/// of failures that all must notice. A write's times run from when it was *intended*, a failure's from when it
/// happened. Who applied a write has all earlier ones of its writer, also those that were replaced and never sent.
/// A percentile over writes or failures covers those that got that far. A write that died with its writer, held by
/// no live node, is not one that failed to converge. What is wrongly held of live nodes counts from the beginning
/// of the measured phase to the end of the run.
#[derive(Debug)]
pub(crate) struct Recorder {
    nodes: usize,
    measured: Range<Time>,
    writes: Writes,
    failures: Failures,
    suspicions: Episodes,
    deaths: Episodes,
    /// Observer and live member that it declared dead.
    false_dead: BTreeSet<(NodeId, NodeId)>,
    /// Live members that a live node takes for dead at the end.
    dead_at_end: BTreeSet<NodeId>,
}

impl Recorder {
    /// A recorder for `nodes` nodes that made `booted` writes each before it. Writes count when intended for the
    /// measured phase.
    pub(crate) fn new(nodes: usize, measured: Range<Time>, booted: u64) -> Self {
        Self {
            nodes,
            writes: Writes::new(measured.clone(), booted),
            failures: Failures::default(),
            suspicions: Episodes::new(measured.start),
            deaths: Episodes::new(measured.start),
            false_dead: BTreeSet::new(),
            dead_at_end: BTreeSet::new(),
            measured,
        }
    }

    /// A node was asked to write; the time is when it should have been.
    pub(crate) fn intend(&mut self, writer: NodeId, at: Time) {
        self.writes.intend(writer, at);
    }

    /// A node crashes now, and no event of this time or later has been fed.
    pub(crate) fn crash(&mut self, node: NodeId, at: Time) {
        self.failures.crashed(node, at);
        self.suspicions.crashed(node);
        self.deaths.crashed(node);
    }

    /// Something happened. Events of one node come in their order, those of different nodes about in theirs.
    pub(crate) fn event(&mut self, Stamped { at, node, event }: Stamped) {
        if self.failures.has_crashed(node, at) {
            return;
        }
        match event {
            Event::Wrote(dot) => self.writes.wrote(dot),
            Event::Applied(dot) => self.writes.applied(at, node, dot),
            Event::Suspected(member) if self.failures.has_crashed(member, at) => {
                self.failures.suspected(at, member);
            }
            Event::Suspected(member) => {
                self.deaths.give_up(node, member);
                self.suspicions.hold(at, node, member);
            }
            Event::DeclaredDead(member) if self.failures.has_crashed(member, at) => {
                self.failures.declared_dead(at, node, member);
            }
            Event::DeclaredDead(member) => {
                self.suspicions.give_up(node, member);
                self.deaths.hold(at, node, member);
                if at >= self.measured.start {
                    self.false_dead.insert((node, member));
                }
            }
            Event::Alive(member) | Event::Left(member) => {
                self.suspicions.give_up(node, member);
                self.deaths.give_up(node, member);
            }
        }
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn settled(&self) -> bool {
        let live = self.live();
        self.failures.settled(&live) && self.writes.settled(&live)
    }

    /// Those whose writes the final truth is wanted of.
    pub(crate) fn writers(&self) -> Vec<NodeId> {
        self.writes.writers()
    }

    /// Members of whom something may be held that is worth asking for.
    pub(crate) fn doubted(&self) -> Vec<NodeId> {
        let doubted = self.failures.victims().chain(self.suspicions.members()).chain(self.deaths.members());
        doubted.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What a live node believes at the end.
    pub(crate) fn inspected(&mut self, members: &[NodeId], writers: &[NodeId], inspection: &Inspection) {
        for (&member, &status) in members.iter().zip(&inspection.statuses) {
            if self.failures.crashed_at(member).is_some() {
                if status != Status::Dead {
                    self.failures.missed(member);
                }
            } else if status == Status::Dead {
                self.false_dead.insert((inspection.node, member));
                self.dead_at_end.insert(member);
            }
        }
        for (&writer, &version) in writers.iter().zip(&inspection.versions) {
            self.writes.held(writer, version);
        }
    }

    /// How writes spread.
    pub(crate) fn convergence(&self) -> Convergence {
        self.writes.convergence(&self.live())
    }

    /// How failures were noticed, in a run that ended at `end`.
    pub(crate) fn detection(&self, end: Time) -> Detection {
        // An episode that began too early to count, and never ended, is still wrong at the end.
        let false_positives = self.deaths.counted().max(self.dead_at_end.len() as u64);
        let node_hours: f64 = self.live_seconds(self.measured.start..end).iter().sum::<f64>() / 3_600.0;
        let false_dead_pairs = self.false_dead.len() as u64;
        Detection {
            false_suspicions: self.suspicions.counted(),
            false_positives,
            false_dead_pairs,
            // Crashes alone are faults, and who crashed observes nothing.
            false_dead_pairs_at_healthy: false_dead_pairs,
            false_positives_per_node_hour: if node_hours > 0.0 {
                false_positives as f64 / node_hours
            } else {
                0.0
            },
            ..self.failures.detection(&self.live())
        }
    }

    /// How long each node lived in this time.
    pub(crate) fn live_seconds(&self, time: Range<Time>) -> Vec<f64> {
        let until = |node| self.failures.crashed_at(node).unwrap_or(time.end).min(time.end);
        self.ids().map(|node| (until(node) - time.start).as_secs_f64()).collect()
    }

    /// Whether a fault ended this node.
    pub(crate) fn was_hit(&self, node: NodeId) -> bool {
        self.failures.crashed_at(node).is_some()
    }

    fn live(&self) -> Vec<bool> {
        self.ids().map(|node| !self.was_hit(node)).collect()
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes as u32).map(NodeId)
    }
}

#[cfg(test)]
mod tests;
