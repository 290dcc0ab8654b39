use std::{net::SocketAddr, sync::Arc};

use rumormill_protocol::{Cause, Channel, Contact, Entry, LinkEvent, NodeId, Status, Time, WarmBoot};

use super::{
    message::{Body, Change, Changes, Message, Taken},
    record::booted,
};
use crate::{
    codec::{Write, chunks},
    core::{Core, Stage},
    roster::Member,
};

/// A member's part: it reports to the coordinator and takes what the answers say.
#[derive(Debug)]
pub(super) struct Reporter {
    coordinator: NodeId,
    /// Where the coordinator listens, once that is known.
    address: Option<SocketAddr>,
    /// Whom to ask for it.
    seeds: Vec<NodeId>,
    taken: Taken,
    next_report: Time,
    /// When the coordinator's silence becomes a suspicion.
    answer_due: Option<Time>,
    /// When the suspicion becomes a death.
    suspicion_ends: Option<Time>,
    /// Whether the coordinator said Welcome on the present connection.
    welcome: bool,
}

impl Reporter {
    pub(super) const fn new(coordinator: NodeId) -> Self {
        Self {
            coordinator,
            address: None,
            seeds: Vec::new(),
            taken: Taken { epoch: 0, position: 0 },
            next_report: Time::ZERO,
            answer_due: None,
            suspicion_ends: None,
            welcome: false,
        }
    }

    pub(super) fn warm(&mut self, now: Time, core: &mut Core<Message>, warm: &Arc<WarmBoot>) {
        self.next_report = now + core.phase();
        self.taken.position = booted(warm);
        self.address = core.roster.member(self.coordinator).map(|known| known.address);
        if self.address.is_some() {
            core.out.connect(self.coordinator);
        }
    }

    pub(super) fn join(&mut self, now: Time, core: &mut Core<Message>, seeds: &[Contact]) {
        self.next_report = now + core.phase();
        if let Some(contact) = seeds.iter().find(|seed| seed.id == self.coordinator) {
            self.found(core, contact.address);
            return;
        }
        for seed in seeds.iter().filter(|seed| seed.id != core.start.me) {
            self.seeds.push(seed.id);
            core.out.introduce(seed.id, seed.address);
        }
        self.ask_seed(core);
    }

    pub(super) fn handle_link(&mut self, core: &mut Core<Message>, peer: NodeId, link: LinkEvent) {
        // A dial that failed is one more silence: reports find out by themselves.
        if peer != self.coordinator || link == LinkEvent::DialFailed {
            return;
        }
        self.welcome = false;
        if link == LinkEvent::Up {
            let address = core.start.address;
            send(core, peer, Channel::Stream, Cause::Meet, Body::Hello { address });
        }
    }

