//! What a run's events come to: pure, fed in the order of time.

mod bits;
mod conflicts;
mod episodes;
mod failures;
mod faults;
mod lives;
mod reigns;
mod roll;
mod settlements;
mod staleness;
mod truth;
mod turnover;
mod writes;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use rumormill_measure::{
    Conflicts as ConflictReport, Consensus, Convergence, Detection, Election, FaultReport, Histograms,
    Membership, Staleness, Turnover as TurnoverReport,
};
use rumormill_protocol::{Event, Key, NodeId, Status, Time, is_shared};

use crate::{ElectionMode, FaultKind, Inspection, Stamped, Strike};
use conflicts::Conflicts;
use episodes::Episodes;
use failures::Failures;
use faults::Faults;
use lives::Lives;
use reigns::Reigns;
use settlements::Settlements;
use turnover::Turnover;
use writes::{Asked, Writes};

/// Turns events into the figures of convergence, detection, membership and faults.
///
/// A node is live while it is up: from the beginning, or from when it joins, until it crashes or leaves, and again from
/// its restart. In the times of convergence and detection only nodes that live throughout the run count as receivers of
/// writes and as observers of failures; what must hold at the end must hold of all that are live then. A write's times
/// run from when it was *intended*, a failure's from when it happened. Who applied a write has all earlier ones of its
/// writer, also those that were replaced and never sent. A percentile over writes or failures covers those that got
/// that far. A write that died with its writer, held by no live node, is not one that failed to converge.
///
/// What is wrongly held of live nodes counts from the beginning of the measured phase to the end of the run. What
/// an observer holds of a node that started again, or joined, is wrong only once it has reported the new life: before, it
/// is late news of the end of the earlier one.
#[derive(Debug)]
pub(crate) struct Recorder {
    measured: Range<Time>,
    lives: Lives,
    faults: Faults,
    writes: Writes,
    /// Where there are shared keys.
    conflicts: Option<Conflicts>,
    failures: Failures,
    turnover: Turnover,
    suspicions: Episodes,
    deaths: Episodes,
    /// Observer and live member that it declared dead, and whether the observer was ever healthy when it did.
    false_dead: BTreeMap<(NodeId, NodeId), bool>,
    /// Declarations of death of members that no fault hits, and of those the ones by observers that none hits either.
    unprovoked: [u64; 2],
    /// Live members that a live node takes for dead at the end.
    dead_at_end: BTreeSet<NodeId>,
    membership: Membership,
    reigns: Reigns,
    settlements: Settlements,
}

impl Recorder {
    /// A recorder for `residents` nodes that made `booted` writes each before it, and `newcomers` that come later and make
    /// as many then. Other writes count when intended for the measured phase. Faults go by their place in `strikes`.
    pub(crate) fn new(
        residents: usize,
        newcomers: usize,
        measured: Range<Time>,
        booted: u64,
        strikes: Vec<Strike>,
    ) -> Self {
        Self {
            lives: Lives::new(residents, newcomers),
            faults: Faults::new(strikes),
            writes: Writes::new(measured.clone(), booted),
            conflicts: None,
            failures: Failures::default(),
            turnover: Turnover::default(),
            suspicions: Episodes::new(measured.start),
            deaths: Episodes::new(measured.start),
            false_dead: BTreeMap::new(),
            unprovoked: [0; 2],
            dead_at_end: BTreeSet::new(),
            membership: Membership::default(),
            reigns: Reigns::new(residents + newcomers, residents, measured.start),
            settlements: Settlements::default(),
            measured,
        }
    }

    /// Follows writes to shared keys from now on.
    pub(crate) fn follow_conflicts(&mut self, nodes: usize) {
        self.conflicts = Some(Conflicts::new(nodes));
    }

    /// A node was asked to write a key; the time is when it should have been.
    pub(crate) fn intend(&mut self, writer: NodeId, at: Time, key: &Key) {
        self.writes.intend(writer, Asked { at, shared: is_shared(key).then(|| key.clone()) });
    }

    /// Some nodes were asked to propose values for a slot; the time is when they should have been.
    pub(crate) fn intend_to_settle(&mut self, slot: u64, at: Time) {
        self.settlements.intend(slot, at);
    }

