//! What a run's events come to: pure, fed in the order of time.

mod episodes;
mod failures;
mod faults;
mod lives;
mod truth;
mod writes;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use rumormill_measure::{Convergence, Detection, FaultReport, Membership};
use rumormill_protocol::{Event, NodeId, Status, Time};

use crate::{FaultKind, Inspection, Stamped, Strike};
use episodes::Episodes;
use failures::Failures;
use faults::Faults;
use lives::Lives;
use writes::Writes;

/// Turns events into the figures of convergence, detection, membership and faults.
///
/// A node is live while it is up: from the beginning until it crashes or leaves, and again from its restart. In the
/// times of convergence and detection only nodes that live throughout the run count as receivers of writes and as
/// observers of failures; what must hold at the end must hold of all that are live then. A write's times run from
/// when it was *intended*, a failure's from when it happened. Who applied a write has all earlier ones of its
/// writer, also those that were replaced and never sent. A percentile over writes or failures covers those that got
/// that far. A write that died with its writer, held by no live node, is not one that failed to converge.
///
/// What is wrongly held of live nodes counts from the beginning of the measured phase to the end of the run. What
/// an observer holds of a node that started again is wrong only once it has reported the new life: before, it is
/// late news of the end of the earlier one.
#[derive(Debug)]
pub(crate) struct Recorder {
    measured: Range<Time>,
    lives: Lives,
    faults: Faults,
    writes: Writes,
    failures: Failures,
    suspicions: Episodes,
    deaths: Episodes,
    /// Observer and live member that it declared dead, and whether the observer was ever healthy when it did.
    false_dead: BTreeMap<(NodeId, NodeId), bool>,
    /// Live members that a live node takes for dead at the end.
    dead_at_end: BTreeSet<NodeId>,
    membership: Membership,
}

impl Recorder {
    /// A recorder for `nodes` nodes that made `booted` writes each before it. Writes count when intended for the
    /// measured phase. Faults go by their place in `strikes`.
    pub(crate) fn new(nodes: usize, measured: Range<Time>, booted: u64, strikes: Vec<Strike>) -> Self {
        Self {
            lives: Lives::new(nodes),
            faults: Faults::new(strikes),
            writes: Writes::new(measured.clone(), booted),
            failures: Failures::default(),
            suspicions: Episodes::new(measured.start),
            deaths: Episodes::new(measured.start),
            false_dead: BTreeMap::new(),
            dead_at_end: BTreeSet::new(),
            membership: Membership::default(),
            measured,
        }
    }

    /// A node was asked to write; the time is when it should have been.
    pub(crate) fn intend(&mut self, writer: NodeId, at: Time) {
        self.writes.intend(writer, at);
    }

    /// A fault begins now, and no event of this time or later has been fed.
    pub(crate) fn begin(&mut self, fault: usize, at: Time) {
        let strike = self.faults.begin(fault, at);
        if strike.kind.ends_life() {
            for &node in &strike.nodes {
                self.lives.end(node, at);
                self.suspicions.gone(node);
                self.deaths.gone(node);
                if strike.kind == FaultKind::Crash {
                    self.failures.crashed(node, at);
                }
            }
        }
        self.observe(at);
    }

    /// A fault ends now, and no event of this time or later has been fed.
    pub(crate) fn end(&mut self, fault: usize, at: Time) {
        let strike = self.faults.end(fault, at);
        if strike.kind.ends_life() {
            strike.nodes.iter().for_each(|&node| self.lives.begin_again(node, at));
        }
        self.observe(at);
    }

    /// Something happened. Events of one node come in their order, those of different nodes about in theirs.
    pub(crate) fn event(&mut self, Stamped { at, node, event }: Stamped) {
        if !self.lives.is_up(node, at) {
            return;
        }
        match event {
            Event::Wrote(dot) => self.writes.wrote(dot),
            Event::Applied(dot) => self.writes.applied(at, node, dot),
            Event::Suspected(member) if !self.lives.is_up(member, at) => self.failures.suspected(at, member),
            Event::DeclaredDead(member) if !self.lives.is_up(member, at) => {
                self.failures.declared_dead(at, node, member);
            }
            Event::Suspected(member) | Event::DeclaredDead(member) if !self.lives.has_heard(node, member) => {
            }
            Event::Suspected(member) => {
                self.deaths.give_up(node, member);
                self.suspicions.hold(at, node, member);
            }
            Event::DeclaredDead(member) => {
                self.suspicions.give_up(node, member);
                self.deaths.hold(at, node, member);
                if at >= self.measured.start {
                    self.falsely_dead(at, node, member);
                }
            }
            Event::Alive(member) | Event::Left(member) => {
                self.suspicions.give_up(node, member);
                self.deaths.give_up(node, member);
                if event == Event::Alive(member) && self.lives.is_up(member, at) {
                    self.lives.heard(node, member);
                }
            }
        }
        self.observe(at);
    }

