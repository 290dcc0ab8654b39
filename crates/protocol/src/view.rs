use crate::{Dot, NodeId};

/// How one node sees a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Not known at all.
    Unknown,
    /// Taken for alive.
    Alive,
    /// Suspected of having failed.
    Suspect,
    /// Taken for dead.
    Dead,
    /// Known to have left of its own accord.
    Left,
}

/// What a node believes, read only: the recorder's final truth, against which events are checked.
pub trait View {
    /// How this node sees a member; itself it sees alive.
    fn status(&self, member: NodeId) -> Status;

    /// Which life of a member it knows of, counted from 0: how often the id was started before. 0 for one that it
    /// does not know.
    fn life(&self, member: NodeId) -> u32;

    /// How many members it takes for alive, itself included.
    fn alive(&self) -> usize;

    /// The version up to which this node has the writes of `writer`; 0 when it has none.
    fn version(&self, writer: NodeId) -> u64;

    /// The writes that a shared key has at this node, ascending: those that no other has superseded. Several are in
    /// conflict. None by default, as in a protocol that does not know shared keys.
    fn siblings(&self, key: &str) -> Vec<Dot> {
        let _ = key;
        Vec::new()
    }
}
