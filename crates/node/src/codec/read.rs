use std::sync::Arc;

use rumormill_protocol::{DecodeError, Dot, Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeId, Reader, Status};

use super::kind;
use crate::{
    message::{Body, Check, Digest, Meet, Record},
    standing::Standing,
};

/// Reads a body of a kind up to the message's end.
pub(super) fn body(kind: u8, mut reader: Reader<'_>) -> Result<Body, DecodeError> {
    let body = match kind {
        kind::PING => {
            let number = reader.varint_u32()?;
            let seq = u16::try_from(number >> 1).map_err(|_| DecodeError::Range)?;
            let check = check(&mut reader)?;
            Body::Ping { seq, again: number & 1 == 1, check, news: records(&mut reader)? }
        }
        kind::PULL => Body::Pull { salt: seq(&mut reader)?, check: check(&mut reader)? },
        kind::ACK => Body::Ack { seq: seq(&mut reader)?, news: records(&mut reader)? },
        kind::PING_REQUEST => Body::PingRequest {
            seq: seq(&mut reader)?,
            target: name(&mut reader)?,
            news: records(&mut reader)?,
        },
        kind::NEWS => Body::News(records(&mut reader)?),
        kind::MEET => {
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
        kind::MEMBERS => {
            let first = reader.varint_u32()?;
            let count = reader.count(1)?;
            let mut dense = Vec::with_capacity(count);
            for _ in 0..count {
                dense.push(Standing::from_wire(reader.varint_u32()?));
            }
            Body::Members { first, dense, records: records(&mut reader)? }
        }
        kind::ASK_DIGEST => Body::AskDigest,
        kind::DIGEST => Body::Digest(digest(&mut reader)?),
        kind::DELTA => Body::Delta { upto: reader.varint()?.checked_sub(1), entries: entries(&mut reader)? },
        kind::RUMORS => Body::Rumors(entries(&mut reader)?),
        kind::FULL_STATE => Body::FullState(entries(&mut reader)?.into()),
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
