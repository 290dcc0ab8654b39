//! The wire format, version 1; docs/WIRE.md has it field by field. A message is one header byte `vvkkkkkc` (version, kind, compressed), then the body;
//! compressed: the body's length as a varint, then one zstd frame.

mod ballots;
#[cfg(test)]
mod page;
mod read;
mod sizes;
mod squeeze;
mod write;

use rumormill_protocol::{DecodeError, MAX_MESSAGE_BYTES, Reader, Sizes, Wire};

use self::{
    squeeze::{compressed, decompressed},
    write::Writer,
};
use crate::{
    config::Compression,
    message::{Body, Message, Names},
};

pub(crate) use self::write::{FULL_NAME_BYTES, key_field, name_bytes};

const VERSION: u8 = 1;
const VERSION_SHIFT: u32 = 6;

/// zstd's own frame takes about 10 bytes: below this length it cannot win.
const COMPRESS_FROM_BYTES: usize = 64;

impl Wire for Message {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let start = out.len();
        let kind = kind_of(&self.body);
        out.push(VERSION << VERSION_SHIFT | kind << 1);
        Writer { out, names: self.names }.body(&self.body);
        let payload = out.len() - start;
        if let Compression::Zstd { level } = self.compression
            && payload > COMPRESS_FROM_BYTES
            && let Some(shorter) = compressed(&out[start + 1..], level, payload - 1)
        {
            out.truncate(start);
            out.push(VERSION << VERSION_SHIFT | kind << 1 | 1);
            out.extend_from_slice(&shorter);
        }
        Sizes { payload, compressed: out.len() - start }
    }

    fn sizes(&self) -> Sizes {
        sizes::sizes(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = reader.u8()?;
        if header >> VERSION_SHIFT != VERSION {
            return Err(DecodeError::Version(header >> VERSION_SHIFT));
        }
        let kind = header >> 1 & 0x1f;
        let body = if header & 1 == 0 {
            read::body(kind, reader)?
        } else {
            let length = reader.varint()?;
            if length > MAX_MESSAGE_BYTES as u64 {
                return Err(DecodeError::TooLong);
            }
            let plain = decompressed(reader.take(reader.remaining())?, length as usize)?;
            read::body(kind, Reader::new(&plain))?
        };
        Ok(Self { names: Names::Full, compression: Compression::None, body })
    }
}

/// The kinds of messages, 0 to 31.
mod kind {
    pub(super) const PING: u8 = 0;
    pub(super) const ACK: u8 = 1;
    pub(super) const PING_REQUEST: u8 = 2;
    pub(super) const NEWS: u8 = 3;
    pub(super) const MEET: u8 = 4;
    pub(super) const MEMBERS: u8 = 5;
    pub(super) const ASK_DIGEST: u8 = 6;
    pub(super) const DIGEST: u8 = 7;
    pub(super) const DELTA: u8 = 8;
    pub(super) const FULL_STATE: u8 = 9;
    pub(super) const PULL: u8 = 10;
    pub(super) const RUMORS: u8 = 11;
    pub(super) const ANNOUNCE: u8 = 16;
    pub(super) const GRAFT: u8 = 17;
    pub(super) const PRUNE: u8 = 18;
    pub(super) const HEARTBEATS: u8 = 13;
    pub(super) const NACK: u8 = 12;
    pub(super) const BALLOT: u8 = 19;
    pub(super) const PROPOSAL: u8 = 20;
    pub(super) const SKETCH: u8 = 14;
    pub(super) const ASK_SYMBOLS: u8 = 15;
}

