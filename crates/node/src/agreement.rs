//! How two nodes find out that they disagree although all news has been told: every probe carries a short check of
//! what its sender holds. News is sent a limited number of times, so some of it may get lost; this is what makes the
//! cluster agree all the same.

use std::time::Duration;

use rumormill_protocol::{NodeId, Time};

use crate::{message::Check, mix::mix2, node::Node};

/// Gossip intervals without change after which two checks that differ mean a disagreement rather than news under way.
const QUIET_INTERVALS: u32 = 10;

/// Where there is always news under way, whole tables are compared all the same, this long apart.
const TABLE_EVERY: Duration = Duration::from_secs(10);

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
        if !self.sync.is_even(from) {
            return;
        }
        let mine = self.check(salt);
        // What differs since a moment ago may be news that the peer has already and this node not yet.
        let state_differs = mine.state != theirs.state && {
            let since = *self.state_differs_since.get_or_insert(now);
            self.is_quiet(now, self.state_changed) && self.is_quiet(now, since)
        };
        let members_differ = mine.members != theirs.members && {
            let since = *self.members_differ_since.get_or_insert(now);
            let is_fresh = self.is_quiet(now, self.members_changed) && !self.is_quiet(now, since);
            !is_fresh && self.table_is_due(now)
        };
        if state_differs {
            self.sync.doubt(from);
        }
        if state_differs || members_differ {
            self.say_meet(from, false);
        }
    }

    /// Whether the membership table goes to a peer whose table differs. While news is under way most of what differs
    /// is on its way already.
    pub(crate) fn may_send_table(&mut self, now: Time) -> bool {
        let may = self.table_is_due(now);
        if may {
            self.table_sent = Some(now);
        }
        may
    }

    fn table_is_due(&self, now: Time) -> bool {
        let quiet = self.is_quiet(now, self.members_changed) && self.news.is_empty();
        quiet || self.table_sent.is_none_or(|sent| now.since(sent) >= TABLE_EVERY)
    }

    fn is_quiet(&self, now: Time, changed: Time) -> bool {
        now.since(changed) >= self.config.gossip_interval * QUIET_INTERVALS
    }
}
