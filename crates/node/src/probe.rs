use std::collections::VecDeque;

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
}

/// A probe that has not been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) target: NodeId,
    pub(crate) seq: u16,
    /// When to ask again, unless that has been done.
    pub(crate) ask_again_at: Option<Time>,
    /// When to ask others, unless that has been done.
    pub(crate) ask_others_at: Option<Time>,
}

/// A probe made for another.
#[derive(Clone, Copy, Debug)]
struct Relay {
    seq: u16,
    target: NodeId,
    requester: NodeId,
    requester_seq: u16,
}

/// What an answer was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// One's own probe, or nothing any more.
    Own,
    /// A probe made for another, who is to be told.
    For { requester: NodeId, seq: u16 },
}

impl Prober {
    /// Starts the period's probe and returns its number.
    pub(crate) fn start(&mut self, target: NodeId, ask_again_at: Option<Time>, ask_others_at: Time) -> u16 {
        let seq = self.next_seq();
        self.current = Some(Probe { target, seq, ask_again_at, ask_others_at: Some(ask_others_at) });
        seq
    }

    /// A member showed that it is alive otherwise. Returns who asked for it, and by which number.
    pub(crate) fn alive(&mut self, member: NodeId) -> Vec<(NodeId, u16)> {
        self.current.take_if(|probe| probe.target == member);
        let asked = self.relays.iter().filter(|relay| relay.target == member);
        let asked = asked.map(|relay| (relay.requester, relay.requester_seq)).collect();
        self.relays.retain(|relay| relay.target != member);
        asked
    }

    /// The probe that is to be made again now.
    pub(crate) fn unanswered(&mut self, now: Time) -> Option<Probe> {
        let probe = self.current.as_mut()?;
        probe.ask_again_at.take_if(|at| *at <= now)?;
        Some(*probe)
    }

    /// Ends the period's probe; returns it when it was not answered.
    pub(crate) const fn finish(&mut self) -> Option<Probe> {
        self.current.take()
    }

    /// The probe that others must now be asked to help with.
    pub(crate) fn overdue(&mut self, now: Time) -> Option<Probe> {
        let probe = self.current.as_mut()?;
        if probe.ask_others_at? > now {
            return None;
        }
        probe.ask_others_at = None;
        Some(*probe)
    }

    /// When [`unanswered`](Self::unanswered) or [`overdue`](Self::overdue) next has something to say.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let probe = self.current?;
        probe.ask_again_at.into_iter().chain(probe.ask_others_at).min()
    }

    /// Notes a probe made for another and returns its number.
    pub(crate) fn relay(&mut self, requester: NodeId, requester_seq: u16, target: NodeId) -> u16 {
        let seq = self.next_seq();
        if self.relays.len() >= MAX_RELAYS {
            self.relays.pop_front();
        }
        self.relays.push_back(Relay { seq, target, requester, requester_seq });
        seq
    }

    /// An answer arrived.
    pub(crate) fn answered(&mut self, seq: u16) -> Answered {
        if self.current.is_some_and(|probe| probe.seq == seq) {
            self.current = None;
            return Answered::Own;
        }
        let Some(at) = self.relays.iter().position(|relay| relay.seq == seq) else { return Answered::Own };
        let relay = self.relays.remove(at).expect("a position just found");
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
        let own = prober.start(NodeId(1), Some(Time(3)), Time(5));
        let other = prober.relay(NodeId(7), 99, NodeId(2));
        assert_eq!(prober.answered(other), Answered::For { requester: NodeId(7), seq: 99 });
        assert!(prober.unanswered(Time(2)).is_none() && prober.unanswered(Time(3)).is_some());
        assert!(prober.unanswered(Time(4)).is_none(), "it is made again once");
        assert!(prober.overdue(Time(4)).is_none());
        assert!(prober.overdue(Time(5)).is_some());
        assert!(prober.overdue(Time(6)).is_none(), "others are asked once");
        assert_eq!(prober.answered(own), Answered::Own);
        assert!(prober.finish().is_none());
    }

    #[test]
    fn who_shows_that_it_is_alive_answers_all_probes_of_it() {
        let mut prober = Prober::default();
        prober.start(NodeId(2), None, Time(5));
        let relays = [(7, 1, 2), (8, 2, 3), (9, 3, 2)];
        let seqs =
            relays.map(|(requester, seq, target)| prober.relay(NodeId(requester), seq, NodeId(target)));
        assert_eq!(prober.alive(NodeId(2)), [(NodeId(7), 1), (NodeId(9), 3)]);
        assert!(prober.finish().is_none());
        assert_eq!(prober.answered(seqs[2]), Answered::Own, "each requester is told once");
        assert_eq!(prober.answered(seqs[1]), Answered::For { requester: NodeId(8), seq: 2 });
    }

    #[test]
    fn probes_for_others_are_bounded() {
        let mut prober = Prober::default();
        for seq in 0..1000 {
            prober.relay(NodeId(1), seq, NodeId(2));
        }
        assert_eq!(prober.relays.len(), MAX_RELAYS);
    }
}