    pub(super) fn handle_message(&mut self, core: &mut Core<Message>, from: NodeId, message: Message) {
        let Message { life, body } = message;
        match body {
            Body::WhereIs => {
                if let Some(address) = self.address {
                    send(core, from, Channel::Stream, Cause::Meet, Body::Coordinator { address });
                }
            }
            Body::Coordinator { address } => self.found(core, address),
            _ if from != self.coordinator => {}
            Body::Leave => self.left(core, life),
            Body::Ack => self.answered(core, life),
            Body::Changes(changes) => {
                self.answered(core, life);
                self.take(core, changes);
            }
            Body::Welcome { epoch, has } => {
                self.answered(core, life);
                self.welcomed(core, epoch, has);
            }
            Body::Report { .. } | Body::Hello { .. } | Body::Writes(_) => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Time, core: &mut Core<Message>) {
        let known = core.roster.member(self.coordinator);
        if let Some(due) = self.answer_due.take_if(|due| *due <= now)
            && let Some(known) = known.filter(|known| known.status == Status::Alive)
            // Who was asleep itself cannot tell whose the silence was.
            && now.since(due) < core.timing.patience()
        {
            self.suspicion_ends = Some(now + core.timing.suspicion_timeout(core.roster.alive()));
            core.think(self.coordinator, known.with(Status::Suspect));
        }
        if self.suspicion_ends.take_if(|end| *end <= now).is_some()
            && let Some(known) = known
        {
            core.think(self.coordinator, known.with(Status::Dead));
        }
        if self.next_report <= now {
            self.begin_period(now, core);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        [Some(self.next_report), self.answer_due, self.suspicion_ends].into_iter().flatten().min()
    }

    pub(super) fn wrote(&self, core: &mut Core<Message>, entry: &Entry) {
        if self.welcome {
            let writes = Body::Writes(vec![Write::of(entry)]);
            send(core, self.coordinator, Channel::Stream, Cause::Delta, writes);
        }
    }

    pub(super) fn leave(&self, core: &mut Core<Message>) {
        if self.address.is_some() {
            send(core, self.coordinator, Channel::Stream, Cause::Leave, Body::Leave);
        }
    }

    fn begin_period(&mut self, now: Time, core: &mut Core<Message>) {
        self.next_report += core.timing.protocol_period;
        if self.next_report <= now {
            // Periods that were slept through are skipped.
            self.next_report = now + core.timing.protocol_period;
        }
        let gone = core.roster.member(self.coordinator).is_some_and(|known| known.status == Status::Left);
        match self.address {
            None => self.ask_seed(core),
            Some(_) if gone => {}
            Some(_) => {
                self.answer_due = Some(now + core.timing.patience());
                self.report(core, Cause::Probe);
            }
        }
    }

    fn report(&self, core: &mut Core<Message>, cause: Cause) {
        let report = Body::Report { taken: self.taken };
        send(core, self.coordinator, Channel::Datagram, cause, report);
    }

    /// The coordinator spoke.
    fn answered(&mut self, core: &mut Core<Message>, life: u32) {
        self.answer_due = None;
        self.suspicion_ends = None;
        let Some(address) = self.address else { return };
        core.think(self.coordinator, Member { life, status: Status::Alive, address });
    }

    fn welcomed(&mut self, core: &mut Core<Message>, epoch: u32, has: u64) {
        self.welcome = true;
        for writes in chunks(core.writes.after(core.start.me, has)) {
            send(core, self.coordinator, Channel::Stream, Cause::Delta, Body::Writes(writes));
        }
        if self.taken.epoch != epoch || core.stage == Stage::Joining {
            self.report(core, Cause::Pull);
        }
    }

    fn take(&mut self, core: &mut Core<Message>, changes: Changes) {
        if changes.from.epoch != self.taken.epoch && changes.from.position == 0 {
            self.taken = changes.from;
        }
        // What was asked for twice is taken once.
        if changes.from != self.taken {
            return;
        }
        for change in changes.changes {
            match change {
                // Of the coordinator a member judges itself.
                Change::Member(id, member) if id != self.coordinator => core.think(id, member),
                Change::Member(..) => {}
                Change::Write(entry) => drop(core.apply(&entry)),
            }
        }
        self.taken.position = changes.upto;
        if changes.more {
            self.report(core, Cause::Pull);
        } else {
            core.stage = Stage::Running;
        }
    }

    fn left(&mut self, core: &mut Core<Message>, life: u32) {
        self.answer_due = None;
        self.suspicion_ends = None;
        if let Some(address) = self.address {
            core.think(self.coordinator, Member { life, status: Status::Left, address });
        }
        core.out.disconnect(self.coordinator);
    }

    /// The coordinator's address is known, and a connection with it is held from now on.
    fn found(&mut self, core: &mut Core<Message>, address: SocketAddr) {
        if self.address != Some(address) {
            self.address = Some(address);
            core.out.introduce(self.coordinator, address);
        }
        self.seeds = Vec::new();
        core.out.connect(self.coordinator);
    }

    /// Asks one seed after the other, once in a period each.
    fn ask_seed(&mut self, core: &mut Core<Message>) {
        let Some(&seed) = self.seeds.first() else { return };
        self.seeds.rotate_left(1);
        send(core, seed, Channel::Stream, Cause::Meet, Body::WhereIs);
    }
}

fn send(core: &mut Core<Message>, to: NodeId, channel: Channel, cause: Cause, body: Body) {
    let message = Message { life: core.start.generation, body };
    core.out.send(to, channel, cause, message);
}
