use std::{collections::VecDeque, time::Duration};

use rumormill_protocol::{NodeId, Time};

/// Probes on behalf of others that are under way at most; when more are asked for, the oldest is forgotten.
const MAX_RELAYS: usize = 64;

/// Sequence numbers stay below this, so that with a flag they take two bytes at most.
const SEQ_LIMIT: u16 = 1 << 13;

/// This node's probe of the current protocol period, and those it makes for others.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    seq: u16,
    current: Option<Probe>,
    relays: VecDeque<Relay>,
    /// What its probes took to be answered: a mean in which each counts for an eighth, as TCP's (RFC 6298); 0 before the first.
    round_trip: Duration,
    /// When the first of them is to be said to have got no answer.
    next_nack: Option<Time>,
}

/// A probe that has not been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) target: NodeId,
    pub(crate) seq: u16,
    began: Time,
    /// When to ask again, unless that has been done.
    pub(crate) ask_again_at: Option<Time>,
    /// When to ask others, unless that has been done.
    pub(crate) ask_others_at: Option<Time>,
    /// When it has failed.
    fails_at: Time,
    /// Others who were asked, and those of them who said that they got no answer.
    asked: u8,
    nacked: u8,
    /// Whether silence says nothing, since this node could not have heard an answer in time.
    excused: bool,
}

impl Probe {
    /// Others who were asked and said nothing at all.
    pub(crate) const fn missed_nacks(&self) -> u8 {
        self.asked - self.nacked
    }
}

/// A probe made for another.
#[derive(Clone, Copy, Debug)]
struct Relay {
    seq: u16,
    target: NodeId,
    requester: NodeId,
    requester_seq: u16,
    /// When to say that there was no answer, if that is wanted and was not done.
    nack_at: Option<Time>,
}

/// What an answer was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// One's own probe.
    Own,
    /// A probe that is over.
    Nobody,
    /// A probe made for another, who is to be told.
    For { requester: NodeId, seq: u16 },
}

impl Prober {
    /// Starts a probe and returns its number.
    pub(crate) fn start(
        &mut self,
        now: Time,
        target: NodeId,
        ask_again_at: Option<Time>,
        ask_others_at: Time,
        fails_at: Time,
    ) -> u16 {
        let seq = self.next_seq();
        self.current = Some(Probe {
            target,
            seq,
            began: now,
            ask_again_at,
            ask_others_at: Some(ask_others_at),
            fails_at,
            asked: 0,
            nacked: 0,
            excused: false,
        });
        seq
    }

    /// A member showed that it is alive otherwise. Returns who asked for it, and by which number.
    pub(crate) fn alive(&mut self, member: NodeId) -> Vec<(NodeId, u16)> {
        self.current.take_if(|probe| probe.target == member);
        if self.relays.is_empty() {
            return Vec::new();
        }
        let asked = self.relays.iter().filter(|relay| relay.target == member);
        let asked = asked.map(|relay| (relay.requester, relay.requester_seq)).collect();
        self.relays.retain(|relay| relay.target != member);
        self.find_next_nack();
        asked
    }

    /// The probe that is to be made again now.
    pub(crate) fn unanswered(&mut self, now: Time) -> Option<Probe> {
        let probe = self.current.as_mut()?;
        probe.ask_again_at.take_if(|at| *at <= now)?;
        Some(*probe)
    }

    /// Whether the present probe may be answered yet.
    pub(crate) fn is_waiting(&self, now: Time) -> bool {
        self.current.is_some_and(|probe| now < probe.fails_at)
    }

    /// This node could not have heard an answer to its present probe in time: nobody is asked to help with it, and its
    /// failure says nothing. Its time goes on, so that no other takes its place sooner.
    pub(crate) const fn excuse(&mut self) {
        if let Some(probe) = &mut self.current {
            (probe.ask_again_at, probe.ask_others_at, probe.excused) = (None, None, true);
        }
    }

