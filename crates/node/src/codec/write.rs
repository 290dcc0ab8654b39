use std::net::SocketAddr;

use rumormill_protocol::{
    Dot, Entry, MAX_KEY_BYTES, NodeId, WIRE_ID_BYTES, put_address, put_varint, varint_len,
};

use crate::message::{Ask, Beat, Body, Check, Digest, Heartbeats, Names, Record, Scope, SketchHead};
use crate::sketch::pack;

/// Where a message is written: into bytes, or only to learn how many they are.
pub(super) trait Sink {
    fn bytes(&mut self, bytes: &[u8]);
    fn number(&mut self, number: u64);
    fn address(&mut self, address: SocketAddr);
}

impl Sink for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        put_varint(self, number);
    }

    fn address(&mut self, address: SocketAddr) {
        put_address(self, address);
    }
}

/// Counts the bytes that a message takes.
#[derive(Default)]
pub(super) struct Count(pub(super) usize);

impl Sink for Count {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn number(&mut self, number: u64) {
        self.0 += varint_len(number);
    }

    fn address(&mut self, address: SocketAddr) {
        let ip = if address.is_ipv4() { 4 } else { 16 };
        // The family, the IP, the port.
        self.0 += 1 + ip + 2;
    }
}

/// Bytes of a name in full.
pub(crate) const FULL_NAME_BYTES: usize = 1 + WIRE_ID_BYTES;

/// Bytes of a member's name.
pub(crate) fn name_bytes(names: Names, member: NodeId) -> usize {
    match names {
        Names::Roster(length) if member.0 < length => varint_len(u64::from(member.0) + 1),
        _ => FULL_NAME_BYTES,
    }
}

/// A key's length takes these bits; above them stands what sets a write apart, so that it costs a plain one nothing.
pub(super) const KEY_LENGTH_BITS: u32 = 9;
const _: () = assert!(MAX_KEY_BYTES < 1 << KEY_LENGTH_BITS);
/// The write deletes its key; no value follows.
pub(super) const DELETES: u64 = 1;
/// A context follows.
pub(super) const HAS_CONTEXT: u64 = 2;

/// A key's length as it is written.
pub(crate) fn key_field(entry: &Entry) -> u64 {
    let deletes = if entry.tag.deletes() { DELETES } else { 0 };
    let has_context = if entry.tag.context().is_empty() { 0 } else { HAS_CONTEXT };
    entry.key.len() as u64 | (deletes | has_context) << KEY_LENGTH_BITS
}

pub(super) struct Writer<'a, S> {
    pub(super) out: &'a mut S,
    pub(super) names: Names,
}

