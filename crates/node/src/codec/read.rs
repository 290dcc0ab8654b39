use std::sync::Arc;

use rumormill_protocol::{
    DecodeError, Dot, Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeId, Reader, Status, Tag,
};

use super::{
    ballots, kind,
    write::{DELETES, HAS_CONTEXT, KEY_LENGTH_BITS},
};
use crate::{
    heartbeat::BEATS_PER_MESSAGE,
    message::{
        Ask, Beat, Body, Check, Digest, Heartbeats, Meet, Record, Scope, Sketch, SketchHead, Versions,
    },
    portions::DIGEST_WRITERS,
    siblings::MAX_CONTEXT,
    sketch::{MOST_DEPTH, MOST_RANGES, unpack},
    spread::MEMBERS_PER_MESSAGE,
    standing::Standing,
};

/// Writes in one message at most. Senders count bytes, and none of theirs comes near it.
const ENTRIES_PER_MESSAGE: usize = 1 << 16;

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
        kind::NACK => Body::Nack { seq: seq(&mut reader)? },
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
            let number = reader.varint()?;
            let first = u32::try_from(number >> 1).map_err(|_| DecodeError::Range)?;
            let count = at_most(MEMBERS_PER_MESSAGE, reader.count(1)?)?;
            let mut dense = Vec::with_capacity(count);
            for _ in 0..count {
                dense.push(Standing::from_wire(reader.varint_u32()?));
            }
            Body::Members { first, more: number & 1 == 1, dense, records: records(&mut reader)? }
        }
        kind::ASK_DIGEST => Body::AskDigest,
        kind::DIGEST => Body::Digest(digest(&mut reader)?),
        kind::DELTA => Body::Delta { upto: reader.varint()?.checked_sub(1), entries: entries(&mut reader)? },
        kind::RUMORS => Body::Rumors(entries(&mut reader)?),
        kind::ANNOUNCE => Body::Announce(dots(&mut reader)?),
        kind::GRAFT => Body::Graft { eager: reader.varint()? & 1 == 1, have: have(&mut reader)? },
        kind::PRUNE => Body::Prune,
        kind::HEARTBEATS => Body::Heartbeats(heartbeats(&mut reader)?),
        kind::BALLOT => Body::Ballot(ballots::ballot(&mut reader)?),
        kind::PROPOSAL => Body::Proposal(ballots::proposal(&mut reader)?),
        kind::FULL_STATE => Body::FullState(entries(&mut reader)?.into()),
        kind::SKETCH => sketch(&mut reader)?,
        kind::ASK_SYMBOLS => Body::Ask(ask(&mut reader)?),
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

pub(super) fn name(reader: &mut Reader<'_>) -> Result<NodeId, DecodeError> {
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
        let standing = Standing::from_wire(u32::try_from(said >> 2).map_err(|_| DecodeError::Range)?);
        if standing.status() == Status::Unknown {
            return Err(DecodeError::Range);
        }
        let accuser = if said & 2 == 2 { Some(name(reader)?) } else { None };
        let address = if said & 1 == 1 { Some(reader.address()?) } else { None };
        at_most(MEMBERS_PER_MESSAGE, records.len() + 1)?;
        records.push(Record { member, standing, accuser, address });
    }
    Ok(records)
}

fn digest(reader: &mut Reader<'_>) -> Result<Digest, DecodeError> {
    let (first, end) = (reader.varint_u32()?, reader.varint_u32()?);
    Ok(Digest { first, end, versions: versions(reader, first)?.into() })
}

fn versions(reader: &mut Reader<'_>, first: u32) -> Result<Vec<(NodeId, u64)>, DecodeError> {
    let by_index = at_most(DIGEST_WRITERS as usize, reader.count(2)?)?;
    let mut versions = Vec::with_capacity(by_index);
    let mut next = first;
    for _ in 0..by_index {
        let writer = next.checked_add(reader.varint_u32()?).ok_or(DecodeError::Range)?;
        versions.push((NodeId(writer), reader.varint()?));
        next = writer.checked_add(1).ok_or(DecodeError::Range)?;
    }
    while reader.remaining() > 0 {
        at_most(DIGEST_WRITERS as usize, versions.len() + 1)?;
        versions.push((reader.identity()?, reader.varint()?));
    }
    Ok(versions)
}

fn sketch(reader: &mut Reader<'_>) -> Result<Body, DecodeError> {
    let form = reader.varint()?;
    let scope = match form {
        3 => Scope::SinceBase,
        4 => Scope::Lacking,
        5 => Scope::LackingLast,
        0..=2 => {
            let head = match form {
                0 => None,
                _ => {
                    let check = u32::from_le_bytes(reader.array()?);
                    let salt = if form == 2 { Some(u16::from_le_bytes(reader.array()?)) } else { None };
                    Some(SketchHead { salt, check })
                }
            };
            return Ok(Body::Sketch(Sketch { head, symbols: reader.take(reader.remaining())?.to_vec() }));
        }
        _ => return Err(DecodeError::Range),
    };
    Ok(Body::Versions(Versions { scope, versions: versions(reader, 0)? }))
}