    /// What was held up leaves only now: a direct probe among it is given its time from now on before others are asked, as
    /// memberlist waits from when its write is done. It fails no later for that.
    pub(crate) fn leaves(&mut self, now: Time, timeout: Duration) {
        let Some(probe) = &mut self.current else { return };
        let fails_at = probe.fails_at;
        let wait = |at: &mut Time, time| *at = (now + time).min(fails_at).max(*at);
        probe.ask_again_at.iter_mut().for_each(|at| wait(at, timeout / 2));
        probe.ask_others_at.iter_mut().for_each(|at| wait(at, timeout));
    }

    /// Ends the present probe; returns it when it was not answered and should have been.
    pub(crate) fn finish(&mut self) -> Option<Probe> {
        self.current.take().filter(|probe| !probe.excused)
    }

    /// The probe that others must now be asked to help with.
    pub(crate) fn overdue(&mut self, now: Time) -> Option<Probe> {
        let probe = self.current.as_mut()?;
        probe.ask_others_at.take_if(|at| *at <= now)?;
        Some(*probe)
    }

    /// So many others were asked to help with the present probe.
    pub(crate) const fn asked(&mut self, others: usize) {
        if let Some(probe) = &mut self.current {
            probe.asked = if others < u8::MAX as usize { others as u8 } else { u8::MAX };
        }
    }

    /// One of them got no answer.
    pub(crate) fn nacked(&mut self, seq: u16) {
        if let Some(probe) = self.current.as_mut().filter(|probe| probe.seq == seq) {
            probe.nacked = (probe.nacked + 1).min(probe.asked);
        }
    }

