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
    /// Write a value under a key of this node's own.
    Put {
        /// The key written.
        key: Key,
        /// Its new value.
        value: Value,
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
}
