//! One of several proposed values is settled on, for each slot: Paxos (Lamport, "Paxos made simple", 2001) whose requests
//! are waves and whose answers are summed up in their echo ([`Echo`]): how many promise or accept, and the latest value
//! that any of them accepted. So a turn takes as many messages as there are connections, and no node hears from more than
//! its peers, whatever the cluster's size.
//!
//! Two values are never settled on, whatever is lost or cut off and whoever proposes: each takes a majority of all members,
//! the dead among them, and any two majorities have a member in common. That holds for a given set of members. Nothing is
//! written to disk: a node that starts again no longer votes, for it does not know what it promised.
//!
//! A proposer that gets no majority tries again after a random while, longer each time; when it dies, others that have
//! accepted its value go on with it. What was settled is told over every new connection.

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use rumormill_protocol::{Cause, Channel, Event, MAX_PROPOSAL_BYTES, NodeId, Time, Value};

use crate::{
    ballot::{Pledges, Proposal, ProposalSaid, Turn},
    echo::Echo,
    message::Body,
    mix::mix2,
    node::Node,
};

/// Slots that a node knows of at most. When there are more, it forgets the first of those that are settled, and takes no
/// part any more in any that are as old; while none is settled, it takes no part in another.
const MAX_SLOTS: usize = 64;

/// The most by which a turn's number may exceed all that this node knows of: far more than there can be, and far less than
/// would use up the numbers.
const TURN_STEP_MAX: u64 = 1 << 32;

/// In gossip intervals: how long a wave may take, how long a proposer waits at least before it tries again, and how long
/// who accepted a value waits for it to be settled.
const WAVE_INTERVALS: u32 = 10;
const REST_INTERVALS: u32 = 5;
const PATIENCE_INTERVALS: u32 = 25;

/// How often the time between two attempts doubles at most.
const DOUBLINGS_MAX: u32 = 4;

/// What is being agreed on, and what was.
#[derive(Debug, Default)]
pub(crate) struct Consensus {
    slots: BTreeMap<u64, Slot>,
    /// Slots before this one are closed.
    floor: u64,
}

#[derive(Debug)]
struct Slot {
    /// The latest turn that this node takes part in.
    promised: Turn,
    /// The greatest turn's number that it heard of.
    heard: u64,
    accepted: Option<(Turn, Value)>,
    settled: Option<Value>,
    campaign: Option<Campaign>,
    wave: Option<(Wave, Echo<Pledges>)>,
}

/// Names a wave of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wave {
    turn: Turn,
    /// Whether it asks to accept, or else to promise.
    accept: bool,
}

/// This node's own attempts to settle a slot.
#[derive(Debug)]
struct Campaign {
    value: Value,
    /// The wave under way; none while it waits for its next turn.
    wave: Option<Wave>,
    /// When that ends.
    until: Time,
    attempts: u32,
}

impl Consensus {
    /// A slot, open or settled; nothing where it is closed, or there is no room.
    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        if number < self.floor {
            return None;
        }
        if !self.slots.contains_key(&number) && self.slots.len() >= MAX_SLOTS {
            let (&settled, _) = self.slots.iter().find(|(_, slot)| slot.settled.is_some())?;
            self.floor = settled + 1;
            self.slots = self.slots.split_off(&self.floor);
            if number < self.floor {
                return None;
            }
        }
        Some(self.slots.entry(number).or_insert_with(Slot::new))
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let of_slot = |slot: &Slot| {
            let echo = slot.wave.as_ref().and_then(|(_, echo)| echo.deadline());
            slot.campaign.as_ref().map(|campaign| campaign.until).into_iter().chain(echo).min()
        };
        self.slots.values().filter_map(of_slot).min()
    }
}

impl Slot {
    const fn new() -> Self {
        Self { promised: Turn::NONE, heard: 0, accepted: None, settled: None, campaign: None, wave: None }
    }
}

/// Names a value in events.
fn value_hash(value: &[u8]) -> u64 {
    value.iter().fold(value.len() as u64, |hash, byte| mix2(hash, u64::from(*byte)))
}

impl Node {
    /// The world proposes a value.
    pub(crate) fn propose(&mut self, now: Time, number: u64, value: Value) {
        let Some(slot) = self.consensus.get_or_insert_default().slot(number) else { return };
        if slot.settled.is_some() || slot.campaign.is_some() || value.len() > MAX_PROPOSAL_BYTES {
            return;
        }
        slot.campaign = Some(Campaign { value, wave: None, until: now, attempts: 0 });
        self.campaign(now, number);
    }

