use std::net::SocketAddr;

use rumormill_protocol::{Entry, NodeId, WIRE_ID_BYTES, put_address, put_varint, varint_len};

use crate::message::{Body, Check, Digest, Names, Record};

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
            Body::Members { first, dense, records } => {
                self.number(u64::from(*first));
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
            Body::FullState(part) => part.runs().for_each(|run| self.run(run)),
        }
    }

    fn check(&mut self, check: Check) {
        self.out.bytes(&check.members.to_le_bytes());
        self.out.bytes(&check.state.to_le_bytes());
    }

    fn number(&mut self, number: u64) {
        self.out.number(number);
    }

    /// A roster index plus one, or 0 and the 16-byte identity.
    fn name(&mut self, member: NodeId) {
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
            self.number(u64::from(record.standing.to_wire()) << 1 | u64::from(record.address.is_some()));
            if let Some(address) = record.address {
                self.out.address(address);
            }
        }
    }

    /// Writers ascend: those of the roster by the distance to the one before, the others in full.
    fn digest(&mut self, digest: &Digest) {
        self.number(u64::from(digest.first));
        self.number(u64::from(digest.end));
        let by_index = match self.names {
            Names::Roster(length) => digest.versions.partition_point(|(writer, _)| writer.0 < length),
            Names::Full => 0,
        };
        self.number(by_index as u64);
        let mut next = digest.first;
        for &(writer, version) in &digest.versions[..by_index] {
            self.number(u64::from(writer.0 - next));
            self.number(version);
            next = writer.0 + 1;
        }
        for &(writer, version) in &digest.versions[by_index..] {
            self.out.bytes(&writer.to_wire());
            self.number(version);
        }
    }

    /// Entries up to the message's end; a writer is named once for a run of its entries.
    fn entries(&mut self, entries: &[Entry]) {
        entries.chunk_by(|one, next| one.dot.writer == next.dot.writer).for_each(|run| self.run(run));
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
            self.text(entry.key.as_bytes());
            self.text(&entry.value);
        }
    }

    fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.bytes(bytes);
    }
}
