use std::{ops::Deref, sync::OnceLock};

use rumormill_protocol::{Entry, NodeId, varint_len};

use crate::{
    codec::{FULL_NAME_BYTES, key_field, name_bytes},
    message::Names,
};

/// One writer's undominated writes, ascending, as they stand after one of them. It never changes, so that all nodes
/// that have it can have the same.
#[derive(Debug)]
pub(crate) struct WriterLog {
    entries: Box<[Entry]>,
    /// As [`run_bytes`] says.
    bytes: usize,
    /// Members that its writes' contexts name.
    mentions: usize,
    squeezed: Squeezed,
}

impl WriterLog {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let (bytes, mentions) = (run_bytes(&entries), mentions(&entries));
        Self { bytes, mentions, entries: entries.into(), squeezed: Squeezed::default() }
    }

    /// What it takes on the wire, but for members' names.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it takes on the wire at most, but for its writer's name.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes + self.mentions * FULL_NAME_BYTES
    }

    /// What the names in it take.
    pub(crate) fn mentioned_bytes(&self, names: Names) -> usize {
        if self.mentions == 0 { 0 } else { mentioned_bytes(names, &self.entries) }
    }

    /// Whose log this is.
    pub(crate) fn writer(&self) -> NodeId {
        self.entries.first().map_or(NodeId(u32::MAX), |entry| entry.dot.writer)
    }

    /// The version up to which it has the writer's writes.
    pub(crate) fn version(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.dot.counter)
    }

    /// Its length when compressed by itself.
    pub(crate) fn squeezed(&self, level: i32, find: impl FnOnce(&[Entry]) -> usize) -> usize {
        self.squeezed.at(level, || find(&self.entries))
    }
}

/// A length after compression, found once for the first level that it is asked for.
#[derive(Debug, Default)]
pub(crate) struct Squeezed(OnceLock<(i32, usize)>);

impl Squeezed {
    pub(crate) fn at(&self, level: i32, find: impl FnOnce() -> usize) -> usize {
        match self.0.get() {
            Some(&(known, bytes)) if known == level => bytes,
            Some(_) => find(),
            None => {
                let bytes = find();
                // Another thread that found it meanwhile found the same.
                let _ = self.0.set((level, bytes));
                bytes
            }
        }
    }
}

impl Deref for WriterLog {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.entries
    }
}

fn mentions(run: &[Entry]) -> usize {
    run.iter().map(|entry| entry.tag.context().len()).sum()
}

/// Bytes that the names take which contexts in a run have.
pub(crate) fn mentioned_bytes(names: Names, run: &[Entry]) -> usize {
    run.iter().flat_map(|entry| entry.tag.context()).map(|dot| name_bytes(names, dot.writer)).sum()
}

/// Bytes that a run takes on the wire at most, but for its writer's name.
pub(crate) fn run_bytes_max(run: &[Entry]) -> usize {
    run_bytes(run) + mentions(run) * FULL_NAME_BYTES
}

/// Bytes that a run of one writer's entries takes on the wire, but for the writer's name and those in contexts.
pub(crate) fn run_bytes(run: &[Entry]) -> usize {
    match run.len() {
        0 => 0,
        length => varint_len(length as u64) + run.iter().map(entry_bytes).sum::<usize>(),
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    let (key, value, context) = (entry.key.len(), entry.value.len(), entry.tag.context());
    let mut bytes = varint_len(entry.dot.counter) + varint_len(key_field(entry)) + key;
    if !entry.tag.deletes() {
        bytes += varint_len(value as u64) + value;
    }
    if !context.is_empty() {
        bytes += varint_len(context.len() as u64);
        bytes += context.iter().map(|dot| varint_len(dot.counter)).sum::<usize>();
    }
    bytes
}