    /// A fault begins now, and no event of this time or later has been fed.
    pub(crate) fn begin(&mut self, fault: usize, at: Time) {
        let strike = self.faults.begin(fault, at);
        let (kind, still, nodes) = (strike.kind, stands_still(strike), strike.nodes.clone());
        for node in nodes {
            match kind {
                FaultKind::JoinStorm => self.join(node, at),
                FaultKind::Leave => self.leave(node, at),
                kind if kind.ends_life() => {
                    self.gone(node, at);
                    if kind == FaultKind::Crash {
                        self.failures.crashed(node, at);
                    }
                }
                _ if still => self.reigns.pause(at, node),
                _ => self.reigns.strike(node),
            }
        }
        self.observe(at);
    }

    /// A node that was not there joins now, and no event of this time or later has been fed.
    pub(crate) fn joined(&mut self, node: NodeId, at: Time) {
        self.join(node, at);
        self.observe(at);
    }

    /// A node leaves now, and no event of this time or later has been fed.
    pub(crate) fn left(&mut self, node: NodeId, at: Time) {
        self.leave(node, at);
        self.observe(at);
    }

    fn join(&mut self, node: NodeId, at: Time) {
        self.lives.begin(node, at);
        self.reigns.back(at, node);
        self.turnover.joined(at, node, &self.lives);
    }

    fn leave(&mut self, node: NodeId, at: Time) {
        self.gone(node, at);
        self.turnover.left(at, node, &self.lives);
    }

    fn gone(&mut self, node: NodeId, at: Time) {
        self.turnover.gone(at, node, self.lives.is_throughout(node));
        self.lives.end(node, at);
        self.reigns.gone(at, node);
        if let Some(conflicts) = &mut self.conflicts {
            conflicts.forgot(node);
        }
        self.suspicions.gone(node);
        self.deaths.gone(node);
    }

    /// A fault ends now, and no event of this time or later has been fed.
    pub(crate) fn end(&mut self, fault: usize, at: Time) {
        let strike = self.faults.end(fault, at);
        if strike.kind.ends_life() {
            for &node in &strike.nodes {
                self.lives.begin(node, at);
                self.reigns.back(at, node);
            }
        } else if stands_still(strike) {
            strike.nodes.iter().for_each(|&node| self.reigns.resume(at, node));
        }
        self.observe(at);
    }