fn ask(reader: &mut Reader<'_>) -> Result<Ask, DecodeError> {
    Ok(match reader.varint()? {
        hashed @ 0..=1 => Ask::Whole { hashed: hashed == 1 },
        2 => Ask::More,
        3 => {
            let depth = reader.varint_u32()?;
            if depth > MOST_DEPTH {
                return Err(DecodeError::Range);
            }
            let (mut ranges, mut next) = (Vec::new(), 0u32);
            while reader.remaining() > 0 {
                let range = next.checked_add(reader.varint_u32()?).ok_or(DecodeError::Range)?;
                if range >= 1 << depth || ranges.len() >= MOST_RANGES {
                    return Err(DecodeError::Range);
                }
                ranges.push(range);
                next = range + 1;
            }
            Ask::Halves { depth, ranges }
        }
        4 => {
            let count = at_most(DIGEST_WRITERS as usize, reader.count(1)?)?;
            let width = reader.varint_u32()?;
            if !(1..=u32::BITS).contains(&width) {
                return Err(DecodeError::Range);
            }
            let packed = reader.take((count * width as usize).div_ceil(8))?;
            let positions = unpack(packed, width, count).ok_or(DecodeError::Range)?;
            let mut writes = Vec::with_capacity(count);
            for position in positions {
                writes.push((position as u32, reader.varint()?));
            }
            Ask::Writes(writes)
        }
        _ => return Err(DecodeError::Range),
    })
}

fn dots(reader: &mut Reader<'_>) -> Result<Vec<Dot>, DecodeError> {
    let mut dots = Vec::new();
    while reader.remaining() > 0 {
        let writer = name(reader)?;
        let mut counter = 0u64;
        for _ in 0..reader.count(1)? {
            at_most(ENTRIES_PER_MESSAGE, dots.len() + 1)?;
            counter = counter.checked_add(reader.varint()?).ok_or(DecodeError::Range)?;
            dots.push(Dot { writer, counter });
        }
    }
    Ok(dots)
}

/// Writers ascend: one that is named again would be sent the same again.
fn have(reader: &mut Reader<'_>) -> Result<Vec<(NodeId, u64)>, DecodeError> {
    let mut have: Vec<(NodeId, u64)> = Vec::new();
    while reader.remaining() > 0 {
        at_most(DIGEST_WRITERS as usize, have.len() + 1)?;
        let writer = name(reader)?;
        if have.last().is_some_and(|(before, _)| *before >= writer) {
            return Err(DecodeError::Range);
        }
        have.push((writer, reader.varint()?));
    }
    Ok(have)
}

fn heartbeats(reader: &mut Reader<'_>) -> Result<Heartbeats, DecodeError> {
    let (first, end, flags) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint_u32()?);
    let salt = u16::try_from(flags >> 1).map_err(|_| DecodeError::Range)?;
    let check = check(reader)?;
    let mut beats = Vec::new();
    let mut next = first;
    let mut push = |reader: &mut Reader<'_>, member: u32| {
        if member < next || member >= end {
            return Err(DecodeError::Range);
        }
        next = member + 1;
        at_most(BEATS_PER_MESSAGE, beats.len() + 1)?;
        beats.push(beat(reader, NodeId(member))?);
        Ok(next)
    };
    let mut after = first;
    for _ in 0..reader.count(3)? {
        after = after.checked_add(reader.varint_u32()?).ok_or(DecodeError::Range)?;
        for _ in 0..reader.count(1)? {
            after = push(reader, after)?;
        }
    }
    while reader.remaining() > 0 {
        let member = reader.identity()?;
        push(reader, member.0)?;
    }
    Ok(Heartbeats { first, end, asks: flags & 1 == 1, salt, check, beats: beats.into() })
}

fn beat(reader: &mut Reader<'_>, member: NodeId) -> Result<Beat, DecodeError> {
    let number = reader.varint()?;
    let counter = u32::try_from(number >> 1).map_err(|_| DecodeError::Range)?;
    let life = if number & 1 == 1 { reader.varint_u32()? } else { 0 };
    Ok(Beat { member, life, counter })
}

fn entries(reader: &mut Reader<'_>) -> Result<Vec<Entry>, DecodeError> {
    let (mut entries, mut named) = (Vec::new(), 0);
    while reader.remaining() > 0 {
        let writer = name(reader)?;
        for _ in 0..reader.count(3)? {
            at_most(ENTRIES_PER_MESSAGE, entries.len() + 1)?;
            let entry = entry(reader, writer)?;
            named += entry.tag.context().len();
            at_most(ENTRIES_PER_MESSAGE, named)?;
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// A forged message must not take much memory, nor keep its reader busy for long: what it holds is bounded besides its
/// length.
const fn at_most(limit: usize, count: usize) -> Result<usize, DecodeError> {
    if count > limit { Err(DecodeError::TooLong) } else { Ok(count) }
}

fn entry(reader: &mut Reader<'_>, writer: NodeId) -> Result<Entry, DecodeError> {
    let counter = reader.varint()?;
    let field = reader.varint()?;
    let (length, marks) = (field & ((1 << KEY_LENGTH_BITS) - 1), field >> KEY_LENGTH_BITS);
    if length > MAX_KEY_BYTES as u64 || marks > (DELETES | HAS_CONTEXT) {
        return Err(DecodeError::TooLong);
    }
    let key = std::str::from_utf8(reader.take(length as usize)?).map_err(|_| DecodeError::Text)?;
    let deletes = marks & DELETES > 0;
    let value = if deletes { &[] } else { reader.bytes(MAX_VALUE_BYTES)? };
    let context = if marks & HAS_CONTEXT > 0 { context(reader)? } else { Vec::new() };
    Ok(Entry {
        dot: Dot { writer, counter },
        key: Arc::from(key),
        value: Arc::from(value),
        tag: Tag::new(deletes, context),
    })
}

fn context(reader: &mut Reader<'_>) -> Result<Vec<Dot>, DecodeError> {
    let count = reader.count(2)?;
    match count {
        0 => return Err(DecodeError::Range),
        1..=MAX_CONTEXT => {}
        _ => return Err(DecodeError::TooLong),
    }
    (0..count).map(|_| Ok(Dot { writer: name(reader)?, counter: reader.varint()? })).collect()
}
