//! The wire format, version 1. A message is one header byte `vvvkkkkc` (version, kind, compressed), then the body;
//! compressed: the body's length as a varint, then one zstd frame.

use std::{cell::RefCell, sync::Arc};

use rumormill_protocol::{
    DecodeError, Dot, Entry, MAX_KEY_BYTES, MAX_MESSAGE_BYTES, MAX_VALUE_BYTES, NodeId, Reader, Sizes,
    Status, Wire, put_address, put_bytes, put_varint,
};
use zstd::bulk::{Compressor, Decompressor};

use crate::{
    config::Compression,
    message::{Body, Check, Digest, Meet, Message, Names, Record},
    standing::Standing,
};

const VERSION: u8 = 1;

/// zstd's own frame takes about 10 bytes: below this length it cannot win.
const COMPRESS_FROM_BYTES: usize = 64;

const PING: u8 = 0;
const ACK: u8 = 1;
const PING_REQUEST: u8 = 2;
const NEWS: u8 = 3;
const MEET: u8 = 4;
const MEMBERS: u8 = 5;
const ASK_DIGEST: u8 = 6;
const DIGEST: u8 = 7;
const DELTA: u8 = 8;
const FULL_STATE: u8 = 9;
const PULL: u8 = 10;

impl Wire for Message {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let start = out.len();
        let kind = kind(&self.body);
        out.push(VERSION << 5 | kind << 1);
        Writer { out, names: self.names }.body(&self.body);
        let payload = out.len() - start;
        if let Compression::Zstd { level } = self.compression
            && payload > COMPRESS_FROM_BYTES
            && let Some(shorter) = compressed(&out[start + 1..], level, payload - 1)
        {
            out.truncate(start);
            out.push(VERSION << 5 | kind << 1 | 1);
            out.extend_from_slice(&shorter);
        }
        Sizes { payload, compressed: out.len() - start }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = reader.u8()?;
        if header >> 5 != VERSION {
            return Err(DecodeError::Version(header >> 5));
        }
        let kind = header >> 1 & 0xf;
        let body = if header & 1 == 0 {
            body(kind, reader)?
        } else {
            let length = reader.varint()?;
            if length > MAX_MESSAGE_BYTES as u64 {
                return Err(DecodeError::TooLong);
            }
            let plain = decompressed(reader.take(reader.remaining())?, length as usize)?;
            body(kind, Reader::new(&plain))?
        };
        Ok(Self { names: Names::Full, compression: Compression::None, body })
    }
}

const fn kind(body: &Body) -> u8 {
    match body {
        Body::Ping { .. } => PING,
        Body::Ack { .. } => ACK,
        Body::PingRequest { .. } => PING_REQUEST,
        Body::News(_) => NEWS,
        Body::Meet(_) => MEET,
        Body::Members { .. } => MEMBERS,
        Body::AskDigest => ASK_DIGEST,
        Body::Digest(_) => DIGEST,
        Body::Delta { .. } => DELTA,
        Body::FullState(_) => FULL_STATE,
        Body::Pull { .. } => PULL,
    }
}

thread_local! {
    // A zstd context takes longer to make than a message to compress, and is too large to keep one per node.
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The length and the zstd frame of `plain`, when both together are shorter than `below`.
fn compressed(plain: &[u8], level: i32, below: usize) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if !matches!(slot, Some((made_for, _)) if *made_for == level) {
            *slot = Some((level, Compressor::new(level).ok()?));
        }
        let (_, compressor) = slot.as_mut()?;
        let frame = compressor.compress(plain).ok()?;
        let mut out = Vec::with_capacity(frame.len() + 4);
        put_varint(&mut out, plain.len() as u64);
        out.extend_from_slice(&frame);
        (out.len() < below).then_some(out)
    })
}

fn decompressed(frame: &[u8], length: usize) -> Result<Vec<u8>, DecodeError> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Decompressor::new().ok();
        }
        let decompressor = slot.as_mut().ok_or(DecodeError::Compression)?;
        let plain = decompressor.decompress(frame, length).map_err(|_| DecodeError::Compression)?;
        if plain.len() == length { Ok(plain) } else { Err(DecodeError::Compression) }
    })
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    names: Names,
}

