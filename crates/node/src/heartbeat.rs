//! The heartbeat-counter failure detector (van Renesse, Minsky, Hayden: "A Gossip-Style Failure Detection Service",
//! Middleware 1998; Cassandra and chitchat after it), in place of SWIM's.
//!
//! In every protocol period a node counts one heartbeat and tells `fanout` peers the counters of all members, as far
//! as it knows them: O(N) bytes a message, where SWIM's probe takes the same few bytes at any N. A member whose counter
//! does not go up is suspected, then declared dead, by each node for itself: neither is told to others. Only that
//! members join, leave or come back is news.
//!
//! Who is dead stays dead until it shows itself. The last counters of a dead member may still be told by nodes that
//! were away (van Renesse's reason for a quarantine of T_cleanup), and no quarantine outlasts every absence: so a
//! counter that goes up after a death only makes a node ask the member itself, as Cassandra's echo does.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::seq::SliceRandom;
use rumormill_protocol::{Cause, Channel, Event, NodeId, Status, Time};

use crate::{
    config::{Detector, Peers, Silence},
    message::{Beat, Body, Heartbeats},
    node::Node,
    phi::Arrivals,
    standing::Standing,
    tour::random_members,
};

/// Counters in one message at most: it then stays far below the longest, even with every member named in full.
pub(crate) const BEATS_PER_MESSAGE: usize = 8192;

/// A node that slept for so many protocol periods judges nobody, and goes on so for as long again (Cassandra's
/// `MAX_LOCAL_PAUSE`, 5 s at its gossip interval of 1 s): it cannot tell whose the silence was.
const PAUSE_PERIODS: u32 = 5;

/// Dead members that a node asks in one protocol period whether they are back. Where more are, others ask the rest,
/// or the next period does.
const ECHOES_PER_PERIOD: usize = 8;

/// Peers that wait for a connection to be told counters; the oldest give way.
const MAX_WAITING: usize = 64;

/// What a node knows of everyone's heartbeats: 16 bytes a member, and nothing where SWIM is the detector.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    /// By the member's number.
    pulses: Vec<Pulse>,
    /// This node's own counter.
    own: u32,
    /// When this node began: until then the silence of a member reaches back that was never heard of.
    began_ms: u32,
    /// Judges nobody before.
    judges_from: Time,
    /// Dead members that were asked in this period.
    echoes: usize,
    /// Peers that are to be told counters when there is a connection.
    waiting: VecDeque<NodeId>,
}

/// A member's heartbeats in its present life.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    counter: u32,
    /// When the counter last went up, in milliseconds of the run, which wrap after 49 days.
    advanced_ms: u32,
    arrivals: Arrivals,
}

impl Pulse {
    fn new(now_ms: u32) -> Self {
        Self { counter: 0, advanced_ms: now_ms, arrivals: Arrivals::default() }
    }

    fn silence_ms(&self, now_ms: u32) -> f64 {
        f64::from(now_ms.wrapping_sub(self.advanced_ms))
    }

    fn advance(&mut self, counter: u32, now_ms: u32, silence: Silence, period: Duration) {
        if let Silence::Phi { formula, .. } = silence {
            if self.counter == 0 {
                self.arrivals.first(formula, period);
            } else {
                self.arrivals.add(self.silence_ms(now_ms), formula, period);
            }
        }
        (self.counter, self.advanced_ms) = (counter, now_ms);
    }

    /// What its silence says of a member.
    fn status(&self, now_ms: u32, silence: Silence, period: Duration) -> Status {
        let silent_ms = self.silence_ms(now_ms);
        let (doubt, suspect, dead) = match silence {
            Silence::Fixed { fail_after } => (silent_ms / (fail_after.as_secs_f64() * 1e3), 1.0, 2.0),
            Silence::Phi { formula, suspect, dead } => {
                (formula.of(silent_ms, self.arrivals.mean_ms(formula, period)), suspect, dead)
            }
        };
        match () {
            () if doubt > dead => Status::Dead,
            () if doubt > suspect => Status::Suspect,
            () => Status::Alive,
        }
    }
}

impl Pulses {
    fn of(&self, member: NodeId) -> Pulse {
        self.pulses.get(member.index()).copied().unwrap_or_else(|| Pulse::new(self.began_ms))
    }

