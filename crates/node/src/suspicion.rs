use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use rumormill_protocol::{NodeId, Time};

use crate::{
    lifeguard::{CONFIRMATIONS, suspicion_timeout},
    member_map::MemberMap,
    standing::Standing,
};

/// Suspicions under way, at most one of a member, and when each becomes a death. One that was refuted stays until its time
/// and is then found to be out of date, so there are at most as many as were raised within one suspicion time-out.
#[derive(Debug, Default)]
pub(crate) struct Suspicions {
    open: MemberMap<Suspicion>,
    /// The clock of each that is open, apart from it: a node that hears of one again looks at the suspicion alone.
    clocks: MemberMap<Clock>,
    /// The ends of all that are open, and ends that have moved or mean nothing any more, of which none is the first.
    ends: BinaryHeap<Reverse<(Time, NodeId)>>,
    /// The first of them: it is asked for after all that happens.
    next: Option<Time>,
}

/// A suspicion. Several take one line of a cache.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    suspected_as: Standing,
    /// Who suspects the member: the first, and those who confirm it.
    accusers: [NodeId; CONFIRMATIONS + 1],
    accused_by: u8,
    /// How many confirmations are enough.
    enough: u8,
}

#[derive(Clone, Copy, Debug)]
struct Clock {
    since: Time,
    end: Time,
    /// How long it lasts when it is confirmed, and when it is not.
    least: Duration,
    most: Duration,
}

/// How long a suspicion lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasting {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
    /// After how many confirmations the least is enough: [`CONFIRMATIONS`] at most.
    pub(crate) enough: usize,
}

impl Suspicions {
    /// Starts the clock for a suspicion.
    pub(crate) fn raise(
        &mut self,
        now: Time,
        member: NodeId,
        suspected_as: Standing,
        lasts: Lasting,
        accuser: Option<NodeId>,
    ) {
        let mut suspicion = Suspicion {
            suspected_as,
            accusers: [NodeId(0); CONFIRMATIONS + 1],
            accused_by: 0,
            enough: lasts.enough.min(CONFIRMATIONS) as u8,
        };
        accuser.into_iter().for_each(|accuser| suspicion.accused(accuser));
        let end = now + suspicion.lasts(lasts.least, lasts.most);
        self.open.insert(member, suspicion);
        self.clocks.insert(member, Clock { since: now, end, least: lasts.least, most: lasts.most });
        self.ends.push(Reverse((end, member)));
        self.tidy();
    }

    /// One more suspects a member of whom this is held already. Says whether that is news: the first few confirmations
    /// are, and shorten the suspicion: to an end that was before now, it ends now, and nobody was late for it.
    pub(crate) fn confirm(
        &mut self,
        now: Time,
        member: NodeId,
        suspected_as: Standing,
        accuser: NodeId,
    ) -> bool {
        let Some(suspicion) = self.open.get_mut(member) else { return false };
        let full = suspicion.accused_by > suspicion.enough || suspicion.enough == 0;
        if suspicion.suspected_as != suspected_as || full || suspicion.accusers().contains(&accuser) {
            return false;
        }
        suspicion.accused(accuser);
        let Some(clock) = self.clocks.get_mut(member) else { return false };
        clock.end = (clock.since + suspicion.lasts(clock.least, clock.most)).max(now);
        self.ends.push(Reverse((clock.end, member)));
        self.tidy();
        true
    }

    /// The next time that a suspicion runs out.
    pub(crate) const fn next(&self) -> Option<Time> {
        self.next
    }

    /// A suspicion that has run out; it counts only if the member still stands as it was suspected.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(NodeId, Standing)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, member)) = self.ends.pop()?;
        let suspicion = self.open.remove(member)?;
        self.clocks.remove(member);
        self.tidy();
        Some((member, suspicion.suspected_as))
    }

    /// None of those under way runs out before it has lasted longer by so much.
    pub(crate) fn postpone(&mut self, now: Time, by: Duration) {
        self.ends.clear();
        for (member, clock) in self.clocks.iter_mut() {
            clock.since = (clock.since + by).min(now);
            clock.end += by;
            self.ends.push(Reverse((clock.end, member)));
        }
        self.tidy();
    }

    /// Sees to it that the first of the ends is one.
    fn tidy(&mut self) {
        while let Some(Reverse((end, member))) = self.ends.peek()
            && self.clocks.get(*member).is_none_or(|clock| clock.end != *end)
        {
            self.ends.pop();
        }
        self.next = self.ends.peek().map(|Reverse((end, _))| *end);
        if self.ends.is_empty() {
            // A node that suspects nobody takes no memory for it.
            *self = Self::default();
        }
    }
}

impl Suspicion {
    const fn accused(&mut self, accuser: NodeId) {
        self.accusers[self.accused_by as usize] = accuser;
        self.accused_by += 1;
    }

