use std::{net::SocketAddr, sync::Arc};

use crate::{Dot, NodeId};

/// A key of the replicated state; at most [`MAX_KEY_BYTES`] long.
pub type Key = Arc<str>;

/// A value of the replicated state, shared within a process; at most [`MAX_VALUE_BYTES`] long.
pub type Value = Arc<[u8]>;

/// The longest key, in bytes, that a node takes from a command or from the network.
pub const MAX_KEY_BYTES: usize = 256;

/// The longest value, in bytes, that a node takes from a command or from the network.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The longest value, in bytes, that nodes agree on: a configuration's name or hash, a schema's version.
pub const MAX_PROPOSAL_BYTES: usize = 1024;
/// The first character of keys that several writers may write. All other keys belong to each writer by itself.
pub const SHARED_KEY_PREFIX: char = '@';

/// Whether several writers may write a key.
pub fn is_shared(key: &str) -> bool {
    key.starts_with(SHARED_KEY_PREFIX)
}

/// What the world asks of a node.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start as a member of a cluster that everyone already knows, state included.
    Warm(Arc<WarmBoot>),
    /// Start alone and become known through any of these nodes.
    Join {
        /// Nodes that are members already.
        seeds: Vec<Contact>,
    },
    /// Say goodbye and stop taking part.
    Leave,
    /// Write a value under a key of this node's own, or under one that it shares with others; see
    /// [`is_shared`]. Answered with [`Event::Wrote`](crate::Event::Wrote) or
    /// [`Event::Refused`](crate::Event::Refused), in the order of the commands.
    Put {
        /// The key written, not empty.
        key: Key,
        /// Its new value.
        value: Value,
    },
    /// Propose a value to agree on with all others, who may propose other values.
    Propose {
        /// What is to be agreed on; later questions have greater numbers.
        slot: u64,
        /// The value proposed, at most [`MAX_PROPOSAL_BYTES`] long.
        value: Value,
    },
    /// Delete a key that has a value; answered as a write is. A protocol without deletes refuses or ignores it.
    Delete {
        /// The key.
        key: Key,
    },
}

/// A node and where it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub id: NodeId,
    /// Where, as others reach it.
    pub address: SocketAddr,
}

/// The common knowledge of a cluster that boots warm, shared by all nodes of a process.
#[derive(Debug)]
pub struct WarmBoot {
    /// All members: contact `i` has the id `i`.
    pub roster: Vec<Contact>,
    /// The state that every node holds at the start, sorted by dot.
    pub entries: Vec<Entry>,
    /// Where each writer's entries begin, by the writer's number, and at last where they end.
    starts: Vec<usize>,
}

impl WarmBoot {
    /// Takes entries in any order, of writers with numbers from 0: the index takes 8 bytes for each number up to the
    /// greatest.
    pub fn new(roster: Vec<Contact>, mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.dot);
        let writers = entries.last().map_or(0, |entry| entry.dot.writer.index() + 1);
        let mut starts = vec![0; writers + 1];
        for entry in &entries {
            starts[entry.dot.writer.index() + 1] += 1;
        }
        for writer in 0..writers {
            starts[writer + 1] += starts[writer];
        }
        Self { roster, entries, starts }
    }

    /// The entries of one writer.
    pub fn log(&self, writer: NodeId) -> &[Entry] {
        match self.starts.get(writer.index()..).and_then(|starts| starts.first_chunk()) {
            Some(&[start, end]) => &self.entries[start..end],
            None => &[],
        }
    }

    /// The entries of the writers from `first` to before `end`.
    pub fn logs(&self, first: NodeId, end: NodeId) -> &[Entry] {
        let start = |writer: NodeId| self.starts[writer.index().min(self.starts.len() - 1)];
        &self.entries[start(first)..start(end.max(first))]
    }
}

/// One write: a value that a key was given by its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which write.
    pub dot: Dot,
    /// The key written.
    pub key: Key,
    /// The value given.
    pub value: Value,
    /// What sets it apart from other writes.
    pub tag: Tag,
}

/// What sets a write apart from a plain one; of a plain write there is none, and it takes no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tag(Option<Arc<Marks>>);

#[derive(Debug, PartialEq, Eq)]
struct Marks {
    deletes: bool,
    context: Box<[Dot]>,
}

impl Tag {
    /// Of a write that deletes its key or not, and supersedes these writes of others to it.
    pub fn new(deletes: bool, context: Vec<Dot>) -> Self {
        let is_plain = !deletes && context.is_empty();
        Self((!is_plain).then(|| Arc::new(Marks { deletes, context: context.into() })))
    }

    /// Whether the key has no value after this write.
    pub fn deletes(&self) -> bool {
        self.0.as_ref().is_some_and(|marks| marks.deletes)
    }

    /// The writes of others to the same key that this one supersedes: each stands for all earlier ones of its writer.
    pub fn context(&self) -> &[Dot] {
        self.0.as_ref().map_or(&[], |marks| &marks.context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(writer: u32, counter: u64) -> Entry {
        let dot = Dot { writer: NodeId(writer), counter };
        Entry { dot, key: Arc::from("key"), value: Arc::from([]), tag: Tag::default() }
    }

    #[test]
    fn the_index_finds_what_a_search_through_all_finds() {
        let entries: Vec<Entry> = [(3, 1), (0, 2), (3, 7), (0, 1), (6, 1)].map(|(w, c)| entry(w, c)).into();
        let boot = WarmBoot::new(Vec::new(), entries);
        assert!(boot.entries.is_sorted_by_key(|entry| entry.dot));
        for first in (0..9).map(NodeId) {
            for end in (0..9).map(NodeId) {
                let range = |entry: &&Entry| (first..end).contains(&entry.dot.writer);
                let all: Vec<&Entry> = boot.entries.iter().filter(range).collect();
                assert_eq!(boot.logs(first, end).iter().collect::<Vec<_>>(), all);
            }
            assert_eq!(boot.log(first), boot.logs(first, NodeId(first.0 + 1)));
        }
        assert!(WarmBoot::new(Vec::new(), Vec::new()).log(NodeId(0)).is_empty());
    }
}