    /// When [`unanswered`](Self::unanswered) or [`overdue`](Self::overdue) next has something to say.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let probe = self.current?;
        probe.ask_again_at.into_iter().chain(probe.ask_others_at).min()
    }

    /// When [`nack`](Self::nack) next has something to say.
    pub(crate) const fn next_nack(&self) -> Option<Time> {
        self.next_nack
    }

    fn find_next_nack(&mut self) {
        self.next_nack = self.relays.iter().filter_map(|relay| relay.nack_at).min();
    }

    /// A probe made for another that was not answered in time: who is to be told so, and by which number. It may be
    /// answered yet.
    pub(crate) fn nack(&mut self, now: Time) -> Option<(NodeId, u16)> {
        if self.next_nack? > now {
            return None;
        }
        let late = |relay: &&mut Relay| relay.nack_at.is_some_and(|at| at <= now);
        let relay = self.relays.iter_mut().find(late)?;
        relay.nack_at = None;
        let told = (relay.requester, relay.requester_seq);
        self.find_next_nack();
        Some(told)
    }

    /// Notes a probe made for another, to whom is to be said when there was no answer by `nack_at`, and returns its
    /// number.
    pub(crate) fn relay(
        &mut self,
        requester: NodeId,
        requester_seq: u16,
        target: NodeId,
        nack_at: Option<Time>,
    ) -> u16 {
        let seq = self.next_seq();
        if self.relays.len() >= MAX_RELAYS {
            self.relays.pop_front();
        }
        self.relays.push_back(Relay { seq, target, requester, requester_seq, nack_at });
        self.find_next_nack();
        seq
    }

    /// About what a probe takes to be answered; 0 where none was yet.
    pub(crate) const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// An answer arrived.
    pub(crate) fn answered(&mut self, now: Time, seq: u16) -> Answered {
        if let Some(probe) = self.current.take_if(|probe| probe.seq == seq) {
            let took = now.since(probe.began);
            self.round_trip = if self.round_trip.is_zero() { took } else { (self.round_trip * 7 + took) / 8 };
            return Answered::Own;
        }
        let Some(at) = self.relays.iter().position(|relay| relay.seq == seq) else { return Answered::Nobody };
        let relay = self.relays.remove(at).expect("a position just found");
        self.find_next_nack();
        Answered::For { requester: relay.requester, seq: relay.requester_seq }
    }

    const fn next_seq(&mut self) -> u16 {
        self.seq = (self.seq + 1) % SEQ_LIMIT;
        self.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_the_probe_it_belongs_to_and_no_other() {
        let mut prober = Prober::default();
        let own = prober.start(Time(1), NodeId(1), Some(Time(3)), Time(5), Time(9));
        let other = prober.relay(NodeId(7), 99, NodeId(2), None);
        assert_eq!(prober.answered(Time(2), other), Answered::For { requester: NodeId(7), seq: 99 });
        assert!(prober.unanswered(Time(2)).is_none() && prober.unanswered(Time(3)).is_some());
        assert!(prober.unanswered(Time(4)).is_none(), "it is made again once");
        assert!(prober.overdue(Time(4)).is_none());
        assert!(prober.overdue(Time(5)).is_some());
        assert!(prober.overdue(Time(6)).is_none(), "others are asked once");
        assert!(prober.is_waiting(Time(8)) && !prober.is_waiting(Time(9)));
        assert_eq!(prober.answered(Time(9), own), Answered::Own);
        assert!(prober.finish().is_none());
    }

    #[test]
    fn a_round_trip_is_a_mean_in_which_each_counts_for_an_eighth() {
        let mut prober = Prober::default();
        for (took, mean) in [(80, 80), (160, 90), (10, 80)] {
            let seq = prober.start(Time(100), NodeId(1), None, Time(500), Time(900));
            prober.answered(Time(100 + took), seq);
            assert_eq!(prober.round_trip().as_nanos(), mean);
        }
    }

    #[test]
    fn a_probe_that_leaves_late_is_given_its_time_and_fails_when_it_would_have() {
        let timeout = Duration::from_secs(4);
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut prober = Prober::default();
        prober.start(Time(1), NodeId(1), None, at(4), at(9));
        prober.leaves(at(4), timeout);
        assert!(prober.overdue(at(7)).is_none() && prober.is_waiting(at(8)));
        prober.leaves(at(7), timeout);
        assert!(prober.overdue(at(8)).is_none());
        assert!(prober.overdue(at(9)).is_some() && !prober.is_waiting(at(9)));
        prober.leaves(at(9), timeout);
        assert_eq!(prober.next_deadline(), None, "others were asked already");
    }

    #[test]
    fn who_shows_that_it_is_alive_answers_all_probes_of_it() {
        let mut prober = Prober::default();
        prober.start(Time(1), NodeId(2), None, Time(5), Time(9));
        let relays = [(7, 1, 2), (8, 2, 3), (9, 3, 2)];
        let seqs =
            relays.map(|(requester, seq, target)| prober.relay(NodeId(requester), seq, NodeId(target), None));
        assert_eq!(prober.alive(NodeId(2)), [(NodeId(7), 1), (NodeId(9), 3)]);
        assert!(prober.finish().is_none());
        assert_eq!(prober.answered(Time(3), seqs[2]), Answered::Nobody, "each requester is told once");
        assert_eq!(prober.answered(Time(3), seqs[1]), Answered::For { requester: NodeId(8), seq: 2 });
    }

    #[test]
    fn a_helper_says_once_that_it_got_no_answer_and_may_get_one_yet() {
        let mut prober = Prober::default();
        let first = prober.relay(NodeId(7), 9, NodeId(2), Some(Time(4)));
        prober.relay(NodeId(8), 5, NodeId(3), Some(Time(6)));
        assert_eq!(prober.next_nack(), Some(Time(4)));
        assert_eq!(prober.nack(Time(3)), None);
        assert_eq!(prober.nack(Time(5)), Some((NodeId(7), 9)));
        assert_eq!((prober.nack(Time(5)), prober.next_nack()), (None, Some(Time(6))));
        assert_eq!(prober.answered(Time(6), first), Answered::For { requester: NodeId(7), seq: 9 });
    }

    #[test]
    fn helpers_that_say_nothing_are_missed() {
        let mut prober = Prober::default();
        let seq = prober.start(Time(1), NodeId(2), None, Time(5), Time(9));
        prober.asked(3);
        prober.nacked(seq + 1);
        assert_eq!(prober.current.map(|probe| probe.missed_nacks()), Some(3), "that was of another probe");
        (0..2).for_each(|_| prober.nacked(seq));
        assert_eq!(prober.finish().map(|probe| probe.missed_nacks()), Some(1));
    }

    #[test]
    fn probes_for_others_are_bounded() {
        let mut prober = Prober::default();
        for seq in 0..1000 {
            prober.relay(NodeId(1), seq, NodeId(2), None);
        }
        assert_eq!(prober.relays.len(), MAX_RELAYS);
    }
}
