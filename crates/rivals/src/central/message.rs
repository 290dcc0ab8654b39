use std::net::SocketAddr;

use rumormill_protocol::{
    DecodeError, Entry, NodeId, Reader, Sizes, Status, Wire, put_address, put_varint, varint_len,
};

use crate::{
    codec::{Write, flag, header, member, put_header, put_member, put_write, write, writes},
    roster::Member,
};

/// What nodes of [`Central`](crate::Central) tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which life of the sender says it.
    pub(crate) life: u32,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A member lives, and asks what changed.
    Report {
        /// How far it has taken the coordinator's record.
        taken: Taken,
    },
    /// The answer where nothing changed.
    Ack,
    /// The answer where something did.
    Changes(Changes),
    /// First on a new connection with the coordinator: where the member listens.
    Hello { address: SocketAddr },
    /// The coordinator's answer to Hello.
    Welcome {
        epoch: u32,
        /// The version up to which it has the member's writes.
        has: u64,
    },
    /// Writes of the sender.
    Writes(Vec<Write>),
    /// A question for the coordinator's address.
    WhereIs,
    /// Where the coordinator listens.
    Coordinator { address: SocketAddr },
    /// A goodbye.
    Leave,
}

/// A place in the coordinator's record of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Which record: the coordinator's next life begins another.
    pub(crate) epoch: u32,
    /// The place of the last change taken.
    pub(crate) position: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    /// From which place on; the changes follow it.
    pub(crate) from: Taken,
    /// Up to which place.
    pub(crate) upto: u64,
    /// Whether there are more.
    pub(crate) more: bool,
    pub(crate) changes: Vec<Change>,
}

/// What may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A member is alive, dead or gone.
    Member(NodeId, Member),
    /// There is a write.
    Write(Entry),
}

const REPORT: u8 = 0;
const ACK: u8 = 1;
const CHANGES: u8 = 2;
const HELLO: u8 = 3;
const WELCOME: u8 = 4;
const WRITES: u8 = 5;
const WHERE_IS: u8 = 6;
const COORDINATOR: u8 = 7;
const LEAVE: u8 = 8;

const WRITE: u8 = 0;
const ALIVE: u8 = 1;
const DEAD: u8 = 2;
const LEFT: u8 = 3;

impl Wire for Message {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let start = out.len();
        put_header(out, self.body.kind(), self.life);
        self.body.encode(out);
        uncompressed(out.len() - start)
    }

    fn sizes(&self) -> Sizes {
        let header = 1 + varint_len(u64::from(self.life));
        match &self.body {
            Body::Report { taken } => {
                uncompressed(header + varint_len(u64::from(taken.epoch)) + varint_len(taken.position))
            }
            Body::Ack => uncompressed(header),
            _ => self.encode(&mut Vec::new()),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let (kind, life) = header(&mut reader)?;
        let body = Body::decode(kind, &mut reader)?;
        reader.finish()?;
        Ok(Self { life, body })
    }
}

const fn uncompressed(payload: usize) -> Sizes {
    Sizes { payload, compressed: payload }
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Report { .. } => REPORT,
            Self::Ack => ACK,
            Self::Changes(_) => CHANGES,
            Self::Hello { .. } => HELLO,
            Self::Welcome { .. } => WELCOME,
            Self::Writes(_) => WRITES,
            Self::WhereIs => WHERE_IS,
            Self::Coordinator { .. } => COORDINATOR,
            Self::Leave => LEAVE,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Report { taken } => put_taken(out, *taken),
            Self::Changes(changes) => {
                out.push(u8::from(changes.more));
                put_taken(out, changes.from);
                put_varint(out, changes.upto);
                changes.changes.iter().for_each(|change| put_change(out, change));
            }
            Self::Hello { address } | Self::Coordinator { address } => put_address(out, *address),
            Self::Welcome { epoch, has } => {
                put_varint(out, u64::from(*epoch));
                put_varint(out, *has);
            }
            Self::Writes(writes) => writes.iter().for_each(|write| put_write(out, write)),
            Self::Ack | Self::WhereIs | Self::Leave => {}
        }
    }

    fn decode(kind: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            REPORT => Self::Report { taken: taken(reader)? },
            ACK => Self::Ack,
            CHANGES => Self::Changes(changes(reader)?),
            HELLO => Self::Hello { address: reader.address()? },
            WELCOME => Self::Welcome { epoch: reader.varint_u32()?, has: reader.varint()? },
            WRITES => Self::Writes(writes(reader)?),
            WHERE_IS => Self::WhereIs,
            COORDINATOR => Self::Coordinator { address: reader.address()? },
            LEAVE => Self::Leave,
            other => return Err(DecodeError::Tag(other)),
        })
    }
}