    /// Something happened. Events of one node come in their order, those of different nodes about in theirs.
    pub(crate) fn event(&mut self, Stamped { at, node, event }: Stamped) {
        if !self.lives.is_up(node, at) {
            return;
        }
        match event {
            Event::Wrote(dot) => {
                let asked = self.writes.wrote(dot);
                if let (Some(conflicts), Some(Asked { at: intended, shared: Some(key) })) =
                    (&mut self.conflicts, asked)
                {
                    conflicts.wrote(at, dot, key, self.writes.counts(intended));
                }
            }
            Event::Applied(dot) => {
                self.writes.applied(at, node, dot);
                if let Some(conflicts) = &mut self.conflicts {
                    conflicts.applied(node, dot);
                }
            }
            Event::Refused(_) => self.writes.refused(node),
            Event::Conflict(one, two) => {
                if let Some(conflicts) = &mut self.conflicts {
                    conflicts.reported(one, two);
                }
            }
            Event::LeaderChosen { leader, term } => self.reigns.follow(at, node, Some((leader, term))),
            Event::LeaderLost => self.reigns.follow(at, node, None),
            Event::Settled { slot, value } => self.settlements.settled(at, node, slot, value),
            Event::Suspected(member) if !self.lives.is_up(member, at) => self.failures.suspected(at, member),
            Event::DeclaredDead(member) if !self.lives.is_up(member, at) => {
                self.failures.declared_dead(at, node, member);
                self.turnover.misses(at, node, member, &self.lives);
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
                    if !self.faults.hit(member) {
                        self.unprovoked[0] += 1;
                        self.unprovoked[1] += u64::from(!self.faults.hit(node));
                    }
                }
            }
            Event::Alive(member) | Event::Left(member) => {
                self.suspicions.give_up(node, member);
                self.deaths.give_up(node, member);
                if event == Event::Left(member) {
                    self.turnover.misses(at, node, member, &self.lives);
                } else if self.lives.is_up(member, at) {
                    self.lives.heard(at, node, member);
                    self.turnover.knows(at, node, member, &self.lives);
                }
            }
        }
        self.observe(at);
    }

    /// Whether all live nodes follow one leader.
    pub(crate) fn all_follow(&self) -> bool {
        self.reigns.settled()
    }

    /// Whether nothing is left to wait for, but perhaps a leader.
    pub(crate) fn settled(&self) -> bool {
        self.settlements.all_settled(&self.lives.throughout())
            && self.faults.settled()
            && self.failures.settled(&self.lives.throughout())
            && self.turnover.settled(&self.lives)
            && self.writes.settled(&self.lives.up_since())
    }

    /// Those whose writes the final truth is wanted of.
    pub(crate) fn writers(&self) -> Vec<NodeId> {
        self.writes.writers()
    }

    /// Members of whom something may be held that is worth asking for.
    pub(crate) fn doubted(&self) -> Vec<NodeId> {
        let doubted = self.lives.passing().chain(self.suspicions.members()).chain(self.deaths.members());
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

    /// How writes spread; the distributions go to `kept`, and how far times may be off by chance to `errors`.
    pub(crate) fn convergence(
        &self,
        kept: &mut Histograms,
        errors: &mut BTreeMap<String, f64>,
    ) -> Convergence {
        self.writes.convergence(&self.lives.up_since(), kept, errors)
    }

    /// At how many pairs of a counted write and a node that lives throughout the node had the write before its time:
    /// clocks of several hosts can make it so.
    pub(crate) fn negative_latencies(&self) -> u64 {
        self.writes.negative_latencies(&self.lives.up_since())
    }

    /// How much of what is read is stale.
    pub(crate) fn staleness(&self) -> Option<Staleness> {
        self.writes.staleness(&self.lives.up_since(), self.lives.residents())
    }

    /// What became of writes that did not see each other.
    pub(crate) fn conflicts(&self) -> Option<ConflictReport> {
        self.conflicts.as_ref().map(|conflicts| conflicts.report(&self.lives))
    }

    /// How failures were noticed, in a run that ended at `end`; the distributions go to `kept`, and how far times may be
    /// off by chance to `errors`.
    pub(crate) fn detection(
        &self,
        end: Time,
        kept: &mut Histograms,
        errors: &mut BTreeMap<String, f64>,
    ) -> Detection {
        // An episode that began too early to count, and never ended, is still wrong at the end.
        let false_positives = self.deaths.counted().max(self.dead_at_end.len() as u64);
        let node_hours: f64 = self.live_seconds(self.measured.start..end).iter().sum::<f64>() / 3_600.0;
        Detection {
            false_suspicions: self.suspicions.counted(),
            false_positives,
            false_dead_pairs: self.false_dead.len() as u64,
            false_dead_pairs_at_healthy: self.false_dead.values().filter(|&&healthy| healthy).count() as u64,
            false_deaths_of_healthy: self.unprovoked[0],
            false_deaths_of_healthy_at_healthy: self.unprovoked[1],
            false_positives_per_node_hour: if node_hours > 0.0 {
                false_positives as f64 / node_hours
            } else {
                0.0
            },
            ..self.failures.detection(&self.lives.throughout(), kept, errors)
        }
    }

    /// What came of nodes that joined and left; how far times may be off by chance goes to `errors`.
    pub(crate) fn turnover(&self, errors: &mut BTreeMap<String, f64>) -> TurnoverReport {
        self.turnover.report(&self.lives, errors)
    }

    /// What nodes believed at the end.
    pub(crate) fn membership(&self) -> Membership {
        self.membership
    }

    /// What broke, and how long its traces lasted.
    pub(crate) fn faults(&self) -> Vec<FaultReport> {
        let up_since = self.lives.up_since();
        self.faults.reports(self.measured.start, |end| self.writes.agreed(end, &up_since))
    }

    /// Whether there was a leader, in a run that ended at `end`; nothing where nodes elect none.
    pub(crate) fn election(&mut self, mode: ElectionMode, end: Time) -> Option<Election> {
        (mode != ElectionMode::Off).then(|| self.reigns.report(end))
    }

    /// Whether nodes agreed on what was proposed; nothing where nothing was.
    pub(crate) fn consensus(&self) -> Option<Consensus> {
        self.settlements.report(&self.lives.throughout())
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
        let wrong = self.suspicions.held() + self.deaths.held();
        self.faults.observe(at, wrong, &self.lives, &self.turnover);
    }
}

/// Whether a fault lets its nodes stand still from its beginning to its end, and not in spells.
const fn stands_still(strike: &Strike) -> bool {
    matches!(strike.kind, FaultKind::Pause { .. }) && strike.rhythm.is_none()
}

#[cfg(test)]
mod tests;
