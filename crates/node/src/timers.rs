//! When a node wants to be woken, and what it does then.

use std::time::Duration;

use rand::RngExt;
use rumormill_protocol::{Output, Time};

use crate::{
    allowance::Told,
    config::{Dissemination, Peers, StateTransfer},
    node::{Node, Stage},
    standing::Standing,
};

impl Node {
    /// The first moment at which anything is due. What waits for writes that are blocked is not.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        // A lease ends and a suspicion runs out whether anything can be sent or not.
        let deciding = first([
            self.suspicions.next(),
            self.election.as_ref().and_then(|election| election.deadline()),
            self.consensus.as_ref().and_then(|consensus| consensus.deadline()),
        ]);
        let probing =
            || first([Some(self.next_period), self.prober.next_deadline(), self.prober.next_nack()]);
        let telling = || {
            first([
                self.partners.next_deadline(),
                self.next_flush,
                self.next_full_push,
                self.next_pull,
                self.wants.next_deadline(),
                self.shaper.as_ref().and_then(|shaper| shaper.deadline()),
                self.release_seeds,
                self.sync.feed_deadline(),
                self.writing.deadline(),
                self.reconcile.deadline(),
            ])
        };
        first([
            deciding,
            if self.stall.may_probe() { probing() } else { None },
            if self.stall.may_tell() { telling() } else { None },
        ])
    }

    /// Does all whose time has come.
    pub(crate) fn do_what_is_due(&mut self, now: Time) {
        if self.stall.may_tell() {
            self.keep_partners(now);
        }
        self.expire_suspicions(now);
        if self.stall.may_probe() {
            self.ask_again(now);
            self.ask_others(now);
            self.say_nacks(now);
        }
        if self.stall.may_probe() && self.next_period <= now {
            self.begin_period(now);
        }
        if self.stall.may_tell() {
            self.tell_others(now);
        }
        self.tell_branches(now);
        self.time_election(now);
        self.time_consensus(now);
    }

    fn keep_partners(&mut self, now: Time) {
        for peer in self.partners.overdue(now) {
            self.outputs.push_back(Output::Connect(peer));
        }
        if self.partners.reading_due(now) {
            self.read_rings(now);
        }
    }

    fn tell_others(&mut self, now: Time) {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.next_flush) {
            self.flush(now);
            self.stall.tells();
        }
        if is_due(self.next_full_push) {
            self.push_state(now);
            self.stall.tells();
        }
        if is_due(self.sync.feed_deadline()) {
            self.let_feed(now);
        }
        if is_due(self.reconcile.deadline()) {
            self.ask_next(now);
        }
        if self.release_seeds.take_if(|at| *at <= now).is_some() {
            let seeds = std::mem::take(&mut self.seeds);
            self.outputs.extend(seeds.into_iter().map(Output::Release));
        }
        if is_due(self.writing.deadline()) {
            self.recalled(now);
        }
        self.ask_for_wants(now);
        self.shape_tree(now);
        if is_due(self.next_pull) {
            self.pull(now);
            self.stall.tells();
        }
    }

    /// Starts the timers, each at a random phase: nodes that boot together must not act together.
    pub(crate) fn begin(&mut self, now: Time, stage: Stage) {
        self.stage = stage;
        self.members_agreement.agreed(now);
        self.state_agreement.agreed(now);
        self.writing.begin(now, self.start.generation);
        self.membership.merge(self.start.me, Standing::first_of_life(self.start.generation));
        self.next_period = now + self.random_part_of(self.config.protocol_period);
        self.gossip_phase = self.random_part_of(self.config.gossip_interval);
        if let StateTransfer::Full { every } | StateTransfer::Digest { every } = self.config.state {
            self.next_full_push = Some(now + self.random_part_of(every));
        }
        self.begin_heartbeats(now);
        // Who is asked for heartbeats is asked for news by it.
        if self.config.dissemination.pulls() && !self.judges_alone() {
            self.next_pull = Some(now + self.random_part_of(self.config.gossip_interval));
        }
        self.begin_election(now);
    }

    fn random_part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.random.random_range(0.0..1.0))
    }

    /// Something waits to be flushed: the next whole gossip interval is the time for it.
    pub(crate) fn schedule_flush(&mut self, now: Time) {
        self.flush_after(now);
    }

    /// The same of nothing but news of members, of which partners get so many messages at most.
    pub(crate) fn schedule_news(&mut self, now: Time) {
        let from = match self.config.peers {
            Peers::Sticky => {
                let told = if self.has_branches() { Told::Branches } else { Told::Partner };
                self.allowance.next(self.config.protocol_period, told).max(now)
            }
            Peers::Uniform => now,
        };
        self.flush_after(from);
    }

    /// The next whole gossip interval after a moment is the time to flush.
    fn flush_after(&mut self, from: Time) {
        if self.config.dissemination == Dissemination::Pull || self.calls_both_ways() {
            return;
        }
        let interval = self.config.gossip_interval.as_nanos() as u64;
        let phase = self.gossip_phase.as_nanos() as u64;
        let since_phase = from.nanos().saturating_sub(phase);
        let at = Time(phase + (since_phase / interval.max(1) + 1) * interval.max(1));
        self.next_flush = Some(self.next_flush.map_or(at, |next| next.min(at)));
    }
}

/// The first of these times. It is looked for after all that happens, so without iterators of iterators.
fn first<const N: usize>(times: [Option<Time>; N]) -> Option<Time> {
    const NEVER: Time = Time(u64::MAX);
    let first = times.into_iter().fold(NEVER, |first, time| first.min(time.unwrap_or(NEVER)));
    (first != NEVER).then_some(first)
}