const fn kind_of(body: &Body) -> u8 {
    match body {
        Body::Ping { .. } => kind::PING,
        Body::Ack { .. } => kind::ACK,
        Body::PingRequest { .. } => kind::PING_REQUEST,
        Body::News(_) => kind::NEWS,
        Body::Meet(_) => kind::MEET,
        Body::Members { .. } => kind::MEMBERS,
        Body::AskDigest => kind::ASK_DIGEST,
        Body::Digest(_) => kind::DIGEST,
        Body::Delta { .. } => kind::DELTA,
        Body::FullState(_) => kind::FULL_STATE,
        Body::Pull { .. } => kind::PULL,
        Body::Rumors(_) => kind::RUMORS,
        Body::Announce(_) => kind::ANNOUNCE,
        Body::Graft { .. } => kind::GRAFT,
        Body::Prune => kind::PRUNE,
        Body::Heartbeats(_) => kind::HEARTBEATS,
        Body::Nack { .. } => kind::NACK,
        Body::Ballot(_) => kind::BALLOT,
        Body::Proposal(_) => kind::PROPOSAL,
        Body::Sketch(_) | Body::Versions(_) => kind::SKETCH,
        Body::Ask(_) => kind::ASK_SYMBOLS,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rumormill_protocol::{Dot, Entry, NodeId, Status, Tag, put_varint};

    use super::*;
    use crate::{
        message::{Ask, Beat, Check, Digest, Heartbeats, Meet, Record, Scope, Sketch, SketchHead, Versions},
        standing::Standing,
    };

    const CHECK: Check = Check { members: 0x1234, state: 0xff00 };

    fn encoded(message: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        let sizes = message.encode(&mut out);
        assert_eq!(sizes.compressed, out.len());
        assert!(sizes.compressed <= sizes.payload, "compression never makes a message longer");
        out
    }

    fn entry(writer: u32, counter: u64, value: &[u8]) -> Entry {
        let dot = Dot { writer: NodeId(writer), counter };
        Entry { dot, key: Arc::from("key"), value: Arc::from(value), tag: Tag::default() }
    }

    fn bodies() -> Vec<Body> {
        let address = Some("127.0.0.1:4000".parse().expect("a literal address"));
        let records = vec![
            Record { member: NodeId(3), standing: Standing::alive(1), accuser: None, address: None },
            Record { member: NodeId(70_000), standing: Standing::alive(9), accuser: None, address },
            Record {
                member: NodeId(5),
                standing: Standing::alive(u32::MAX >> 2).with(Status::Suspect),
                accuser: Some(NodeId(200)),
                address,
            },
        ];
        vec![
            Body::Ping { seq: 7, again: true, check: CHECK, news: records.clone() },
            Body::Pull { salt: 9, check: CHECK },
            Body::Ack { seq: u16::MAX, news: Vec::new() },
            Body::Nack { seq: 300 },
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
            Body::Members { first: 5, more: true, dense: vec![Standing::alive(1); 200], records },
            Body::AskDigest,
            Body::Digest(Digest {
                first: 2,
                end: u32::MAX,
                versions: vec![(NodeId(2), 8), (NodeId(40), 1), (NodeId(5000), 3)].into(),
            }),
            Body::Delta {
                upto: Some(12),
                entries: vec![entry(1, 1, b"one"), entry(1, 2, b"two"), entry(2, 1, &[7; 500])],
            },
            Body::Rumors(vec![entry(1, 9, b"one"), entry(7, 2, b"two")]),
            Body::Announce(
                [(1, 9), (1, u64::MAX), (700, 1)]
                    .map(|(writer, counter)| Dot { writer: NodeId(writer), counter })
                    .to_vec(),
            ),
            Body::Graft { eager: true, have: vec![(NodeId(1), 0), (NodeId(700), u64::MAX)] },
            Body::Prune,
            Body::Heartbeats(Heartbeats {
                first: 3,
                end: 5001,
                asks: true,
                salt: 9,
                check: CHECK,
                beats: [(3, 0, 70), (4, 2, 1), (9, 0, 300), (98, 0, 5), (100, 0, 8), (5000, 1, u32::MAX)]
                    .map(|(number, life, counter)| Beat { member: NodeId(number), life, counter })
                    .into(),
            }),
            Body::Rumors(vec![
                Entry { tag: Tag::new(true, Vec::new()), ..entry(1, 10, b"") },
                Entry {
                    tag: Tag::new(true, vec![entry(70_000, 4, b"").dot, entry(5, 1 << 40, b"").dot]),
                    ..entry(1, 11, b"")
                },
                Entry { tag: Tag::new(false, vec![entry(5, 3, b"").dot]), ..entry(6, 1, b"six") },
            ]),
            Body::Ask(Ask::Whole { hashed: true }),
            Body::Ask(Ask::More),
            Body::Ask(Ask::Halves { depth: 4, ranges: vec![0, 3, 15] }),
            Body::Ask(Ask::Writes(vec![(3, 1), (3, 300), (1 << 20, 2)])),
            Body::Ask(Ask::Writes(Vec::new())),
            Body::Sketch(Sketch { head: Some(SketchHead { salt: Some(5), check: 9 }), symbols: vec![7; 24] }),
            Body::Sketch(Sketch { head: Some(SketchHead { salt: None, check: 9 }), symbols: vec![7; 24] }),
            Body::Sketch(Sketch { head: None, symbols: vec![1; 80] }),
            Body::Versions(Versions {
                scope: Scope::SinceBase,
                versions: vec![(NodeId(2), 8), (NodeId(40), 1), (NodeId(5000), 3)],
            }),
            Body::Versions(Versions { scope: Scope::LackingLast, versions: Vec::new() }),
            Body::FullState(
                (0..40).map(|writer| entry(writer, 8, &[writer as u8; 100])).collect::<Vec<_>>().into(),
            ),
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
    fn a_plain_write_pays_nothing_for_contexts_and_deletes() {
        let bytes = |entry: Entry| {
            let body = Body::Delta { upto: None, entries: vec![entry] };
            encoded(&Message { names: Names::Roster(100), compression: Compression::None, body }).len()
        };
        let plain = entry(1, 1, b"one");
        // The header, no position, the writer, one write; its counter, the lengths, the key and the value.
        assert_eq!(bytes(plain.clone()), 4 + 1 + 1 + 3 + 1 + 3);
        let context = vec![Dot { writer: NodeId(7), counter: 9 }];
        // A longer number for the key's length, how many dots, and a name and a counter for each.
        assert_eq!(bytes(Entry { tag: Tag::new(false, context), ..plain.clone() }), 13 + 1 + 1 + 2);
        let deleted = Entry { tag: Tag::new(true, Vec::new()), value: Arc::from([]), ..plain };
        assert_eq!(bytes(deleted), 13 + 1 - 1 - 3);
    }

    #[test]
    fn a_member_without_a_common_roster_is_named_by_sixteen_bytes() {
        let named = |names| {
            let news = vec![Record {
                member: NodeId(3),
                standing: Standing::alive(1),
                accuser: None,
                address: None,
            }];
            encoded(&Message { names, compression: Compression::None, body: Body::News(news) }).len()
        };
        assert_eq!(named(Names::Full) - named(Names::Roster(10)), 16);
    }

    #[test]
    fn a_forged_length_of_a_compressed_body_is_refused() {
        let mut bytes = vec![VERSION << VERSION_SHIFT | kind::NEWS << 1 | 1];
        put_varint(&mut bytes, MAX_MESSAGE_BYTES as u64 + 1);
        bytes.extend_from_slice(&[0; 20]);
        assert_eq!(Message::decode(&bytes), Err(DecodeError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..32) {
            let mut forged = vec![VERSION << VERSION_SHIFT | kind << 1];
            forged.extend_from_slice(&bytes);
            let _ = Message::decode(&bytes);
            if let Ok(message) = Message::decode(&forged) {
                let again = encoded(&message);
                prop_assert_eq!(Message::decode(&again).map(|message| message.body), Ok(message.body));
            }
        }

        #[test]
        fn a_damaged_message_is_refused_or_read_but_never_panics(
            at in 0usize..4000, bit in 0u8..8, which in 0usize..bodies().len(),
        ) {
            let body = bodies()[which].clone();
            let mut bytes = encoded(&Message { names: Names::Full, compression: Compression::Zstd { level: 1 }, body });
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = Message::decode(&bytes);
        }
    }
}