impl<S: Sink> Writer<'_, S> {
    pub(super) fn body(&mut self, body: &Body) {
        match body {
            Body::Ping { seq, again, check, news } => {
                self.number(u64::from(*seq) << 1 | u64::from(*again));
                self.check(*check);
                self.records(news);
            }
            Body::Ack { seq, news } => {
                self.number(u64::from(*seq));
                self.records(news);
            }
            Body::Pull { salt, check } => {
                self.number(u64::from(*salt));
                self.check(*check);
            }
            Body::PingRequest { seq, target, news } => {
                self.number(u64::from(*seq));
                self.name(*target);
                self.records(news);
            }
            Body::Nack { seq } => self.number(u64::from(*seq)),
            Body::News(news) => self.records(news),
            Body::Meet(meet) => {
                for hash in [meet.roster, meet.members, meet.state] {
                    self.out.bytes(&hash.to_le_bytes());
                }
                let flags = u64::from(meet.joining) << 1 | u64::from(meet.answer);
                self.number(u64::from(meet.life) << 2 | flags);
                if let Some((life, position)) = meet.resume {
                    self.number(u64::from(life));
                    self.number(position);
                }
            }
            Body::Members { first, more, dense, records } => {
                self.number(u64::from(*first) << 1 | u64::from(*more));
                self.number(dense.len() as u64);
                for standing in dense {
                    self.number(u64::from(standing.to_wire()));
                }
                self.records(records);
            }
            Body::AskDigest => {}
            Body::Digest(digest) => self.digest(digest),
            Body::Delta { upto, entries } => {
                self.number(upto.map_or(0, |position| position.saturating_add(1)));
                self.entries(entries);
            }
            Body::Rumors(entries) => self.entries(entries),
            Body::Announce(dots) => {
                let ascend = |one: &Dot, next: &Dot| one.writer == next.writer && one.counter <= next.counter;
                dots.chunk_by(ascend).for_each(|run| self.dots(run));
            }
            Body::Graft { eager, have } => {
                self.number(u64::from(*eager));
                for (writer, version) in have {
                    self.name(*writer);
                    self.number(*version);
                }
            }
            Body::Prune => {}
            Body::Heartbeats(heartbeats) => self.heartbeats(heartbeats),
            Body::FullState(part) => part.runs().for_each(|run| self.run(run)),
            Body::Ballot(ballot) => self.ballot(ballot),
            Body::Proposal(proposal) => self.proposal(proposal),
            Body::Sketch(sketch) => {
                match sketch.head {
                    None => self.number(0),
                    Some(SketchHead { salt: None, check }) => {
                        self.number(1);
                        self.out.bytes(&check.to_le_bytes());
                    }
                    Some(SketchHead { salt: Some(salt), check }) => {
                        self.number(2);
                        self.out.bytes(&check.to_le_bytes());
                        self.out.bytes(&salt.to_le_bytes());
                    }
                }
                self.out.bytes(&sketch.symbols);
            }
            Body::Versions(said) => {
                self.number(match said.scope {
                    Scope::SinceBase => 3,
                    Scope::Lacking => 4,
                    Scope::LackingLast => 5,
                });
                self.versions(0, &said.versions);
            }
            Body::Ask(ask) => self.ask(ask),
        }
    }

    fn check(&mut self, check: Check) {
        self.out.bytes(&check.members.to_le_bytes());
        self.out.bytes(&check.state.to_le_bytes());
    }

    pub(super) fn number(&mut self, number: u64) {
        self.out.number(number);
    }

    /// A roster index plus one, or 0 and the 16-byte identity.
    pub(super) fn name(&mut self, member: NodeId) {
        match self.names {
            Names::Roster(length) if member.0 < length => self.number(u64::from(member.0) + 1),
            _ => {
                self.out.bytes(&[0]);
                self.out.bytes(&member.to_wire());
            }
        }
    }

    /// Records up to the message's end.
    fn records(&mut self, records: &[Record]) {
        for record in records {
            self.name(record.member);
            let flags = u64::from(record.accuser.is_some()) << 1 | u64::from(record.address.is_some());
            self.number(u64::from(record.standing.to_wire()) << 2 | flags);
            if let Some(accuser) = record.accuser {
                self.name(accuser);
            }
            if let Some(address) = record.address {
                self.out.address(address);
            }
        }
    }

    /// Writers ascend: those of the roster by the distance to the one before, the others in full.
    fn digest(&mut self, digest: &Digest) {
        self.number(u64::from(digest.first));
        self.number(u64::from(digest.end));
        self.versions(digest.first, &digest.versions.iter().collect::<Vec<_>>());
    }

    fn versions(&mut self, first: u32, versions: &[(NodeId, u64)]) {
        let by_index = match self.names {
            Names::Roster(length) => versions.partition_point(|(writer, _)| writer.0 < length),
            Names::Full => 0,
        };
        self.number(by_index as u64);
        let mut next = first;
        for &(writer, version) in &versions[..by_index] {
            self.number(u64::from(writer.0 - next));
            self.number(version);
            next = writer.0 + 1;
        }
        for &(writer, version) in &versions[by_index..] {
            self.out.bytes(&writer.to_wire());
            self.number(version);
        }
    }

    /// Members of the roster that follow each other make a run, which is named by the distance to the one before and
    /// its length; the others are named in full.
    fn heartbeats(&mut self, heartbeats: &Heartbeats) {
        let Heartbeats { first, end, asks, salt, check, beats } = heartbeats;
        self.number(u64::from(*first));
        self.number(u64::from(*end));
        self.number(u64::from(*salt) << 1 | u64::from(*asks));
        self.check(*check);
        let by_index = match self.names {
            Names::Roster(length) => beats.partition_point(|beat| beat.member.0 < length),
            Names::Full => 0,
        };
        let (by_index, in_full) = beats.split_at(by_index);
        let runs = || by_index.chunk_by(|one, next| one.member.0 + 1 == next.member.0);
        self.number(runs().count() as u64);
        let mut next = *first;
        for run in runs() {
            self.number(u64::from(run[0].member.0 - next));
            self.number(run.len() as u64);
            run.iter().for_each(|beat| self.beat(beat));
            next = run[run.len() - 1].member.0 + 1;
        }
        for beat in in_full {
            self.out.bytes(&beat.member.to_wire());
            self.beat(beat);
        }
    }

    /// Most members are in their first life, of which nothing is said.
    fn beat(&mut self, beat: &Beat) {
        self.number(u64::from(beat.counter) << 1 | u64::from(beat.life > 0));
        if beat.life > 0 {
            self.number(u64::from(beat.life));
        }
    }

    fn ask(&mut self, ask: &Ask) {
        match ask {
            Ask::Whole { hashed } => self.number(u64::from(*hashed)),
            Ask::More => self.number(2),
            Ask::Halves { depth, ranges } => {
                self.number(3);
                self.number(u64::from(*depth));
                let mut next = 0;
                for range in ranges {
                    self.number(u64::from(*range - next));
                    next = range + 1;
                }
            }
            Ask::Writes(writes) => {
                let most = writes.iter().map(|(position, _)| *position).max().unwrap_or(0);
                let width = (u32::BITS - most.leading_zeros()).max(1);
                self.number(4);
                self.number(writes.len() as u64);
                self.number(u64::from(width));
                let positions: Vec<u64> = writes.iter().map(|(position, _)| u64::from(*position)).collect();
                self.out.bytes(&pack(&positions, width));
                writes.iter().for_each(|(_, more)| self.number(*more));
            }
        }
    }

    /// Entries up to the message's end; a writer is named once for a run of its entries.
    fn entries(&mut self, entries: &[Entry]) {
        entries.chunk_by(|one, next| one.dot.writer == next.dot.writer).for_each(|run| self.run(run));
    }

    /// Writes of one writer, which ascend: each counter by the distance to the one before.
    fn dots(&mut self, run: &[Dot]) {
        self.name(run[0].writer);
        self.number(run.len() as u64);
        let mut before = 0;
        for dot in run {
            self.number(dot.counter - before);
            before = dot.counter;
        }
    }

    fn run(&mut self, run: &[Entry]) {
        self.name(run[0].dot.writer);
        self.writes(run);
    }

    /// A run but for its writer's name.
    pub(super) fn writes(&mut self, run: &[Entry]) {
        self.number(run.len() as u64);
        for entry in run {
            self.number(entry.dot.counter);
            self.number(key_field(entry));
            self.out.bytes(entry.key.as_bytes());
            if !entry.tag.deletes() {
                self.text(&entry.value);
            }
            if !entry.tag.context().is_empty() {
                self.context(entry.tag.context());
            }
        }
    }

    fn context(&mut self, context: &[Dot]) {
        self.number(context.len() as u64);
        for dot in context {
            self.name(dot.writer);
            self.number(dot.counter);
        }
    }

    pub(super) fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.bytes(bytes);
    }
}