impl Writer<'_> {
    fn body(&mut self, body: &Body) {
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
                    self.out.extend_from_slice(&hash.to_le_bytes());
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
            Body::FullState(entries) => self.entries(entries),
        }
    }

    fn check(&mut self, check: Check) {
        self.out.extend_from_slice(&check.members.to_le_bytes());
        self.out.extend_from_slice(&check.state.to_le_bytes());
    }

    fn number(&mut self, number: u64) {
        put_varint(self.out, number);
    }

    /// A roster index plus one, or 0 and the 16-byte identity.
    fn name(&mut self, member: NodeId) {
        match self.names {
            Names::Roster(length) if member.0 < length => self.number(u64::from(member.0) + 1),
            _ => {
                self.out.push(0);
                self.out.extend_from_slice(&member.to_wire());
            }
        }
    }

    /// Records up to the message's end.
    fn records(&mut self, records: &[Record]) {
        for record in records {
            self.name(record.member);
            self.number(u64::from(record.standing.to_wire()) << 1 | u64::from(record.address.is_some()));
            if let Some(address) = record.address {
                put_address(self.out, address);
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
            self.out.extend_from_slice(&writer.to_wire());
            self.number(version);
        }
    }

    /// Entries up to the message's end; a writer is named once for a run of its entries.
    fn entries(&mut self, entries: &[Entry]) {
        for run in entries.chunk_by(|one, next| one.dot.writer == next.dot.writer) {
            self.name(run[0].dot.writer);
            self.number(run.len() as u64);
            for entry in run {
                self.number(entry.dot.counter);
                put_bytes(self.out, entry.key.as_bytes());
                put_bytes(self.out, &entry.value);
            }
        }
    }
}

fn body(kind: u8, mut reader: Reader<'_>) -> Result<Body, DecodeError> {
    let body = match kind {
        PING => {
            let number = reader.varint_u32()?;
            let seq = u16::try_from(number >> 1).map_err(|_| DecodeError::Range)?;
            let check = check(&mut reader)?;
            Body::Ping { seq, again: number & 1 == 1, check, news: records(&mut reader)? }
        }
        PULL => Body::Pull { salt: seq(&mut reader)?, check: check(&mut reader)? },
        ACK => Body::Ack { seq: seq(&mut reader)?, news: records(&mut reader)? },
        PING_REQUEST => Body::PingRequest {
            seq: seq(&mut reader)?,
            target: name(&mut reader)?,
            news: records(&mut reader)?,
        },
        NEWS => Body::News(records(&mut reader)?),
        MEET => {
            let hashes = [reader.array()?, reader.array()?, reader.array()?];
            let [roster, members, state] = hashes.map(u64::from_le_bytes);
            let number = reader.varint()?;
            let life = u32::try_from(number >> 2).map_err(|_| DecodeError::Range)?;
            let resume = match reader.remaining() {
                0 => None,
                _ => Some((reader.varint_u32()?, reader.varint()?)),
            };
            let (answer, joining) = (number & 1 == 1, number & 2 == 2);
            Body::Meet(Meet { answer, joining, roster, members, state, life, resume })
        }
        MEMBERS => {
            let first = reader.varint_u32()?;
            let count = reader.count(1)?;
            let mut dense = Vec::with_capacity(count);
            for _ in 0..count {
                dense.push(Standing::from_wire(reader.varint_u32()?));
            }
            Body::Members { first, dense, records: records(&mut reader)? }
        }
        ASK_DIGEST => Body::AskDigest,
        DIGEST => Body::Digest(digest(&mut reader)?),
        DELTA => Body::Delta { upto: reader.varint()?.checked_sub(1), entries: entries(&mut reader)? },
        FULL_STATE => Body::FullState(entries(&mut reader)?),
        other => return Err(DecodeError::Tag(other)),
    };
    reader.finish()?;
    Ok(body)
}

fn seq(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    u16::try_from(reader.varint()?).map_err(|_| DecodeError::Range)
}

fn check(reader: &mut Reader<'_>) -> Result<Check, DecodeError> {
    let (members, state) = (reader.array()?, reader.array()?);
    Ok(Check { members: u16::from_le_bytes(members), state: u16::from_le_bytes(state) })
}

fn name(reader: &mut Reader<'_>) -> Result<NodeId, DecodeError> {
    match reader.varint_u32()? {
        0 => reader.identity(),
        index => Ok(NodeId(index - 1)),
    }
}

fn records(reader: &mut Reader<'_>) -> Result<Vec<Record>, DecodeError> {
    let mut records = Vec::new();
    while reader.remaining() > 0 {
        let member = name(reader)?;
        let said = reader.varint()?;
        let standing = Standing::from_wire(u32::try_from(said >> 1).map_err(|_| DecodeError::Range)?);
        if standing.status() == Status::Unknown {
            return Err(DecodeError::Range);
        }
        let address = if said & 1 == 1 { Some(reader.address()?) } else { None };
        records.push(Record { member, standing, address });
    }
    Ok(records)
}

fn digest(reader: &mut Reader<'_>) -> Result<Digest, DecodeError> {
    let (first, end) = (reader.varint_u32()?, reader.varint_u32()?);
    let by_index = reader.count(2)?;
    let mut versions = Vec::with_capacity(by_index);
    let mut next = first;
    for _ in 0..by_index {
        let writer = next.checked_add(reader.varint_u32()?).ok_or(DecodeError::Range)?;
        versions.push((NodeId(writer), reader.varint()?));
        next = writer.checked_add(1).ok_or(DecodeError::Range)?;
    }
    while reader.remaining() > 0 {
        versions.push((reader.identity()?, reader.varint()?));
    }
    Ok(Digest { first, end, versions })
}