    /// Whether nothing is left to wait for.
    pub(crate) fn settled(&self) -> bool {
        self.faults.settled()
            && self.failures.settled(&self.lives.throughout())
            && self.writes.settled(&self.lives.up_since())
    }

    /// Those whose writes the final truth is wanted of.
    pub(crate) fn writers(&self) -> Vec<NodeId> {
        self.writes.writers()
    }

    /// Members of whom something may be held that is worth asking for.
    pub(crate) fn doubted(&self) -> Vec<NodeId> {
        let doubted = self.lives.ended().chain(self.suspicions.members()).chain(self.deaths.members());
        doubted.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What nodes believe of these members at the end, after all events. Each member is asked about once.
    pub(crate) fn inspected_members(&mut self, at: Time, members: &[NodeId], inspections: &[Inspection]) {
        truth::add(&mut self.membership, &self.lives, members, inspections);
        for inspection in inspections {
            if !self.lives.is_up_at_end(inspection.node) {
                continue;
            }
            let throughout = self.lives.is_throughout(inspection.node);
            for (&member, &status) in members.iter().zip(&inspection.statuses) {
                if !self.lives.is_up_at_end(member) {
                    if throughout && status != Status::Dead {
                        self.failures.missed(member);
                    }
                } else if status == Status::Dead && self.lives.has_heard(inspection.node, member) {
                    self.falsely_dead(at, inspection.node, member);
                    self.dead_at_end.insert(member);
                }
            }
        }
    }

    /// Up to which version nodes have the writes of these writers at the end.
    pub(crate) fn inspected_writers(&mut self, writers: &[NodeId], inspections: &[Inspection]) {
        for inspection in inspections.iter().filter(|inspection| self.lives.is_up_at_end(inspection.node)) {
            for (&writer, &version) in writers.iter().zip(&inspection.versions) {
                self.writes.held(writer, version);
            }
        }
    }

    /// How writes spread.
    pub(crate) fn convergence(&self) -> Convergence {
        self.writes.convergence(&self.lives.up_since())
    }

    /// How failures were noticed, in a run that ended at `end`.
    pub(crate) fn detection(&self, end: Time) -> Detection {
        // An episode that began too early to count, and never ended, is still wrong at the end.
        let false_positives = self.deaths.counted().max(self.dead_at_end.len() as u64);
        let node_hours: f64 = self.live_seconds(self.measured.start..end).iter().sum::<f64>() / 3_600.0;
        Detection {
            false_suspicions: self.suspicions.counted(),
            false_positives,
            false_dead_pairs: self.false_dead.len() as u64,
            false_dead_pairs_at_healthy: self.false_dead.values().filter(|&&healthy| healthy).count() as u64,
            false_positives_per_node_hour: if node_hours > 0.0 {
                false_positives as f64 / node_hours
            } else {
                0.0
            },
            ..self.failures.detection(&self.lives.throughout())
        }
    }

    /// What nodes believed at the end.
    pub(crate) fn membership(&self) -> Membership {
        self.membership
    }

    /// What broke, and how long its traces lasted.
    pub(crate) fn faults(&self) -> Vec<FaultReport> {
        self.faults.reports(self.measured.start)
    }

    /// How long each node lived in this time.
    pub(crate) fn live_seconds(&self, time: Range<Time>) -> Vec<f64> {
        self.lives.seconds(&time)
    }

    /// Whether a node is up, for all that was done to it.
    pub(crate) fn is_up(&self, node: NodeId) -> bool {
        self.lives.is_up_at_end(node)
    }

    fn falsely_dead(&mut self, at: Time, observer: NodeId, member: NodeId) {
        let healthy = !self.faults.disturb(observer, at);
        *self.false_dead.entry((observer, member)).or_default() |= healthy;
    }

    fn observe(&mut self, at: Time) {
        self.faults.observe(at, self.suspicions.held() + self.deaths.held(), &self.lives);
    }
}

#[cfg(test)]
mod tests;