fn put_taken(out: &mut Vec<u8>, taken: Taken) {
    put_varint(out, u64::from(taken.epoch));
    put_varint(out, taken.position);
}

fn taken(reader: &mut Reader<'_>) -> Result<Taken, DecodeError> {
    Ok(Taken { epoch: reader.varint_u32()?, position: reader.varint()? })
}

fn put_change(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(entry) => {
            out.push(WRITE);
            out.extend_from_slice(&entry.dot.writer.to_wire());
            put_write(out, &Write::of(entry));
        }
        Change::Member(id, member) => {
            out.push(match member.status {
                Status::Dead => DEAD,
                Status::Left => LEFT,
                // What the coordinator only suspects it does not tell.
                Status::Alive | Status::Suspect | Status::Unknown => ALIVE,
            });
            put_member(out, *id, member);
        }
    }
}

/// Changes up to the message's end.
fn changes(reader: &mut Reader<'_>) -> Result<Changes, DecodeError> {
    let (more, from, upto) = (flag(reader)?, taken(reader)?, reader.varint()?);
    let mut changes = Vec::new();
    while reader.remaining() > 0 {
        let status = match reader.u8()? {
            WRITE => {
                let writer = reader.identity()?;
                changes.push(Change::Write(write(reader)?.by(writer)));
                continue;
            }
            ALIVE => Status::Alive,
            DEAD => Status::Dead,
            LEFT => Status::Left,
            other => return Err(DecodeError::Tag(other)),
        };
        let (id, member) = member(reader, status)?;
        changes.push(Change::Member(id, member));
    }
    Ok(Changes { from, upto, more, changes })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rumormill_protocol::{Dot, Tag};

    use super::*;

    fn bodies(number: u64) -> Vec<Body> {
        let address: SocketAddr = "[::1]:4000".parse().expect("a literal address");
        let small = number as u32;
        let write = |counter| Write { counter, key: Arc::from("key"), value: Arc::from([7; 40]) };
        let member = |status| Change::Member(NodeId(small), Member { life: small, status, address });
        let dot = Dot { writer: NodeId(small), counter: number };
        let entry = Entry { dot, key: Arc::from(""), value: Arc::from([]), tag: Tag::default() };
        let taken = Taken { epoch: small, position: number };
        let changes = Changes {
            from: taken,
            upto: number.wrapping_add(9),
            more: number & 1 == 1,
            changes: vec![
                member(Status::Alive),
                Change::Write(entry),
                member(Status::Dead),
                member(Status::Left),
            ],
        };
        vec![
            Body::Report { taken },
            Body::Ack,
            Body::Changes(changes),
            Body::Hello { address },
            Body::Welcome { epoch: small, has: number },
            Body::Writes(vec![write(number), write(1)]),
            Body::WhereIs,
            Body::Coordinator { address },
            Body::Leave,
        ]
    }

    proptest! {
        #[test]
        fn every_message_reads_back_and_has_the_size_it_says(number: u64, life: u32) {
            for body in bodies(number) {
                let message = Message { life, body };
                let mut bytes = Vec::new();
                prop_assert_eq!(message.encode(&mut bytes), message.sizes());
                prop_assert_eq!(message.sizes().payload, bytes.len());
                prop_assert_eq!(Message::decode(&bytes), Ok(message));
            }
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..10) {
            let mut forged = vec![1 << 5 | kind, 0];
            forged.extend_from_slice(&bytes);
            let _ = Message::decode(&bytes);
            if let Ok(message) = Message::decode(&forged) {
                let mut again = Vec::new();
                message.encode(&mut again);
                prop_assert_eq!(Message::decode(&again), Ok(message));
            }
        }

        #[test]
        fn a_damaged_message_is_refused_or_read_but_never_panics(at: usize, bit in 0u8..8, which in 0usize..9) {
            let mut bytes = Vec::new();
            Message { life: 1, body: bodies(300)[which].clone() }.encode(&mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = Message::decode(&bytes);
        }
    }
}