    /// What is due.
    pub(crate) fn time_consensus(&mut self, now: Time) {
        let Some(consensus) = &self.consensus else { return };
        let due = |slot: &Slot| {
            let echo = slot.wave.as_ref().and_then(|(_, echo)| echo.deadline());
            slot.campaign.as_ref().map(|campaign| campaign.until).into_iter().chain(echo).any(|at| at <= now)
        };
        let due: Vec<u64> =
            consensus.slots.iter().filter(|(_, slot)| due(slot)).map(|(&number, _)| number).collect();
        for number in due {
            self.report_pledges(now, number);
            self.campaign(now, number);
        }
    }

    fn open_slot(&mut self, number: u64) -> Option<&mut Slot> {
        self.consensus.as_mut()?.slots.get_mut(&number).filter(|slot| slot.settled.is_none())
    }

    /// A campaign's time is over: a turn that came to nothing gives way to a rest, and a rest to the next turn.
    fn campaign(&mut self, now: Time, number: u64) {
        let (me, electorate) = (self.start.me, self.electorate());
        let interval = self.config.gossip_interval;
        let draw = self.random_doublings(number);
        let Some(slot) = self.open_slot(number) else { return };
        let Some(campaign) = slot.campaign.as_mut().filter(|campaign| campaign.until <= now) else { return };
        if campaign.wave.take().is_some() {
            campaign.until = now + (interval * REST_INTERVALS).mul_f64(1.0 + draw);
            return;
        }
        let Some(next) = slot.heard.max(slot.promised.number).checked_add(1) else {
            slot.campaign = None;
            return;
        };
        let wave = Wave { turn: Turn { number: next, by: me }, accept: false };
        campaign.wave = Some(wave);
        campaign.attempts += 1;
        campaign.until = now + interval * WAVE_INTERVALS;
        slot.promised = wave.turn;
        self.begin_turn(now, None, number, wave, &ProposalSaid::Prepare { electorate });
        self.count_pledges(now, number);
    }

    /// How much longer than at least to rest, drawn where a campaign is under way.
    fn random_doublings(&mut self, number: u64) -> f64 {
        let attempts = self.open_slot(number).and_then(|slot| slot.campaign.as_ref()).map(|own| own.attempts);
        match attempts {
            Some(attempts) if attempts > 0 => {
                self.random.random_range(0.0..f64::from(1u32 << attempts.min(DOUBLINGS_MAX)))
            }
            _ => 0.0,
        }
    }

    /// Passes a wave on.
    fn begin_turn(
        &mut self,
        now: Time,
        parent: Option<NodeId>,
        number: u64,
        wave: Wave,
        said: &ProposalSaid,
    ) {
        let peers = self.wave_peers(parent);
        let votes = self.start.generation == 0;
        let report_at = now + self.config.gossip_interval;
        let Some(slot) = self.open_slot(number) else { return };
        let own = Pledges {
            count: u32::from(votes),
            number: slot.promised.number,
            accepted: slot.accepted.clone().filter(|_| !wave.accept),
        };
        slot.wave = Some((wave, Echo::new(parent, own, &peers, report_at)));
        for (peer, _) in peers {
            self.say_proposal(peer, number, wave.turn, said.clone());
        }
    }

    pub(crate) fn handle_proposal(&mut self, now: Time, from: NodeId, proposal: Proposal) {
        let Proposal { slot: number, turn, said } = proposal;
        let known = self.membership.electorate();
        if let ProposalSaid::Echo { accept, tally } = said {
            self.hear_pledges(now, from, number, Wave { turn, accept }, tally);
            return;
        }
        let Some(slot) = self.consensus.get_or_insert_default().slot(number) else { return };
        if turn.number > slot.heard.saturating_add(TURN_STEP_MAX) {
            return;
        }
        if let ProposalSaid::Settled(value) = said {
            self.settle(number, Some(from), &value);
            return;
        }
        if let Some(value) = slot.settled.clone() {
            self.say_proposal(from, number, turn, ProposalSaid::Settled(value));
            return;
        }
        let wave = Wave { turn, accept: matches!(said, ProposalSaid::Accept(_)) };
        slot.heard = slot.heard.max(turn.number);
        let has_it = match &mut slot.wave {
            Some((present, echo)) if *present == wave => Some(echo.has_it(from)),
            _ => None,
        };
        match (has_it, &said) {
            (Some(true), _) => self.report_pledges(now, number),
            // Whoever does not know all members would take too few for a majority.
            (None, ProposalSaid::Prepare { electorate })
                if turn > slot.promised && *electorate as usize >= known =>
            {
                slot.promised = turn;
                self.take_part(now, from, number, wave, &said);
            }
            (None, ProposalSaid::Accept(value)) if turn >= slot.promised => {
                slot.promised = turn;
                slot.accepted = Some((turn, value.clone()));
                self.succeed(now, number);
                self.take_part(now, from, number, wave, &said);
            }
            _ => {
                let tally = Pledges { count: 0, number: slot.promised.number, accepted: None };
                self.say_proposal(from, number, turn, ProposalSaid::Echo { accept: wave.accept, tally });
            }
        }
    }

