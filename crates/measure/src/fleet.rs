use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The processes that carried a cluster's nodes, its agents, and how well their clocks agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// In the order of their nodes.
    pub agents: Vec<Agent>,
    /// The most by which a time between two agents may be wrong, because their clocks do not agree.
    pub time_uncertainty_us: u64,
    /// Pairs of a counted write and a node that had it before it was intended, by the clocks: their latency counts as 0.
    #[serde(default)]
    pub negative_latencies: u64,
    /// How much later than agreed what the scenario asks for was done to the nodes, at most.
    pub actions_late_us_max: u64,
}

/// One process that carried nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// What its host is called.
    pub host: String,
    /// Where it dialled in from.
    pub address: String,
    /// The number of its first node.
    pub first_node: u64,
    /// How many nodes it carried.
    pub nodes: u64,
    /// Whether it was lost before the end; its nodes count as lost.
    pub lost: bool,
    /// Bytes that its nodes sent in the measured phase.
    #[serde(default)]
    pub wire_bytes: u64,
    /// Of these, and of second copies, what the modelled network let through to the kernel.
    #[serde(default)]
    pub handed_over_wire_bytes: u64,
    /// What the interfaces that its nodes use, that of their network and the loopback, counted as sent in the measured phase,
    /// less the link's headers and what the agent itself sent to the coordinator; nothing where it cannot be read.
    #[serde(default)]
    pub interface_wire_bytes: Option<u64>,
    /// Who else may have used those interfaces: other agents of the same host aside.
    #[serde(default)]
    pub interface_shared_with: Option<String>,
    /// How far its clock is ahead of the coordinator's: before the boot, in the measured phase and at the end.
    pub clock: Vec<ClockOffset>,
    /// Bytes that it sent to the coordinator from its start to its end, headers included.
    pub control_wire_bytes: u64,
}

/// How far a clock is ahead of the coordinator's, as ping-pong told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockOffset {
    /// When, on the coordinator's clock, since the run began; negative before it.
    pub at_us: i64,
    /// By how much it is ahead.
    pub offset_us: i64,
    /// The most by which that may be wrong.
    pub uncertainty_us: u64,
    /// The shortest round trip seen.
    pub round_trip_us: u64,
}
