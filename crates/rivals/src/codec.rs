//! What the wire formats of the baselines have in common. A message is one header byte `vvvkkkkk` (version, kind), the
//! sender's life as a varint, then the body.

use std::sync::Arc;

use rumormill_protocol::{
    DecodeError, Dot, Entry, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeId, Reader, Status, Tag, Value,
    put_address, put_bytes, put_varint,
};

use crate::roster::Member;

const VERSION: u8 = 1;

/// Encoded bytes of writes or changes that one message carries, but for the last of it.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// A write without its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) counter: u64,
    pub(crate) key: Key,
    pub(crate) value: Value,
}

impl Write {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self { counter: entry.dot.counter, key: Arc::clone(&entry.key), value: Arc::clone(&entry.value) }
    }

    pub(crate) fn by(self, writer: NodeId) -> Entry {
        Entry {
            dot: Dot { writer, counter: self.counter },
            key: self.key,
            value: self.value,
            tag: Tag::default(),
        }
    }
}

/// At most how many bytes a write takes, without its writer.
pub(crate) fn write_bytes_max(entry: &Entry) -> usize {
    entry.key.len() + entry.value.len() + 16
}

/// Cuts writes into messages of about [`CHUNK_BYTES`].
pub(crate) fn chunks<'a>(writes: impl Iterator<Item = &'a Entry>) -> Vec<Vec<Write>> {
    let mut chunks = Vec::new();
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for entry in writes {
        bytes += write_bytes_max(entry);
        chunk.push(Write::of(entry));
        if bytes >= CHUNK_BYTES {
            chunks.push(std::mem::take(&mut chunk));
            bytes = 0;
        }
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

pub(crate) fn put_header(out: &mut Vec<u8>, kind: u8, life: u32) {
    out.push(VERSION << 5 | kind);
    put_varint(out, u64::from(life));
}

/// The kind and the sender's life.
pub(crate) fn header(reader: &mut Reader<'_>) -> Result<(u8, u32), DecodeError> {
    let header = reader.u8()?;
    if header >> 5 != VERSION {
        return Err(DecodeError::Version(header >> 5));
    }
    Ok((header & 0x1f, reader.varint_u32()?))
}

pub(crate) fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(DecodeError::Tag(other)),
    }
}

pub(crate) fn put_write(out: &mut Vec<u8>, write: &Write) {
    put_varint(out, write.counter);
    put_bytes(out, write.key.as_bytes());
    put_bytes(out, &write.value);
}

pub(crate) fn write(reader: &mut Reader<'_>) -> Result<Write, DecodeError> {
    let counter = reader.varint()?;
    let key = std::str::from_utf8(reader.bytes(MAX_KEY_BYTES)?).map_err(|_| DecodeError::Text)?;
    let value = reader.bytes(MAX_VALUE_BYTES)?;
    Ok(Write { counter, key: Arc::from(key), value: Arc::from(value) })
}

/// Writes up to the message's end.
pub(crate) fn writes(reader: &mut Reader<'_>) -> Result<Vec<Write>, DecodeError> {
    let mut writes = Vec::new();
    while reader.remaining() > 0 {
        writes.push(write(reader)?);
    }
    Ok(writes)
}

/// A member: its identity, its life, its address. Its status is written by whoever knows which it can be.
pub(crate) fn put_member(out: &mut Vec<u8>, id: NodeId, member: &Member) {
    out.extend_from_slice(&id.to_wire());
    put_varint(out, u64::from(member.life));
    put_address(out, member.address);
}

pub(crate) fn member(reader: &mut Reader<'_>, status: Status) -> Result<(NodeId, Member), DecodeError> {
    let id = reader.identity()?;
    Ok((id, Member { life: reader.varint_u32()?, status, address: reader.address()? }))
}
