//! Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788): a node that hears little asks whether it is itself at fault.

use std::time::Duration;

use rumormill_protocol::{Protocol, Time};

use crate::node::Node;

/// The greatest local health score (the paper's S).
const SCORE_MAX: u8 = 8;

/// Independent confirmations at which a suspicion lasts no longer than SWIM's (the paper's K).
pub(crate) const CONFIRMATIONS: usize = 3;

/// Of the time that a helper has for its probe, the share after which it says that it got no answer.
const NACK_SHARE: f64 = 0.8;

/// A node that is woken later than this part of a probe's timeout does not judge others by it.
const LATE_SHARE: u32 = 4;

/// Which parts of Lifeguard are in use. None of them: plain SWIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifeguard {
    /// LHA-Probe: probes wait longer, and so come less often, the worse the node's own health. Helpers say that they are
    /// there although the target is not, and a node that slept does not judge by the silence of that time.
    pub probe: bool,
    /// LHA-Suspicion: a suspicion lasts long until others confirm it.
    pub suspicion: bool,
    /// Buddy system: who is suspected is told so by whoever speaks to it.
    pub buddy: bool,
}

impl Lifeguard {
    /// All parts.
    pub const ALL: Self = Self { probe: true, suspicion: true, buddy: true };
    /// No part.
    pub const OFF: Self = Self { probe: false, suspicion: false, buddy: false };
}

/// A node's opinion of itself, from 0, well, to [`SCORE_MAX`] (section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health(u8);

impl Health {
    /// A probe was answered.
    pub(crate) fn well(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// So many signs that the fault is this node's: a probe that failed, a helper that did not even say that it got no
    /// answer, a suspicion of this node.
    pub(crate) fn ill(&mut self, signs: u8) {
        self.0 = self.0.saturating_add(signs).min(SCORE_MAX);
    }

    /// A time of the failure detector, as this node's health stretches it.
    pub(crate) fn stretch(self, time: Duration) -> Duration {
        time * (u32::from(self.0) + 1)
    }
}

/// How long a suspicion lasts from its beginning, after `confirmations` of at most `enough` (section 4.2): `most` at
/// first, and `least` when there are enough. With `enough` 0 nobody is there to confirm it, and it lasts `least`.
pub(crate) fn suspicion_timeout(
    least: Duration,
    most: Duration,
    confirmations: usize,
    enough: usize,
) -> Duration {
    if confirmations >= enough {
        return least;
    }
    let share = (confirmations as f64 + 1.0).ln() / (enough as f64 + 1.0).ln();
    most.saturating_sub(most.saturating_sub(least).mul_f64(share)).max(least)
}

/// How long a helper waits for the target, of the `left` that the probe has left when helpers are asked.
pub(crate) fn helper_patience(left: Duration) -> Duration {
    left.mul_f64(NACK_SHARE)
}

/// What blocked writes hold up: each loop of the node goes on until it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stall {
    blocked: bool,
    probing: bool,
    telling: bool,
}

impl Stall {
    pub(crate) const fn block(&mut self) {
        self.blocked = true;
    }

    /// Says whether anything was blocked.
    pub(crate) fn release(&mut self) -> bool {
        std::mem::take(self).blocked
    }

    /// The failure detector writes.
    pub(crate) const fn probes(&mut self) {
        self.probing = self.blocked;
    }

    /// The loops that pass things on write.
    pub(crate) const fn tells(&mut self) {
        self.telling = self.blocked;
    }

    /// Whether the failure detector goes on.
    pub(crate) const fn may_probe(self) -> bool {
        !self.probing
    }

    /// Whether the other loops go on.
    pub(crate) const fn may_tell(self) -> bool {
        !self.telling
    }
}

impl Node {
    /// A node that is woken long after what it planned slept, or stands on a machine that is overloaded. What it did not
    /// hear meanwhile says nothing of others: its probe is excused, and what it suspects of others waits longer by as much.
    /// It counts as a sign of ill health, so that probes become rarer: on a machine that is overloaded each probe that is
    /// answered late would make more work, and the overload would last. Not so where the node was awake and only its writes
    /// were blocked: that it cannot tell from others' silence.
    pub(crate) fn notice_sleep(&mut self, now: Time) {
        if !self.stall.may_probe() || !self.config.lifeguard.probe || self.judges_alone() {
            return;
        }
        let late =
            self.poll_timeout().map_or(Duration::ZERO, |planned| now.since(planned.max(self.woke_late)));
        if late >= self.config.probe_timeout / LATE_SHARE {
            self.woke_late = now;
            self.prober.excuse();
            self.suspicions.postpone(now, late);
            self.health.ill(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_stays_within_its_bounds_and_stretches_times_by_one_more_than_the_score() {
        let second = Duration::from_secs(1);
        let mut health = Health::default();
        health.well();
        assert_eq!(health.stretch(second), second);
        health.ill(4);
        health.well();
        assert_eq!(health.stretch(second), 4 * second);
        health.ill(200);
        assert_eq!(health.stretch(second), 9 * second);
    }

    /// By hand, of the paper's formula: with Min 10 s, Max 60 s and K = 3, log(2)/log(4) = 1/2 and
    /// log(3)/log(4) = 0.79248.
    #[test]
    fn a_suspicion_shrinks_with_the_logarithm_of_its_confirmations() {
        let [least, most] = [10, 60].map(Duration::from_secs);
        let timeout = |confirmations, enough| suspicion_timeout(least, most, confirmations, enough);
        assert_eq!([timeout(0, 3), timeout(1, 3)], [60, 35].map(Duration::from_secs));
        assert!(timeout(2, 3).abs_diff(Duration::from_millis(20_376)) < Duration::from_millis(1));
        assert_eq!([timeout(3, 3), timeout(7, 3), timeout(0, 0)], [least; 3]);
        // memberlist's own test of its formula: K = 3, from 2 s to 30 s.
        let [least, most] = [2, 30].map(Duration::from_secs);
        let known = [30_000, 16_000, 7_810, 2_000, 2_000];
        for (confirmations, millis) in known.into_iter().enumerate() {
            let timeout = suspicion_timeout(least, most, confirmations, 3);
            assert!(
                timeout.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1),
                "{timeout:?}"
            );
        }
    }

    #[test]
    fn each_loop_goes_on_until_it_writes_and_all_go_on_when_writes_do() {
        let mut stall = Stall::default();
        stall.probes();
        assert!(stall.may_probe());
        stall.block();
        stall.probes();
        assert!(!stall.may_probe() && stall.may_tell());
        stall.tells();
        assert!(!stall.may_tell());
        assert!(stall.release() && !stall.release());
        assert!(stall.may_probe() && stall.may_tell());
    }
}
