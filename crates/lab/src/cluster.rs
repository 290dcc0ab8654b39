use std::{num::NonZeroU32, sync::Arc, time::Duration};

use rumormill_measure::{Fleet, Histogram, Ledger, LoadReport};
use rumormill_protocol::{Command, Contact, Event, NodeId, NodeSet, Status, Time};
use serde::{Deserialize, Serialize};
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

    /// With what it runs.
    fn equipment(&self) -> Equipment;

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

    /// How long before its time an action is to be given for it to be in time; zero where actions take effect as they
    /// are given.
    fn lead(&self) -> Duration {
        Duration::ZERO
    }

    /// Does something to a node at a time that may be up to the [`lead`](Self::lead) ahead. Actions on one node take
    /// effect in the order of their times, and those of one time in the order given.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn act_at(&mut self, at: Time, node: NodeId, action: Action) -> Result<(), ClusterError> {
        debug_assert!(at <= self.now() || !self.lead().is_zero(), "only a cluster with a lead can wait");
        self.act(node, action)
    }

    /// From now on until [`load`](Self::load) it counts what the cluster costs its machines.
    fn begin_load(&mut self) {}

    /// What the cluster has cost its machines since [`begin_load`](Self::begin_load), where this process alone took
    /// `own`.
    fn load(&mut self, own: LoadReport) -> LoadReport {
        own
    }

    /// Hands over what happened since the last call, in the order of each node's own events.
    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped));

    /// Reads every node's counters.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn census(&mut self) -> Result<Census, ClusterError>;

    /// What of a census tells how a run stands: its sum, and how each node stands.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn look(&mut self) -> Result<Look, ClusterError> {
        self.census().map(Look::from)
    }

    /// Asks every live node how it sees these members, and up to which version it has these writers' writes.
    ///
    /// # Errors
    /// When the cluster can no longer go on.
    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError>;

    /// The processes that carry its nodes, and how well their clocks agree; nothing where it is this process alone.
    /// Bytes and negative times are not filled in.
    fn fleet(&mut self) -> Option<Fleet> {
        None
    }

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
    /// Begin the next life of a crashed node: the same id, address and certificate, nothing remembered, silent until
    /// it is told to join. One that still runs crashes first.
    Restart,
    /// Stand still: read nothing, send nothing, do nothing that is due, until [`Action::Resume`]. What arrives, and
    /// what is asked, waits as long as there is room. Time goes on.
    Pause,
    /// Go on after [`Action::Pause`].
    Resume,
    /// Neither send nor receive until [`Action::Unblock`], but go on otherwise: what is sent and what arrives waits in
    /// order as long as there is room. The node knows that its writes wait.
    Block {
        /// How long a node in virtual time takes, once released, to read each packet that waited.
        reading: Duration,
    },
    /// What waited since [`Action::Block`] goes through.
    Unblock,
    /// From now on its clock runs at this pace.
    Pace(Pace),
    /// From now on packets that this node sends meet this, on top of the network's own conditions and other faults.
    Impair {
        /// The fault's number, by which it ends.
        fault: u32,
        /// What they meet.
        impairment: Impairment,
    },
    /// The end of [`Action::Impair`] by this fault.
    Repair {
        /// The fault's number.
        fault: u32,
    },
}

/// How fast a clock runs: exact, in millionths of the right pace, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace(NonZeroU32);

impl Pace {
    /// As this is to one; a pace that cannot be is the nearest that can.
    pub fn of(share: f64) -> Self {
        Self(NonZeroU32::new((share * 1e6).round() as u32).unwrap_or(NonZeroU32::MIN))
    }

    /// In millionths of the right pace.
    pub const fn millionths(self) -> NonZeroU32 {
        self.0
    }
}

/// What a fault of the network does to packets that one node sends.
#[derive(Clone, Debug)]
pub struct Impairment {
    /// Only to packets for these nodes; to all where there is no set.
    pub toward: Option<Arc<NodeSet>>,
    /// The probability that a packet is lost, from 0 to 1.
    pub loss: f64,
    /// How much later than otherwise it arrives.
    pub delay: Duration,
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
    /// The kernel's own count of what passed the interface that carries all packets; nothing where there is none.
    pub interface: Option<Interface>,
    /// By agent, the kernel's count of what passed the interface that its nodes use, what other agents' nodes sent over
    /// it included; empty where there are no agents.
    pub interfaces: Vec<Option<Interface>>,
    /// A digest of all that happened since the run began; nothing where a run cannot be repeated exactly.
    pub event_hash: Option<String>,
    /// A digest of all packets by time, sender, receiver and size; nothing where a run cannot be repeated exactly, or
    /// packets are not simulated one by one.
    pub packet_hash: Option<String>,
}

/// How a cluster stands at one moment.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What all nodes sent since the run began.
    pub sent: Ledger,
    /// By node number.
    pub nodes: Vec<NodeLook>,
    /// How late nodes were woken for their own timeouts, all nodes together, since the run began.
    pub lag: Histogram,
    /// Packets that the kernel dropped for want of socket buffer, since the run began.
    pub kernel_drops: u64,
}

/// How one node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLook {
    /// Connections that stand.
    pub links_up: usize,
    /// Connections that it wants and does not have yet.
    pub links_pending: usize,
    /// Members it takes for alive, itself included.
    pub alive: usize,
    /// Whether it crashed, and did not start again.
    pub crashed: bool,
}

impl From<Census> for Look {
    fn from(census: Census) -> Self {
        let mut sent = Ledger::default();
        census.nodes.iter().for_each(|node| sent.add(&node.ledger));
        let nodes = census.nodes.iter().map(NodeCensus::look).collect();
        Self { sent, nodes, lag: census.lag, kernel_drops: census.kernel_drops }
    }
}

impl NodeCensus {
    const fn look(&self) -> NodeLook {
        let Self { links_up, links_pending, alive, crashed, .. } = *self;
        NodeLook { links_up, links_pending, alive, crashed }
    }
}

/// What a network interface counted since it came up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Bytes sent, IP and UDP headers included.
    pub wire_bytes: u64,
    /// Packets sent.
    pub packets: u64,
    /// Who else may have used it since the run began, in words that complete "... may have used it too"; nothing when
    /// nobody did.
    pub others: Option<String>,
}

/// With what a cluster runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Equipment {
    /// Whether its time is the machine's, so that a busy machine makes its nodes late.
    pub real_time: bool,
    /// The receive buffer that the system granted each socket, in bytes.
    pub socket_receive_buffer_bytes: Option<u64>,
    /// The send buffer that the system granted each socket, in bytes.
    pub socket_send_buffer_bytes: Option<u64>,
    /// The crypto provider under QUIC.
    pub crypto_provider: Option<String>,
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
    /// Messages dropped unsent since the run began: too many waited for a connection, or it could not be made.
    pub messages_dropped: u64,
    /// Whether it crashed, and did not start again.
    pub crashed: bool,
}

/// What one live node believes of the members and writers asked for, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Who was asked.
    pub node: NodeId,
    /// Its view of each member.
    pub statuses: Vec<Status>,
    /// Which life of each member it knows of.
    pub lives: Vec<u32>,
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
    /// The processes that were to carry nodes did not come together or apart, in a sentence.
    #[error("{0}")]
    Fleet(String),
    /// Somebody asked the run to end before it began.
    #[error("interrupted before the cluster was there")]
    Interrupted,
}
