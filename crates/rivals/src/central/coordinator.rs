use std::{net::SocketAddr, sync::Arc};

use rumormill_protocol::{Cause, Channel, Contact, NodeId, Status, Time, WarmBoot};

use super::{
    message::{Body, Changes, Message, Taken},
    record::{Record, Subject},
};
use crate::{codec::Write, core::Core, deadlines::Deadlines, roster::Member, writes::written_before};

/// The coordinator's part: it hears reports, notes what changes, and answers with it.
#[derive(Debug)]
pub(super) struct Coordinator {
    epoch: u32,
    record: Record,
    /// When a member's silence becomes a suspicion.
    silences: Deadlines,
    /// When a suspicion becomes a death.
    suspicions: Deadlines,
}

impl Coordinator {
    /// Twice the life, and one more where the record does not begin with what everyone booted with.
    pub(super) fn new(life: u32) -> Self {
        Self {
            epoch: life.wrapping_mul(2),
            record: Record::default(),
            silences: Deadlines::default(),
            suspicions: Deadlines::default(),
        }
    }

    pub(super) fn warm(&mut self, now: Time, core: &Core<Message>, warm: &Arc<WarmBoot>) {
        self.record.load(warm);
        for contact in warm.roster.iter().filter(|contact| contact.id != core.start.me) {
            self.hear(now, core, contact.id);
        }
    }

    /// Starts with nothing and tells those given where it is.
    pub(super) fn join(&mut self, core: &mut Core<Message>, seeds: &[Contact]) {
        self.epoch |= 1;
        let (me, address) = (core.start.me, core.start.address);
        for seed in seeds.iter().filter(|seed| seed.id != me) {
            core.out.introduce(seed.id, seed.address);
            send(core, seed.id, Channel::Stream, Cause::Meet, Body::Coordinator { address });
        }
    }

    pub(super) fn handle_message(
        &mut self,
        now: Time,
        core: &mut Core<Message>,
        from: NodeId,
        message: Message,
    ) {
        let Message { life, body } = message;
        if let Some(known) = core.roster.member(from)
            && known.life < life
        {
            self.welcome(now, core, from, Member { life, status: Status::Alive, ..known });
        }
        match body {
            Body::Report { taken } => self.handle_report(now, core, from, taken, life),
            Body::Hello { address } => self.handle_hello(now, core, from, life, address),
            Body::Writes(writes) => self.handle_writes(core, from, writes),
            Body::WhereIs => {
                let address = core.start.address;
                send(core, from, Channel::Stream, Cause::Meet, Body::Coordinator { address });
            }
            Body::Leave => self.handle_leave(core, from, life),
            Body::Ack | Body::Changes(_) | Body::Welcome { .. } | Body::Coordinator { .. } => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Time, core: &mut Core<Message>) {
        while let Some((due, member)) = self.silences.pop(now) {
            let Some(known) = core.roster.member(member) else { continue };
            if now.since(due) >= core.timing.patience() {
                // Who was asleep itself cannot tell whose the silence was.
                self.hear(now, core, member);
                continue;
            }
            let until = now + core.timing.suspicion_timeout(core.roster.alive());
            core.think(member, known.with(Status::Suspect));
            self.suspicions.set(member, until);
        }
        while let Some((_, member)) = self.suspicions.pop(now) {
            let Some(known) = core.roster.member(member) else { continue };
            self.note(core, member, known.with(Status::Dead));
            core.out.disconnect(member);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.silences.next().into_iter().chain(self.suspicions.next()).min()
    }

    /// The coordinator wrote something itself, or took a write in.
    pub(super) fn wrote(&mut self, core: &Core<Message>, subject: Subject) {
        self.record.add(subject, &core.writes);
    }

    /// Says goodbye to all members.
    pub(super) fn leave(&self, core: &mut Core<Message>) {
        let me = core.start.me;
        let members = core.roster.iter().filter(|(id, member)| *id != me && member.is_in());
        for id in members.map(|(id, _)| id).collect::<Vec<_>>() {
            send(core, id, Channel::Stream, Cause::Leave, Body::Leave);
        }
    }

    fn handle_report(&mut self, now: Time, core: &mut Core<Message>, from: NodeId, taken: Taken, life: u32) {
        // One that has not said Hello yet is answered, and not taken in.
        if let Some(known) = core.roster.member(from) {
            self.welcome(now, core, from, known.with(Status::Alive));
        }
        let known = taken.epoch == self.epoch && taken.position <= self.record.end();
        let position = if known { taken.position } else { 0 };
        if position == self.record.end() {
            send(core, from, Channel::Datagram, Cause::Ack, Body::Ack);
            return;
        }
        // Whoever asks has its own writes, but for those of an earlier life, and judges itself and the coordinator.
        let me = core.start.me;
        let spare = |subject| match subject {
            Subject::Member(id) => id == from || id == me,
            Subject::Write(dot) => dot.writer == from && dot.counter > written_before(life),
        };
        let part = self.record.after(position, &core.roster, &core.writes, spare);
        let changes = Changes {
            from: Taken { epoch: self.epoch, position },
            upto: part.upto,
            more: part.more,
            changes: part.changes,
        };
        send(core, from, Channel::Datagram, Cause::Delta, Body::Changes(changes));
    }

    fn handle_hello(
        &mut self,
        now: Time,
        core: &mut Core<Message>,
        from: NodeId,
        life: u32,
        address: SocketAddr,
    ) {
        if core.roster.member(from).is_none_or(|known| known.address != address) {
            core.out.introduce(from, address);
        }
        self.welcome(now, core, from, Member { life, status: Status::Alive, address });
        core.out.connect(from);
        let welcome = Body::Welcome { epoch: self.epoch, has: core.writes.version(from) };
        send(core, from, Channel::Stream, Cause::Meet, welcome);
    }

    fn handle_writes(&mut self, core: &mut Core<Message>, from: NodeId, writes: Vec<Write>) {
        for entry in writes.into_iter().map(|write| write.by(from)) {
            if core.apply(&entry) {
                self.record.add(Subject::Write(entry.dot), &core.writes);
            }
        }
    }

    fn handle_leave(&mut self, core: &mut Core<Message>, from: NodeId, life: u32) {
        self.silences.clear(from);
        self.suspicions.clear(from);
        if let Some(known) = core.roster.member(from) {
            self.note(core, from, Member { life, status: Status::Left, ..known });
        }
        core.out.disconnect(from);
    }

    /// A member lives.
    fn welcome(&mut self, now: Time, core: &mut Core<Message>, id: NodeId, member: Member) {
        self.hear(now, core, id);
        let known = core.roster.member(id);
        if known.is_some_and(|known| known.status == Status::Dead) {
            core.out.connect(id);
        }
        if known.is_some_and(|known| known.with(Status::Alive) == member && known.is_in()) {
            // At most suspected, which nobody was told.
            core.think(id, member);
        } else {
            self.note(core, id, member);
        }
    }

    fn hear(&mut self, now: Time, core: &Core<Message>, id: NodeId) {
        self.suspicions.clear(id);
        self.silences.set(id, now + core.timing.protocol_period + core.timing.patience());
    }

    /// Something changed that all are to know.
    fn note(&mut self, core: &mut Core<Message>, id: NodeId, member: Member) {
        core.think(id, member);
        self.record.add(Subject::Member(id), &core.writes);
    }
}

fn send(core: &mut Core<Message>, to: NodeId, channel: Channel, cause: Cause, body: Body) {
    let message = Message { life: core.start.generation, body };
    core.out.send(to, channel, cause, message);
}
