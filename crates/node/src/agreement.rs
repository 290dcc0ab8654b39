//! How two nodes find out that they disagree although all news has been told: every probe carries a short check of
//! what its sender holds. News is sent a limited number of times, so some of it may get lost; this is what makes the
//! cluster agree all the same.

use std::time::Duration;

use rumormill_protocol::{NodeId, Status, Time};

use crate::{config::Peers, message::Check, mix::mix2, node::Node};

/// Gossip intervals without change after which two checks that differ mean a disagreement rather than news under way.
const QUIET_INTERVALS: u32 = 10;

/// Where there is always news under way, whole tables are compared all the same, this long after the last agreement.
const TABLE_EVERY: Duration = Duration::from_secs(10);

/// The same for states with uniform peers, as in memberlist's push-pull; and not before a write has been passed on four
/// times as long as it is.
const STATE_EVERY: Duration = Duration::from_secs(30);

/// How long one of the things that all nodes should hold alike has differed from what others hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreement {
    /// When this node's own last changed.
    changed: Time,
    /// When a peer was first found to hold another than this node has held since.
    differs_since: Option<Time>,
    /// When a peer was last found to hold the same, or was sent all of it.
    agreed: Time,
}

impl Agreement {
    pub(crate) const fn changed(&mut self, now: Time) {
        self.changed = now;
        self.differs_since = None;
    }

    pub(crate) const fn agreed(&mut self, now: Time) {
        self.agreed = now;
    }

    /// A peer holds another. Says whether that is no news under way: neither this node's own nor the difference is
    /// younger than `quiet`, or it has not agreed with anyone for `every`.
    fn differs(&mut self, now: Time, quiet: Duration, every: Option<Duration>) -> bool {
        let since = *self.differs_since.get_or_insert(now);
        let is_quiet = now.since(self.changed) >= quiet && now.since(since) >= quiet;
        is_quiet || every.is_some_and(|every| now.since(self.agreed) >= every)
    }
}

impl Node {
    /// What this node holds, in short. The salt makes two tables whose checks collide differ the next time.
    pub(crate) fn check(&self, salt: u16) -> Check {
        let short = |hash: u64| mix2(hash, u64::from(salt)) as u16;
        Check { members: short(self.membership.hash()), state: short(self.state_hash()) }
    }

    /// Names the state where it is compared.
    pub(crate) fn state_hash(&self) -> u64 {
        if self.carries_deltas() { self.store.hash() } else { 0 }
    }

    /// A peer told its check: where both had time to agree and do not, they meet again and compare everything.
    pub(crate) fn compare(&mut self, now: Time, from: NodeId, salt: u16, theirs: Check) {
        let mine = self.check(salt);
        let members_differ = mine.members != theirs.members;
        let state_differs = mine.state != theirs.state;
        if !members_differ {
            self.members_agreement.agreed(now);
        }
        if !state_differs {
            self.state_agreement.agreed(now);
        }
        if !(members_differ || state_differs) || !self.sync.is_even(from) {
            return;
        }
        let members_differ = members_differ && self.members_disagree(now);
        let state_differs = state_differs && self.state_disagrees(now);
        if state_differs {
            self.sync.doubt(from);
        }
        if state_differs || members_differ {
            self.say_meet(from, false);
        }
    }

    /// Whether a peer whose membership table differs is sent this node's. While news is under way most of what differs
    /// is on its way already; but of who was cut off, or has just come, neither side knows what the other missed.
    pub(crate) fn tells_table(&mut self, now: Time, peer: NodeId, joins: bool) -> bool {
        let was_apart = self.membership.status(peer) != Status::Alive;
        let tells = joins || was_apart || self.members_disagree(now);
        if tells {
            self.members_agreement.agreed(now);
        }
        tells
    }

    /// Whether a peer of whose writes nothing is known is told only what this node itself passes on at present. With
    /// uniform peers strangers meet all the time, and each write is on its way to all of them; and where writes are
    /// announced, all that passes is announced to a new partner too.
    pub(crate) fn tells_rumors_only(&mut self, now: Time, peer: NodeId, theirs: u64, joins: bool) -> bool {
        let was_apart = self.membership.status(peer) != Status::Alive;
        let may = (self.config.peers == Peers::Uniform || self.config.dissemination.announces())
            && !joins
            && !was_apart;
        may && (theirs == self.state_hash() || !self.state_disagrees(now))
    }

    fn members_disagree(&mut self, now: Time) -> bool {
        let quiet = if self.news.is_empty() { self.quiet() } else { Duration::MAX };
        self.members_agreement.differs(now, quiet, Some(TABLE_EVERY))
    }

    fn state_disagrees(&mut self, now: Time) -> bool {
        let quiet = self.quiet();
        // Where partners keep, their streams lose nothing.
        let uniform = self.config.peers == Peers::Uniform;
        self.state_agreement.differs(now, quiet, uniform.then(|| STATE_EVERY.max(4 * quiet)))
    }

    /// How long after a change news of it may still be under way.
    fn quiet(&self) -> Duration {
        let passed_on = match self.config.peers {
            Peers::Sticky => 0,
            Peers::Uniform => self.config.retransmissions(self.membership.count()) as u32,
        };
        self.config.gossip_interval * QUIET_INTERVALS.max(passed_on)
    }
}