    fn take_part(&mut self, now: Time, from: NodeId, number: u64, wave: Wave, said: &ProposalSaid) {
        self.begin_turn(now, Some(from), number, wave, said);
        self.report_pledges(now, number);
    }

    /// Should the proposer die, this node goes on with what it accepted.
    fn succeed(&mut self, now: Time, number: u64) {
        let patience = self.config.gossip_interval * PATIENCE_INTERVALS;
        let wait = patience + patience.mul_f64(self.random.random_range(0.0..1.0));
        let Some(slot) = self.open_slot(number) else { return };
        if slot.campaign.is_none()
            && let Some((_, value)) = &slot.accepted
        {
            slot.campaign =
                Some(Campaign { value: value.clone(), wave: None, until: now + wait, attempts: 0 });
        }
    }

    fn hear_pledges(&mut self, now: Time, from: NodeId, number: u64, wave: Wave, tally: Pledges) {
        let collecting = self.collecting();
        let Some(slot) = self.open_slot(number) else { return };
        // What is far beyond all that is known is forged, and would use up the numbers.
        if tally.number <= slot.heard.saturating_add(TURN_STEP_MAX) {
            slot.heard = slot.heard.max(tally.number);
        }
        if let Some((present, echo)) = &mut slot.wave
            && *present == wave
        {
            echo.answered(now, from, tally, collecting);
            self.report_pledges(now, number);
            self.count_pledges(now, number);
        }
    }

    fn report_pledges(&mut self, now: Time, number: u64) {
        let Some(slot) = self.open_slot(number) else { return };
        let Some((wave, echo)) = &mut slot.wave else { return };
        let wave = *wave;
        if let Some((parent, tally)) = echo.report(now) {
            let said = ProposalSaid::Echo { accept: wave.accept, tally };
            self.say_proposal(parent, number, wave.turn, said);
        }
    }

    /// Whether a majority takes part in this node's own turn now: then it asks to accept, and what a majority accepted is
    /// settled.
    fn count_pledges(&mut self, now: Time, number: u64) {
        let electorate = self.membership.electorate();
        let interval = self.config.gossip_interval;
        let Some(slot) = self.open_slot(number) else { return };
        let (Some(campaign), Some((wave, echo))) = (&mut slot.campaign, &slot.wave) else { return };
        let wave = *wave;
        let pledges = echo.total();
        if campaign.wave != Some(wave) || (pledges.count as usize) * 2 <= electorate {
            return;
        }
        if wave.accept {
            if let Some((_, value)) = slot.accepted.clone() {
                self.settle(number, None, &value);
            }
            return;
        }
        // What any of them accepted may have been settled already.
        let value = pledges.accepted.map_or_else(|| campaign.value.clone(), |(_, value)| value);
        let wave = Wave { accept: true, ..wave };
        campaign.wave = Some(wave);
        campaign.until = now + interval * WAVE_INTERVALS;
        slot.accepted = Some((wave.turn, value.clone()));
        self.begin_turn(now, None, number, wave, &ProposalSaid::Accept(value));
        self.count_pledges(now, number);
    }

    fn settle(&mut self, number: u64, from: Option<NodeId>, value: &Value) {
        let Some(slot) = self.open_slot(number) else { return };
        let turn = slot.promised;
        (slot.campaign, slot.wave, slot.accepted) = (None, None, None);
        slot.settled = Some(value.clone());
        self.emit(Event::Settled { slot: number, value: value_hash(value) });
        for (peer, _) in self.wave_peers(from) {
            self.say_proposal(peer, number, turn, ProposalSaid::Settled(value.clone()));
        }
    }

    /// Tells a new connection what was settled: its other end may have been cut off meanwhile.
    pub(crate) fn tell_settled(&mut self, peer: NodeId) {
        let Some(consensus) = &self.consensus else { return };
        let settled =
            consensus.slots.iter().filter_map(|(number, slot)| Some((*number, slot.settled.clone()?)));
        for (number, value) in settled.collect::<Vec<_>>() {
            self.say_proposal(peer, number, Turn::NONE, ProposalSaid::Settled(value));
        }
    }

    fn say_proposal(&mut self, to: NodeId, slot: u64, turn: Turn, said: ProposalSaid) {
        self.send(to, Channel::Stream, Cause::Consensus, Body::Proposal(Proposal { slot, turn, said }));
    }

    /// Within what time late answers are reported together.
    fn collecting(&self) -> Duration {
        self.config.gossip_interval / 4
    }
}
