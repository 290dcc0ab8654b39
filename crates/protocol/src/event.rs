use crate::{MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeId};

/// The name of one write: the `counter`-th write of `writer`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dot {
    /// Who wrote.
    pub writer: NodeId,
    /// The writer's own count of its writes.
    pub counter: u64,
}

/// What happened inside a node. Events carry no time: the world stamps them, and the protocol never knows that
/// it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// This node now suspects a member of having failed.
    Suspected(NodeId),
    /// This node now takes a member for dead.
    DeclaredDead(NodeId),
    /// This node now takes a member for alive that it did not know, suspected or took for dead.
    Alive(NodeId),
    /// This node learned that a member left of its own accord.
    Left(NodeId),
    /// This node made a write of its own.
    Wrote(Dot),
    /// This node applied a write of another. One to a shared key counts once all that it supersedes is known too.
    Applied(Dot),
    /// This node now follows a leader, or another one than before; it leads if it is the leader itself.
    LeaderChosen {
        /// Who leads.
        leader: NodeId,
        /// The number of the reign: of two reigns, the later has the greater.
        term: u64,
    },
    /// This node no longer follows the leader that it followed; it has ceased to lead if that was itself.
    LeaderLost,
    /// This node takes a value for the one that was agreed on, and acts on it.
    Settled {
        /// What was to be agreed on.
        slot: u64,
        /// A hash of the value.
        value: u64,
    },
    /// This node found two writes to a shared key of which neither had seen the other; the lesser is named first. They
    /// stand for all that each superseded and the other did not.
    Conflict(Dot, Dot),
    /// This node did not do what it was asked to write.
    Refused(Refusal),
}

impl Refusal {
    /// Why no node writes this key, or this value under it; nothing where their lengths are within the limits.
    pub fn of(key: &str, value: &[u8]) -> Option<Self> {
        match (key.len(), value.len()) {
            (0, _) => Some(Self::KeyLength),
            (length, _) if length > MAX_KEY_BYTES => Some(Self::KeyLength),
            (_, length) if length > MAX_VALUE_BYTES => Some(Self::ValueLength),
            _ => None,
        }
    }
}

/// Why a node did not do what it was asked to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is empty or longer than [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES).
    KeyLength,
    /// The value is longer than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    ValueLength,
    /// The protocol does not do what was asked.
    Unsupported,
    /// There is no such key to delete.
    Absent,
    /// The node has as many keys as it can have.
    TooManyKeys,
    /// Too many writes wait for the node to learn of its earlier ones.
    TooManyWaiting,
}