    /// The pulse of a member of the membership table, which bounds their number.
    fn of_mut(&mut self, member: NodeId) -> &mut Pulse {
        if member.index() >= self.pulses.len() {
            self.pulses.resize(member.index() + 1, Pulse::new(self.began_ms));
        }
        &mut self.pulses[member.index()]
    }
}

impl Node {
    /// Whether this node judges others by itself, so that no suspicion or death is told.
    pub(crate) fn judges_alone(&self) -> bool {
        self.config.detector != Detector::Swim
    }

    pub(crate) fn begin_heartbeats(&mut self, now: Time) {
        if self.judges_alone() {
            self.pulses.began_ms = milliseconds(now);
            self.pulses.pulses = vec![Pulse::new(milliseconds(now)); self.membership.numbers() as usize];
        }
    }

    /// A protocol period begins, so long after its time: one more heartbeat.
    pub(crate) fn beat(&mut self, now: Time, late: Duration) {
        let Detector::Heartbeat(silence) = self.config.detector else { return };
        self.pulses.own = self.pulses.own.saturating_add(1);
        self.pulses.echoes = 0;
        let (period, pause) = (self.config.protocol_period, self.config.protocol_period * PAUSE_PERIODS);
        if late + period > pause {
            self.pulses.judges_from = now + pause;
        }
        if now >= self.pulses.judges_from {
            self.judge(now, silence);
        }
        let messages = self.all_heartbeats(self.config.dissemination.pulls());
        for peer in self.peers_to_tell() {
            self.tell_heartbeats(peer, &messages);
        }
    }

    /// Peers that can be told now. Others are called first, for only then is it known how members are named.
    fn peers_to_tell(&mut self) -> Vec<NodeId> {
        let fanout = self.config.fanout;
        if self.config.peers == Peers::Sticky {
            let mut partners: Vec<NodeId> =
                self.partners.iter().filter(|peer| self.sync.has_met(*peer)).collect();
            partners.shuffle(&mut self.random);
            partners.truncate(fanout);
            return partners;
        }
        let drawn = random_members(self.start.me, &self.membership, fanout, &mut self.random);
        let (met, strangers): (Vec<_>, Vec<_>) = drawn.into_iter().partition(|peer| self.sync.has_met(*peer));
        for stranger in strangers {
            if self.pulses.waiting.len() >= MAX_WAITING {
                self.pulses.waiting.pop_front();
            }
            self.pulses.waiting.push_back(stranger);
            self.send(stranger, Channel::Datagram, Cause::Heartbeat, Body::News(Vec::new()));
        }
        met
    }

    /// A peer has met this node: it is told what it waits for.
    pub(crate) fn tell_awaited_heartbeats(&mut self, peer: NodeId) {
        let waited = self.pulses.waiting.len();
        self.pulses.waiting.retain(|waiting| *waiting != peer);
        if self.pulses.waiting.len() < waited {
            let messages = self.all_heartbeats(self.config.dissemination.pulls());
            self.tell_heartbeats(peer, &messages);
        }
    }

    /// Counters, and with them whatever else there is for a peer.
    fn tell_heartbeats(&mut self, peer: NodeId, messages: &[Heartbeats]) {
        for heartbeats in messages {
            self.send_heartbeats(peer, heartbeats.clone());
        }
        if self.calls_both_ways() {
            self.push_to(peer);
        } else if self.config.peers == Peers::Sticky && self.config.dissemination.pushes() {
            self.send_deltas(peer);
        }
    }

    /// As a datagram, or, where they are too many for one, on the stream: `link` sees to that.
    fn send_heartbeats(&mut self, peer: NodeId, heartbeats: Heartbeats) {
        self.send(peer, Channel::Datagram, Cause::Heartbeat, Body::Heartbeats(heartbeats));
    }

    /// The counters of all members, those of nobody who is dead or has left.
    fn all_heartbeats(&self, asks: bool) -> Vec<Heartbeats> {
        let beats: Vec<Beat> = self.beats(NodeId(0), NodeId(u32::MAX)).collect();
        let starts = beats.iter().step_by(BEATS_PER_MESSAGE).skip(1).map(|beat| beat.member);
        let firsts = std::iter::once(NodeId(0)).chain(starts.clone());
        let ends = starts.chain([NodeId(u32::MAX)]);
        // A node that has not begun to count yet has nothing to tell, and may ask.
        let chunks = beats.chunks(BEATS_PER_MESSAGE).chain(beats.is_empty().then_some(&[][..]));
        let messages = firsts.zip(ends).zip(chunks);
        messages.map(|((first, end), beats)| self.heartbeats(first, end, asks, beats.into())).collect()
    }

