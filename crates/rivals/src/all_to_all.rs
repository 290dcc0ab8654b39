use rumormill_protocol::{
    Cause, Channel, Command, Contact, Key, LinkEvent, NodeId, NodeSet, Output, Protocol, Start, Status, Time,
    Value, View,
};

use crate::{
    codec::{Write, chunks},
    core::{Core, Stage},
    deadlines::Deadlines,
    roster::Member,
    timing::Timing,
};

mod message;

pub use message::Message;
use message::{Body, Hello};

/// Members that one message names at most.
const MEMBERS_PER_MESSAGE: usize = 16_384;

/// Everybody checks everybody: each of N nodes holds a connection with every other, pings every other once in each
/// protocol period, and believes nothing but answers.
///
/// # Checks
/// A node's protocol periods begin at a random phase of its own. At the beginning of each it pings all others at once,
/// so that one timer serves them all; the phases spread the load over the period. In a cluster of N nodes that is
/// N·(N−1) checks a period. The dead are pinged like the living, which is how their return is noticed: after one
/// death (N−1)² checks are left, those of the N−1 survivors. Who left of its own accord is not pinged.
///
/// # Detection
/// A member that did not answer within the probe timeout is suspected, and dead if it has not answered when the
/// suspicion has lasted [`Timing::suspicion_timeout`]. Every observer finds out alone, and nobody tells anyone. So for
/// a period T', a probe timeout t, a suspicion time S and a one-way delay l, each observer suspects a crashed member
/// after a time uniform between t − l and t − l + T', and takes it for dead S later. One lost ping or answer is one
/// false suspicion; any answer, however late, ends it. A node that was itself asleep at a deadline judges nobody by it.
///
/// # Joining
/// A node joins through seeds. A seed tells it all members, and it dials them all. A ping says how many nodes its
/// sender ever heard of; who heard of fewer asks it for the members. Of two that boot warm, the lower number dials
/// where the sum of both is even, so that each dials half of the others.
///
/// # State
/// A writer sends each write to every other. On a new connection both say up to which version they have the other's
/// writes, and get the rest. A seed passes on what a joiner cannot get from the writers: the writes of its own earlier
/// life, and of members that the seed does not take for alive. There is no other relay: what a writer could not send
/// to somebody before it died, that one never gets.
///
/// # Memory
/// Besides what changed since the boot a node holds a byte and a bit for each member.
#[derive(Debug)]
pub struct AllToAll {
    core: Core<Message>,
    /// Through whom it joins.
    seeds: Vec<NodeId>,
    /// By number, whether a connected member has said Hello.
    met: Vec<bool>,
    /// Members that said Hello before this node knew what it wrote in its earlier life: they get its writes later.
    owed: Vec<(NodeId, u64)>,
    /// The number of the present protocol period.
    seq: u16,
    /// When the next begins.
    next_period: Time,
    /// When who has not answered is judged.
    judgement: Option<Time>,
    /// Who answered in this period, or was not asked.
    answered: NodeSet,
    /// Whether it asked for the members in this period.
    asked_members: bool,
    suspicions: Deadlines,
}

impl Protocol for AllToAll {
    type Config = Timing;
    type Message = Message;

    fn new(config: &Timing, start: &Start, _now: Time) -> Self {
        Self {
            core: Core::new(*start, config.clone()),
            seeds: Vec::new(),
            met: Vec::new(),
            owed: Vec::new(),
            seq: 0,
            next_period: Time::ZERO,
            judgement: None,
            answered: NodeSet::default(),
            asked_members: false,
            suspicions: Deadlines::default(),
        }
    }

    fn handle_message(&mut self, _now: Time, from: NodeId, message: Message) {
        let Message { life, body } = message;
        if !self.core.is_started() || from == self.core.start.me || self.core.is_over(from, life) {
            return;
        }
        if let Some(known) = self.core.roster.member(from).filter(|known| known.life < life) {
            self.welcome(from, Member { life, status: Status::Alive, ..known });
        }
        match body {
            Body::Ping { seq, known } => {
                self.send(from, Channel::Datagram, Cause::Ack, Body::Ack { seq });
                self.compare(from, known);
            }
            Body::Ack { seq } => self.handle_ack(from, seq),
            Body::Hello(hello) => self.handle_hello(from, life, hello),
            Body::AskMembers => self.send_members(from),
            Body::Members(members) => self.handle_members(members),
            Body::Writes { writer, writes } => {
                let writer = writer.unwrap_or(from);
                for write in writes {
                    self.core.apply(&write.by(writer));
                }
            }
            Body::Leave => self.handle_leave(from, life),
        }
    }

