use std::{ops::Deref, sync::OnceLock};

use rumormill_protocol::{Entry, NodeId, varint_len};

/// One writer's undominated writes, ascending, as they stand after one of them. It never changes, so that all nodes
/// that have it can have the same.
#[derive(Debug)]
pub(crate) struct WriterLog {
    entries: Box<[Entry]>,
    /// As [`run_bytes`] says.
    bytes: usize,
    squeezed: Squeezed,
}

impl WriterLog {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        Self { bytes: run_bytes(&entries), entries: entries.into(), squeezed: Squeezed::default() }
    }

    /// What it takes on the wire, but for its writer's name.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
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

/// Bytes that a run of one writer's entries takes on the wire, but for the writer's name.
pub(crate) fn run_bytes(run: &[Entry]) -> usize {
    match run.len() {
        0 => 0,
        length => varint_len(length as u64) + run.iter().map(entry_bytes).sum::<usize>(),
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    let (key, value) = (entry.key.len(), entry.value.len());
    varint_len(entry.dot.counter) + varint_len(key as u64) + key + varint_len(value as u64) + value
}
