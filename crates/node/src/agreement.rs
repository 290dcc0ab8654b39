//! How two nodes find out that they disagree although all news has been told: every probe carries a short check of
//! what its sender holds. News is sent a limited number of times, so some of it may get lost; this is what makes the
//! cluster agree all the same.

use rumormill_protocol::{NodeId, Time};

use crate::{message::Check, mix::mix2, node::Node};

/// Gossip intervals without change after which two checks that differ mean a disagreement rather than news under way.
const QUIET_INTERVALS: u32 = 10;

impl Node {
    /// What this node holds, in short. The salt makes two tables whose checks collide differ the next time.
    pub(crate) fn check(&self, salt: u16) -> Check {
        let short = |hash: u64| mix2(hash, u64::from(salt)) as u16;
        Check {
            members: short(self.membership.hash()),
            state: short(if self.carries_deltas() { self.store.hash() } else { 0 }),
        }
    }

    /// A peer told its check: where both had time to agree and do not, they meet again and compare everything.
    pub(crate) fn compare(&mut self, now: Time, from: NodeId, salt: u16, theirs: Check) {
        let mine = self.check(salt);
        let quiet = self.config.gossip_interval * QUIET_INTERVALS;
        let differs = |mine, theirs, changed| mine != theirs && now.since(changed) >= quiet;
        let disagree = differs(mine.members, theirs.members, self.members_changed)
            || differs(mine.state, theirs.state, self.state_changed);
        if disagree && self.news.is_empty() && self.sync.is_even(from) {
            self.sync.doubt(from);
            self.say_meet(from, false);
        }
    }
}
