use crate::NodeId;

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
    /// This node applied a write of another.
    Applied(Dot),
}
