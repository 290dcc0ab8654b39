use std::net::SocketAddr;

use rumormill_protocol::{
    DecodeError, NodeId, Reader, Sizes, Status, Wire, put_address, put_varint, varint_len,
};

use crate::{
    codec::{Write, flag, header, member, put_header, put_member, put_write, writes},
    roster::Member,
};

/// What nodes of [`AllToAll`](crate::AllToAll) tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which life of the sender says it.
    pub(crate) life: u32,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A check.
    Ping {
        seq: u16,
        /// How many nodes the sender ever heard of: a receiver that heard of fewer asks for the members.
        known: u32,
    },
    /// Its answer.
    Ack { seq: u16 },
    /// First on a new connection.
    Hello(Hello),
    /// A request for the members.
    AskMembers,
    /// Everybody whom the sender ever heard of: alive, or left of its own accord. Nobody tells who is dead.
    Members(Vec<(NodeId, Member)>),
    /// Writes of the sender, or of another that cannot send them itself.
    Writes { writer: Option<NodeId>, writes: Vec<Write> },
    /// A goodbye.
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Whether the sender knows nobody yet, and asks for all that others cannot send it.
    pub(crate) joining: bool,
    /// The version up to which it has the receiver's writes.
    pub(crate) has: u64,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

const PING: u8 = 0;
const ACK: u8 = 1;
const HELLO: u8 = 2;
const ASK_MEMBERS: u8 = 3;
const MEMBERS: u8 = 4;
const OWN_WRITES: u8 = 5;
const WRITES_OF: u8 = 6;
const LEAVE: u8 = 7;

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
            Body::Ping { seq, known } => {
                uncompressed(header + varint_len(u64::from(*seq)) + varint_len(u64::from(*known)))
            }
            Body::Ack { seq } => uncompressed(header + varint_len(u64::from(*seq))),
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
            Self::Ping { .. } => PING,
            Self::Ack { .. } => ACK,
            Self::Hello(_) => HELLO,
            Self::AskMembers => ASK_MEMBERS,
            Self::Members(_) => MEMBERS,
            Self::Writes { writer: None, .. } => OWN_WRITES,
            Self::Writes { writer: Some(_), .. } => WRITES_OF,
            Self::Leave => LEAVE,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ping { seq, known } => {
                put_varint(out, u64::from(*seq));
                put_varint(out, u64::from(*known));
            }
            Self::Ack { seq } => put_varint(out, u64::from(*seq)),
            Self::Hello(hello) => {
                out.push(u8::from(hello.joining));
                put_varint(out, hello.has);
                put_address(out, hello.address);
            }
            Self::AskMembers | Self::Leave => {}
            Self::Members(members) => {
                for (id, member) in members {
                    out.push(u8::from(member.status == Status::Left));
                    put_member(out, *id, member);
                }
            }
            Self::Writes { writer, writes } => {
                if let Some(writer) = writer {
                    out.extend_from_slice(&writer.to_wire());
                }
                writes.iter().for_each(|write| put_write(out, write));
            }
        }
    }

    fn decode(kind: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match kind {
            PING => Self::Ping { seq: seq(reader)?, known: reader.varint_u32()? },
            ACK => Self::Ack { seq: seq(reader)? },
            HELLO => Self::Hello(Hello {
                joining: flag(reader)?,
                has: reader.varint()?,
                address: reader.address()?,
            }),
            ASK_MEMBERS => Self::AskMembers,
            MEMBERS => Self::Members(members(reader)?),
            OWN_WRITES => Self::Writes { writer: None, writes: writes(reader)? },
            WRITES_OF => Self::Writes { writer: Some(reader.identity()?), writes: writes(reader)? },
            LEAVE => Self::Leave,
            other => return Err(DecodeError::Tag(other)),
        })
    }
}

fn seq(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    u16::try_from(reader.varint()?).map_err(|_| DecodeError::Range)
}

/// Members up to the message's end.
fn members(reader: &mut Reader<'_>) -> Result<Vec<(NodeId, Member)>, DecodeError> {
    let mut members = Vec::new();
    while reader.remaining() > 0 {
        let status = if flag(reader)? { Status::Left } else { Status::Alive };
        members.push(member(reader, status)?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn bodies(number: u64) -> Vec<Body> {
        let address: SocketAddr = "127.0.0.1:4000".parse().expect("a literal address");
        let write = |counter| Write { counter, key: Arc::from("key"), value: Arc::from([7; 40]) };
        let member = |status| Member { life: number as u32, status, address };
        let [seq, known] = [number as u16, number as u16 ^ 0x155].map(u64::from);
        vec![
            Body::Ping { seq: seq as u16, known: number as u32 },
            Body::Ack { seq: known as u16 },
            Body::Hello(Hello { joining: number & 1 == 1, has: number, address }),
            Body::AskMembers,
            Body::Members(vec![
                (NodeId(3), member(Status::Alive)),
                (NodeId(number as u32), member(Status::Left)),
            ]),
            Body::Writes { writer: None, writes: vec![write(number), write(u64::MAX)] },
            Body::Writes { writer: Some(NodeId(number as u32)), writes: vec![write(1)] },
            Body::Leave,
        ]
    }

    #[test]
    fn a_check_and_its_answer_take_nine_bytes_among_a_hundred_nodes() {
        let size = |body| Message { life: 0, body }.sizes().payload;
        assert_eq!(size(Body::Ping { seq: 1_000, known: 100 }) + size(Body::Ack { seq: 1_000 }), 5 + 4);
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
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..9) {
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
        fn a_damaged_message_is_refused_or_read_but_never_panics(at: usize, bit in 0u8..8, which in 0usize..8) {
            let mut bytes = Vec::new();
            Message { life: 1, body: bodies(300)[which].clone() }.encode(&mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = Message::decode(&bytes);
        }
    }
}