    fn heartbeats(&self, first: NodeId, end: NodeId, asks: bool, beats: Arc<[Beat]>) -> Heartbeats {
        let salt = self.pulses.own as u16;
        Heartbeats { first: first.0, end: end.0, asks, salt, check: self.check(salt), beats }
    }

    /// The counters of the members in a range, ascending; nothing of those whose counter was never heard.
    fn beats(&self, first: NodeId, end: NodeId) -> impl Iterator<Item = Beat> + '_ {
        let known = self.membership.known_from(first).take_while(move |(member, _)| *member < end);
        let members = known.filter(|(_, standing)| standing.is_member());
        let beats = members.map(|(member, standing)| {
            let own = member == self.start.me;
            let counter = if own { self.pulses.own } else { self.pulses.of(member).counter };
            Beat { member, life: standing.life(), counter }
        });
        beats.filter(|beat| beat.counter > 0)
    }

    pub(crate) fn handle_heartbeats(&mut self, now: Time, from: NodeId, said: &Heartbeats) {
        let Detector::Heartbeat(silence) = self.config.detector else { return };
        let mut is_back = false;
        for &beat in said.beats.iter() {
            is_back |= self.take_beat(now, from, beat, silence);
        }
        self.compare(now, from, said.salt, said.check);
        // Who was away has heard of nobody meanwhile, and must not take their silence for theirs.
        if is_back {
            for heartbeats in self.all_heartbeats(false) {
                self.send_heartbeats(from, heartbeats);
            }
        } else if said.asks {
            self.answer_heartbeats(from, said);
        }
        if said.asks {
            self.answer_pull(from, said.salt, said.check);
        }
    }

    /// Tells who asks the counters that are higher here, and this node's own.
    fn answer_heartbeats(&mut self, from: NodeId, said: &Heartbeats) {
        let mut theirs = said.beats.iter().peekable();
        let newer = self.beats(NodeId(said.first), NodeId(said.end)).filter(|mine| {
            while theirs.next_if(|beat| beat.member < mine.member).is_some() {}
            let said = theirs.next_if(|beat| beat.member == mine.member);
            let is_newer = said.is_none_or(|said| (mine.life, mine.counter) > (said.life, said.counter));
            is_newer || mine.member == self.start.me
        });
        let newer: Arc<[Beat]> = newer.collect();
        if !newer.is_empty() {
            let answer = self.heartbeats(NodeId(said.first), NodeId(said.end), false, newer);
            self.send_heartbeats(from, answer);
        }
    }

    /// Takes in what is said of one member. Says whether that is who says it, and was dead.
    fn take_beat(&mut self, now: Time, from: NodeId, beat: Beat, silence: Silence) -> bool {
        let Beat { member, life, counter } = beat;
        let standing = self.membership.standing(member);
        // Of members nobody introduced nothing is known, and what was known of an ended life says nothing.
        if member == self.start.me || standing == Standing::UNKNOWN || life < standing.life() {
            return false;
        }
        let (now_ms, period, itself) = (milliseconds(now), self.config.protocol_period, from == member);
        if life > standing.life() {
            let begun = Standing::first_of_life(life);
            if !itself {
                self.echo(member);
            } else if begun.life() == life {
                self.hear(now, Some(from), member, begun);
                self.pulses.of_mut(member).advance(counter, now_ms, silence, period);
                return true;
            }
            return false;
        }
        let known = self.pulses.of(member).counter;
        match standing.status() {
            Status::Dead if itself && counter >= known => {
                self.decide(now, member, Status::Alive);
                let pulse = self.pulses.of_mut(member);
                (pulse.counter, pulse.advanced_ms) = (counter, now_ms);
                return true;
            }
            Status::Dead if counter > known => {
                self.pulses.of_mut(member).counter = counter;
                self.echo(member);
            }
            Status::Alive | Status::Suspect if counter > known => {
                self.pulses.of_mut(member).advance(counter, now_ms, silence, period);
                if standing.status() == Status::Suspect {
                    self.decide(now, member, Status::Alive);
                }
            }
            _ => {}
        }
        false
    }

    /// Asks a member that counts as dead, or in a life that was not heard of, to show itself.
    fn echo(&mut self, member: NodeId) {
        if self.pulses.echoes < ECHOES_PER_PERIOD {
            self.pulses.echoes += 1;
            let question = self.heartbeats(member, NodeId(member.0.saturating_add(1)), true, Arc::new([]));
            self.send_heartbeats(member, question);
        }
    }

    /// Looks at everyone's silence.
    fn judge(&mut self, now: Time, silence: Silence) {
        let (me, now_ms, period) = (self.start.me, milliseconds(now), self.config.protocol_period);
        let members = self.membership.known().filter(|(id, standing)| *id != me && standing.is_member());
        let judged = members.map(|(member, standing)| {
            (member, standing.status(), self.pulses.of(member).status(now_ms, silence, period))
        });
        // Only a heartbeat makes a member alive again.
        let worse: Vec<(NodeId, Status)> = judged
            .filter(|(_, before, after)| {
                *after == Status::Dead || *after == Status::Suspect && after != before
            })
            .map(|(member, _, after)| (member, after))
            .collect();
        for (member, status) in worse {
            self.decide(now, member, status);
            if let (Status::Dead, Silence::Phi { formula, .. }) = (status, silence) {
                self.pulses.of_mut(member).arrivals.died(formula);
            }
        }
    }

    /// Changes this node's own opinion of a member. Nobody is told.
    fn decide(&mut self, now: Time, member: NodeId, status: Status) {
        let before = self.membership.decide(member, status);
        match status {
            Status::Dead => self.graves.add(member, now),
            _ => self.graves.remove(member),
        }
        // Who is convicted is suspected too.
        if before == Status::Alive {
            self.emit(Event::Suspected(member));
        }
        match status {
            Status::Dead => self.emit(Event::DeclaredDead(member)),
            Status::Alive => self.emit(Event::Alive(member)),
            _ => {}
        }
        let concerned = match status {
            Status::Dead => self.partners.contains(member),
            Status::Alive => self.partners.concerns(member, self.start.me, now),
            _ => false,
        };
        if concerned && self.reads_rings() {
            self.partners.read_soon(now);
        }
    }

    /// What this node makes of an opinion that it hears. Where each judges for itself others' suspicions say nothing,
    /// and their verdicts only of who is unknown here, or known in an earlier life.
    pub(crate) fn admitted(&self, member: NodeId, said: Standing) -> Option<Standing> {
        if !self.judges_alone() || !matches!(said.status(), Status::Suspect | Status::Dead) {
            return Some(said);
        }
        let known = self.membership.standing(member);
        if known == Standing::UNKNOWN || said.life() > known.life() {
            let is_dead = said.status() == Status::Dead;
            return Some(if is_dead { said } else { said.with(Status::Alive) });
        }
        // An incarnation is the member's own word.
        (said.incarnation() > known.incarnation()).then(|| said.with(known.status()))
    }

    /// A member is known in a new life, or again: its silence begins now.
    pub(crate) fn listen_to(&mut self, now: Time, member: NodeId, before: Standing, said: Standing) {
        if !self.judges_alone() {
            return;
        }
        let now_ms = milliseconds(now);
        let pulse = self.pulses.of_mut(member);
        if before == Standing::UNKNOWN || before.life() != said.life() {
            *pulse = Pulse::new(now_ms);
        } else if !before.is_member() && said.is_member() {
            pulse.advanced_ms = now_ms;
        }
    }
}

/// Milliseconds of the run, which wrap after 49 days.
const fn milliseconds(time: Time) -> u32 {
    (time.micros() / 1_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_takes_sixteen_bytes() {
        assert_eq!(size_of::<Pulse>(), 16);
    }

    #[test]
    fn fixed_time_outs_are_van_renesses() {
        let (silence, period) =
            (Silence::Fixed { fail_after: Duration::from_secs(20) }, Duration::from_secs(1));
        // Across the wrap of the clock.
        let start = u32::MAX - 5_000;
        let mut pulse = Pulse::new(start);
        pulse.advance(7, start.wrapping_add(1_000), silence, period);
        let status = |after: u32| pulse.status(start.wrapping_add(1_000 + after), silence, period);
        assert_eq!(status(20_000), Status::Alive);
        assert_eq!(status(20_001), Status::Suspect);
        assert_eq!(status(40_000), Status::Suspect);
        assert_eq!(status(40_001), Status::Dead);
    }
}
