use rumormill_measure::{Histogram, Ledger};
use rumormill_protocol::{Command, Contact, Event, NodeId, Status, Time};
use thiserror::Error;

/// A cluster of nodes in one of the worlds. The runner drives it through an experiment and knows no more of it
/// than this.
///
/// Nodes are numbered from 0. They exist, silent, from the moment the cluster is made.
pub trait Cluster {
    /// How many nodes there are, crashed ones included.
    fn nodes(&self) -> usize;

    /// Where each node listens, in the order of their numbers.
    fn contacts(&self) -> Vec<Contact>;

    /// The time of the run.
    fn now(&self) -> Time;

    /// Lets the run go on until `until`: a real cluster sleeps, a simulated one works.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError>;

    /// Does something to a node now. Actions on one node take effect in the order given.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError>;

    /// Hands over what happened since the last call, in the order of each node's own events.
    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped));

    /// Reads every node's counters.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn census(&mut self) -> Result<Census, ClusterError>;

    /// Asks every live node how it sees these members, and up to which version it has these writers' writes.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError>;

    /// Ends all nodes and frees what they held.
    fn shut_down(self: Box<Self>);
}

/// What can be done to a node.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask something of its protocol.
    Command(Command),
    /// Fall silent at once: no goodbye, nothing sent or answered any more. The address stays taken.
    Crash,
}

/// An event and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The world's time.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// What.
    pub event: Event,
}

/// All counters of a cluster at one moment.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// By node number; a crashed node's ledger stands still.
    pub nodes: Vec<NodeCensus>,
    /// How late nodes were woken for their own timeouts, all nodes together, since the run began.
    pub lag: Histogram,
    /// Packets that the kernel dropped for want of socket buffer, since the run began; 0 where there is no kernel.
    pub kernel_drops: u64,
}

/// One node's counters.
#[derive(Clone, Debug, Default)]
pub struct NodeCensus {
    /// What it sent.
    pub ledger: Ledger,
    /// Connections that stand.
    pub links_up: usize,
    /// Connections that it wants and does not have yet.
    pub links_pending: usize,
    /// Members it takes for alive, itself included.
    pub alive: usize,
    /// Whether it crashed.
    pub crashed: bool,
}

/// What one live node believes of the members and writers asked for, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Who was asked.
    pub node: NodeId,
    /// Its view of each member.
    pub statuses: Vec<Status>,
    /// Its version of each writer's writes.
    pub versions: Vec<u64>,
}

/// Why a cluster cannot be made or go on.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The operating system refused something: which, and what it said.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Something that carried nodes ended before its time.
    #[error("{0} ended unexpectedly")]
    Lost(String),
}