    fn handle_link(&mut self, _now: Time, peer: NodeId, link: LinkEvent) {
        // A dial that failed is one more silence: pings find out by themselves.
        if !self.core.is_started() || peer == self.core.start.me || link == LinkEvent::DialFailed {
            return;
        }
        self.set_met(peer, false);
        self.owed.retain(|(owed, _)| *owed != peer);
        if link == LinkEvent::Up {
            let hello = Hello {
                joining: self.core.stage == Stage::Joining,
                has: self.core.writes.version(peer),
                address: self.core.start.address,
            };
            self.send(peer, Channel::Stream, Cause::Meet, Body::Hello(hello));
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if !self.core.is_started() {
            return;
        }
        if let Some(due) = self.judgement.take_if(|due| *due <= now) {
            self.judge(due, now);
        }
        while let Some((_, member)) = self.suspicions.pop(now) {
            if let Some(known) = self.core.roster.member(member) {
                self.core.think(member, known.with(Status::Dead));
            }
        }
        if self.next_period <= now {
            self.begin_period(now);
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Warm(warm) if self.core.stage == Stage::Idle => {
                self.core.begin(Some(&warm));
                self.next_period = now + self.core.phase();
                let me = self.core.start.me;
                for other in warm.roster.iter().map(|contact| contact.id).filter(|&other| other != me) {
                    if dials(me, other) {
                        self.core.out.connect(other);
                    }
                }
            }
            Command::Join { seeds } if self.core.stage == Stage::Idle => {
                self.core.begin(None);
                self.next_period = now + self.core.phase();
                self.join(seeds);
            }
            Command::Leave if self.core.is_started() => {
                for peer in self.met() {
                    self.send(peer, Channel::Stream, Cause::Leave, Body::Leave);
                }
                self.core.stage = Stage::Gone;
            }
            Command::Put { key, value } if self.core.is_started() => self.put(key, value),
            Command::Delete { .. } if self.core.is_started() => self.core.delete(),
            Command::Warm(_)
            | Command::Join { .. }
            | Command::Leave
            | Command::Put { .. }
            | Command::Delete { .. }
            | Command::Propose { .. } => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        self.core.out.pop()
    }

    fn poll_timeout(&self) -> Option<Time> {
        if !self.core.is_started() {
            return None;
        }
        [Some(self.next_period), self.judgement, self.suspicions.next()].into_iter().flatten().min()
    }

    fn view(&self) -> &dyn View {
        &self.core
    }
}

/// Whether of two nodes that boot warm this one dials the other. Each dials half of the others.
const fn dials(me: NodeId, other: NodeId) -> bool {
    let even = (me.0 ^ other.0) & 1 == 0;
    (me.0 < other.0) == even
}

impl AllToAll {
    fn begin_period(&mut self, now: Time) {
        let timing = &self.core.timing;
        self.judgement = Some(now + timing.patience());
        self.next_period += timing.protocol_period;
        if self.next_period <= now {
            // Periods that were slept through are skipped.
            self.next_period = now + timing.protocol_period;
        }
        self.seq = self.seq.wrapping_add(1);
        self.answered = NodeSet::default();
        self.asked_members = false;
        let ping = Body::Ping { seq: self.seq, known: self.core.roster.known() as u32 };
        let Core { roster, out, start, .. } = &mut self.core;
        let others = roster.iter().filter(|(id, member)| *id != start.me && member.status != Status::Left);
        for (id, _) in others {
            let message = Message { life: start.generation, body: ping.clone() };
            out.send(id, Channel::Datagram, Cause::Probe, message);
        }
    }

    /// Suspects those that did not answer.
    fn judge(&mut self, due: Time, now: Time) {
        let timing = &self.core.timing;
        // Who was asleep itself cannot tell whose the silence was.
        if now.since(due) >= timing.patience() {
            return;
        }
        let until = now + timing.suspicion_timeout(self.core.roster.alive());
        let me = self.core.start.me;
        let silent = |(id, member): &(NodeId, Member)| {
            *id != me && member.status == Status::Alive && !self.answered.contains(*id)
        };
        for (id, member) in self.core.roster.iter().filter(silent).collect::<Vec<_>>() {
            self.core.think(id, member.with(Status::Suspect));
            self.suspicions.set(id, until);
        }
    }

    fn handle_ack(&mut self, from: NodeId, seq: u16) {
        let Some(known) = self.core.roster.member(from) else { return };
        if seq == self.seq {
            self.answered.insert(from);
        }
        self.suspicions.clear(from);
        self.core.think(from, known.with(Status::Alive));
    }

    /// Takes a member in that is new, or begins a new life. It is not judged by a ping that it was not sent.
    fn welcome(&mut self, id: NodeId, member: Member) {
        self.suspicions.clear(id);
        self.core.think(id, member);
        if self.core.roster.member(id).is_some() {
            self.answered.insert(id);
        }
    }

    fn handle_hello(&mut self, from: NodeId, life: u32, hello: Hello) {
        let known = self.core.roster.member(from);
        if known.is_none_or(|known| known.address != hello.address) {
            let status = known.map_or(Status::Alive, |known| known.status);
            self.welcome(from, Member { life, status, address: hello.address });
            self.core.out.introduce(from, hello.address);
        }
        self.core.out.connect(from);
        self.set_met(from, true);
        if self.core.stage == Stage::Joining {
            self.owed.retain(|(owed, _)| *owed != from);
            self.owed.push((from, hello.has));
        } else {
            self.send_own(from, hello.has);
        }
        if hello.joining {
            self.send_orphans(from);
            self.send_members(from);
        }
    }

    fn handle_members(&mut self, members: Vec<(NodeId, Member)>) {
        let me = self.core.start.me;
        for (id, said) in members.into_iter().filter(|(id, _)| *id != me) {
            let known = self.core.roster.member(id);
            let left = said.status == Status::Left;
            let news = known.is_none_or(|known| {
                said.life > known.life || (said.life == known.life && left && known.status != Status::Left)
            });
            if !news {
                continue;
            }
            self.welcome(id, said);
            if left {
                self.core.out.disconnect(id);
            } else {
                self.core.out.introduce(id, said.address);
                self.core.out.connect(id);
            }
        }
        if self.core.stage == Stage::Joining {
            self.joined();
        }
    }

    fn handle_leave(&mut self, from: NodeId, life: u32) {
        if let Some(known) = self.core.roster.member(from) {
            self.suspicions.clear(from);
            self.core.think(from, Member { life, status: Status::Left, ..known });
        }
        self.set_met(from, false);
        self.core.out.disconnect(from);
    }

    fn join(&mut self, seeds: Vec<Contact>) {
        let me = self.core.start.me;
        for seed in seeds.into_iter().filter(|seed| seed.id != me) {
            self.seeds.push(seed.id);
            self.core.out.introduce(seed.id, seed.address);
            self.core.out.connect(seed.id);
        }
        if self.seeds.is_empty() {
            self.core.stage = Stage::Running;
        }
    }

    /// A seed told who is there, and before that what this node wrote in its earlier life.
    fn joined(&mut self) {
        self.core.stage = Stage::Running;
        for seed in std::mem::take(&mut self.seeds) {
            if self.core.roster.member(seed).is_none() {
                self.core.out.disconnect(seed);
            }
        }
        for (peer, has) in std::mem::take(&mut self.owed) {
            self.send_own(peer, has);
        }
    }

    /// Asks a member that heard of more nodes than this one, but only one in a period.
    fn compare(&mut self, from: NodeId, known: u32) {
        if known as usize > self.core.roster.known() && !self.asked_members {
            self.asked_members = true;
            self.send(from, Channel::Stream, Cause::Pull, Body::AskMembers);
        }
    }

    fn put(&mut self, key: Key, value: Value) {
        let Some(entry) = self.core.put(key, value) else { return };
        if self.core.stage == Stage::Joining {
            return;
        }
        for peer in self.met() {
            let body = Body::Writes { writer: None, writes: vec![Write::of(&entry)] };
            self.send(peer, Channel::Stream, Cause::Delta, body);
        }
    }

    /// Sends this node's own writes past a version.
    fn send_own(&mut self, to: NodeId, version: u64) {
        for writes in chunks(self.core.writes.after(self.core.start.me, version)) {
            self.send(to, Channel::Stream, Cause::Delta, Body::Writes { writer: None, writes });
        }
    }

    /// Sends what a joiner cannot get from those who wrote it.
    fn send_orphans(&mut self, to: NodeId) {
        let orphan = |(id, member): &(NodeId, Member)| *id == to || member.status != Status::Alive;
        let writers: Vec<NodeId> = self.core.roster.iter().filter(orphan).map(|(id, _)| id).collect();
        for writer in writers {
            for writes in chunks(self.core.writes.after(writer, 0)) {
                let body = Body::Writes { writer: Some(writer), writes };
                self.send(to, Channel::Stream, Cause::Delta, body);
            }
        }
    }

    /// Sends everybody but the receiver. The dead are named like the living: whoever hears of them finds out itself.
    fn send_members(&mut self, to: NodeId) {
        let others = self.core.roster.iter().filter(|(id, _)| *id != to);
        let told = others.map(|(id, member)| match member.status {
            Status::Left => (id, member),
            _ => (id, member.with(Status::Alive)),
        });
        for part in told.collect::<Vec<_>>().chunks(MEMBERS_PER_MESSAGE) {
            self.send(to, Channel::Stream, Cause::Members, Body::Members(part.to_vec()));
        }
    }

    fn send(&mut self, to: NodeId, channel: Channel, cause: Cause, body: Body) {
        let message = Message { life: self.core.start.generation, body };
        self.core.out.send(to, channel, cause, message);
    }

    /// Notes whether a member has said Hello on the present connection. Of others no note is taken.
    fn set_met(&mut self, peer: NodeId, met: bool) {
        if self.met.get(peer.index()) == Some(&met) || self.core.roster.member(peer).is_none() {
            return;
        }
        if peer.index() >= self.met.len() {
            self.met.resize(peer.index() + 1, false);
        }
        self.met[peer.index()] = met;
    }

    fn met(&self) -> Vec<NodeId> {
        (0..).map(NodeId).zip(&self.met).filter(|(_, met)| **met).map(|(id, _)| id).collect()
    }
}