fn entries(reader: &mut Reader<'_>) -> Result<Vec<Entry>, DecodeError> {
    let mut entries = Vec::new();
    while reader.remaining() > 0 {
        let writer = name(reader)?;
        for _ in 0..reader.count(3)? {
            let counter = reader.varint()?;
            let key = std::str::from_utf8(reader.bytes(MAX_KEY_BYTES)?).map_err(|_| DecodeError::Text)?;
            let value = reader.bytes(MAX_VALUE_BYTES)?;
            entries.push(Entry {
                dot: Dot { writer, counter },
                key: Arc::from(key),
                value: Arc::from(value),
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHECK: Check = Check { members: 0x1234, state: 0xff00 };

    fn encoded(message: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        let sizes = message.encode(&mut out);
        assert_eq!(sizes.compressed, out.len());
        assert!(sizes.compressed <= sizes.payload, "compression never makes a message longer");
        out
    }

    fn entry(writer: u32, counter: u64, value: &[u8]) -> Entry {
        Entry { dot: Dot { writer: NodeId(writer), counter }, key: Arc::from("key"), value: Arc::from(value) }
    }

    fn bodies() -> Vec<Body> {
        let address = Some("127.0.0.1:4000".parse().expect("a literal address"));
        let records = vec![
            Record { member: NodeId(3), standing: Standing::alive(1), address: None },
            Record { member: NodeId(70_000), standing: Standing::alive(9), address },
        ];
        vec![
            Body::Ping { seq: 7, again: true, check: CHECK, news: records.clone() },
            Body::Pull { salt: 9, check: CHECK },
            Body::Ack { seq: u16::MAX, news: Vec::new() },
            Body::PingRequest { seq: 1, target: NodeId(2), news: records.clone() },
            Body::News(records.clone()),
            Body::Meet(Meet {
                answer: false,
                joining: true,
                roster: 1,
                members: 2,
                state: 3,
                life: 0,
                resume: None,
            }),
            Body::Meet(Meet {
                answer: true,
                joining: false,
                roster: 1,
                members: 2,
                state: 3,
                life: 9,
                resume: Some((1, 300)),
            }),
            Body::Members { first: 5, dense: vec![Standing::alive(1); 200], records },
            Body::AskDigest,
            Body::Digest(Digest {
                first: 2,
                end: u32::MAX,
                versions: vec![(NodeId(2), 8), (NodeId(40), 1), (NodeId(5000), 3)],
            }),
            Body::Delta {
                upto: Some(12),
                entries: vec![entry(1, 1, b"one"), entry(1, 2, b"two"), entry(2, 1, &[7; 500])],
            },
            Body::FullState((0..40).map(|writer| entry(writer, 8, &[writer as u8; 100])).collect()),
        ]
    }

    #[test]
    fn every_message_reads_back_under_all_namings_and_compressions() {
        for body in bodies() {
            for names in [Names::Full, Names::Roster(100)] {
                for compression in [Compression::None, Compression::Zstd { level: 1 }] {
                    let bytes = encoded(&Message { names, compression, body: body.clone() });
                    assert_eq!(Message::decode(&bytes).map(|message| message.body), Ok(body.clone()));
                }
            }
        }
    }

    #[test]
    fn an_idle_probe_takes_seven_bytes_at_most() {
        let ping = Body::Ping { seq: (1 << 13) - 1, again: true, check: CHECK, news: Vec::new() };
        assert_eq!(
            encoded(&Message { names: Names::Full, compression: Compression::None, body: ping }).len(),
            7
        );
    }

    #[test]
    fn a_member_without_a_common_roster_is_named_by_sixteen_bytes() {
        let named = |names| {
            let news = vec![Record { member: NodeId(3), standing: Standing::alive(1), address: None }];
            encoded(&Message { names, compression: Compression::None, body: Body::News(news) }).len()
        };
        assert_eq!(named(Names::Full) - named(Names::Roster(10)), 16);
    }

    #[test]
    fn a_forged_length_of_a_compressed_body_is_refused() {
        let mut bytes = vec![VERSION << 5 | NEWS << 1 | 1];
        put_varint(&mut bytes, MAX_MESSAGE_BYTES as u64 + 1);
        bytes.extend_from_slice(&[0; 20]);
        assert_eq!(Message::decode(&bytes), Err(DecodeError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..16) {
            let mut forged = vec![VERSION << 5 | kind << 1];
            forged.extend_from_slice(&bytes);
            let _ = Message::decode(&bytes);
            if let Ok(message) = Message::decode(&forged) {
                let again = encoded(&message);
                prop_assert_eq!(Message::decode(&again).map(|message| message.body), Ok(message.body));
            }
        }

        #[test]
        fn a_damaged_message_is_refused_or_read_but_never_panics(
            at in 0usize..4000, bit in 0u8..8, which in 0usize..11,
        ) {
            let body = bodies()[which].clone();
            let mut bytes = encoded(&Message { names: Names::Full, compression: Compression::Zstd { level: 1 }, body });
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = Message::decode(&bytes);
        }
    }
}