    fn accusers(&self) -> &[NodeId] {
        &self.accusers[..self.accused_by as usize]
    }

    fn lasts(&self, least: Duration, most: Duration) -> Duration {
        let confirmations = self.accused_by.saturating_sub(1);
        suspicion_timeout(least, most, confirmations.into(), self.enough.into())
    }
}

impl Lasting {
    /// As in plain SWIM: always as long.
    pub(crate) const fn fixed(timeout: Duration) -> Self {
        Self { least: timeout, most: timeout, enough: 0 }
    }

    /// As in Lifeguard, among so many members: without enough of them to confirm it, as in plain SWIM.
    pub(crate) fn until_confirmed(least: Duration, most_mult: f64, members: usize) -> Self {
        // The suspect and this node confirm nothing.
        if members.saturating_sub(2) < CONFIRMATIONS {
            return Self::fixed(least);
        }
        Self { least, most: least.mul_f64(most_mult), enough: CONFIRMATIONS }
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Status;

    use super::*;

    const SUSPECT: Standing = Standing::alive(1).with(Status::Suspect);

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn lasting() -> Lasting {
        Lasting::until_confirmed(Duration::from_secs(10), 6.0, 100)
    }

    #[test]
    fn each_further_accuser_shortens_a_suspicion_once() {
        let mut suspicions = Suspicions::default();
        suspicions.raise(at(0), NodeId(9), SUSPECT, lasting(), Some(NodeId(1)));
        assert_eq!(suspicions.next(), Some(at(60)));
        assert!(!suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(1)), "it began with this one");
        assert!(suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(2)));
        assert!(!suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(2)));
        assert_eq!(suspicions.next(), Some(at(35)));
        assert!(suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(3)));
        assert!(suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(4)));
        assert!(!suspicions.confirm(at(1), NodeId(9), SUSPECT, NodeId(5)), "three are enough");
        assert!(!suspicions.confirm(at(1), NodeId(8), SUSPECT, NodeId(5)), "nobody suspects that one");
        assert_eq!(suspicions.pop(at(9)), None);
        assert_eq!(suspicions.pop(at(10)), Some((NodeId(9), SUSPECT)));
        assert_eq!((suspicions.open.len(), suspicions.next()), (0, None));
    }

    #[test]
    fn what_ended_is_not_waited_for() {
        let mut suspicions = Suspicions::default();
        let again = Standing::alive(2).with(Status::Suspect);
        suspicions.raise(at(0), NodeId(9), SUSPECT, lasting(), Some(NodeId(1)));
        suspicions.raise(at(1), NodeId(8), SUSPECT, lasting(), Some(NodeId(1)));
        suspicions.raise(at(5), NodeId(9), again, lasting(), Some(NodeId(1)));
        assert!(!suspicions.confirm(at(5), NodeId(9), SUSPECT, NodeId(2)), "it was refuted");
        assert_eq!(suspicions.next(), Some(at(61)), "and not at 60 s");
        assert!(suspicions.confirm(at(6), NodeId(9), again, NodeId(2)));
        assert_eq!(suspicions.pop(at(40)), Some((NodeId(9), again)));
        assert_eq!(suspicions.pop(at(61)), Some((NodeId(8), SUSPECT)));
        assert_eq!((suspicions.open.len(), suspicions.next(), suspicions.ends.capacity()), (0, None, 0));
    }

    #[test]
    fn time_that_was_slept_through_does_not_count() {
        let mut suspicions = Suspicions::default();
        suspicions.raise(at(0), NodeId(9), SUSPECT, lasting(), Some(NodeId(1)));
        suspicions.postpone(at(25), Duration::from_secs(20));
        assert_eq!(suspicions.next(), Some(at(80)));
        assert!(suspicions.confirm(at(26), NodeId(9), SUSPECT, NodeId(2)));
        assert_eq!(suspicions.next(), Some(at(55)));
    }

    #[test]
    fn a_confirmation_that_comes_late_ends_a_suspicion_now_and_not_before() {
        let mut suspicions = Suspicions::default();
        suspicions.raise(at(0), NodeId(9), SUSPECT, lasting(), Some(NodeId(1)));
        assert!(suspicions.confirm(at(50), NodeId(9), SUSPECT, NodeId(2)));
        assert_eq!(suspicions.next(), Some(at(50)), "35 s are over, and nobody was late for them");
    }

    #[test]
    fn where_too_few_could_confirm_it_a_suspicion_lasts_as_in_swim() {
        let least = Duration::from_secs(10);
        assert_eq!(Lasting::until_confirmed(least, 6.0, 4), Lasting::fixed(least));
        assert_eq!(Lasting::until_confirmed(least, 6.0, 5).most, Duration::from_secs(60));
    }
}
