use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Victims, duration};

/// One experiment, fully resolved: every value is within its bounds and agrees with the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The source of all chance. TOML's integers end at 2⁶³ − 1, and so does this.
    pub seed: u64,
    /// The nodes and what they hold.
    pub cluster: ClusterSettings,
    /// How each node behaves.
    pub node: NodeSettings,
    /// What is asked of the cluster.
    pub workload: WorkloadSettings,
    /// How long each part lasts.
    pub phases: Phases,
    /// What breaks.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// The scenario as a file that gives the same scenario when it is read back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a scenario consists of tables, texts and numbers within TOML's ranges")
    }
}

/// `[cluster]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// How many nodes there are.
    pub nodes: usize,
    /// How they become a cluster.
    pub boot: Boot,
    /// How many of them the others join through; without meaning at a warm boot.
    pub seeds: usize,
    /// Keys that each node owns when the measurement begins.
    pub keys_per_node: usize,
    /// Bytes of each of their values; random, hence incompressible.
    pub value_bytes: usize,
}

/// How nodes become a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    /// All members and the whole state are known to all from the start.
    Warm,
    /// Nodes join through seeds.
    Join,
}

/// `[node]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSettings {
    /// Whose published values the other settings of this table start from.
    pub preset: NodePreset,
    /// How state is carried.
    pub state: StateMode,
    /// Between two probes of one node.
    #[serde(with = "duration")]
    pub protocol_period: Duration,
    /// How long a probe waits for its answer before others are asked to probe.
    #[serde(with = "duration")]
    pub probe_timeout: Duration,
    /// How many others are asked.
    pub indirect_probes: usize,
    /// How long a suspicion lasts, in protocol periods for each factor of the cluster's logarithmic size.
    pub suspicion_mult: f64,
    /// Between two flushes of news.
    #[serde(with = "duration")]
    pub gossip_interval: Duration,
    /// How many partners news is sent to at a flush.
    pub fanout: usize,
    /// How many partners a node has; even, for each ring gives it two.
    pub partners: usize,
    /// How long until one partner is exchanged for another.
    #[serde(with = "duration")]
    pub rotate_every: Duration,
    /// Between two pushes of the whole state to one random partner, where state is carried in full.
    #[serde(with = "duration")]
    pub full_interval: Duration,
    /// What becomes of large messages before they are sent.
    pub compression: Compression,
    /// How often a membership update is passed on, for each factor of the cluster's logarithmic size.
    pub retransmit_mult: usize,
}

/// A set of published node settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodePreset {
    /// For nodes of one local network.
    Lan,
}

/// How the replicated state travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateMode {
    /// To each partner what it has not acknowledged yet.
    Delta,
    /// All of it, to one random partner at a time.
    Full,
}

/// What becomes of large messages before they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// They are compressed with zstd.
    Zstd,
    /// They are sent as they are.
    None,
}

/// `[workload]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSettings {
    /// Writes a second, in the whole cluster, each at a random node.
    pub writes_per_second: f64,
    /// Bytes of each written value.
    pub write_bytes: usize,
}

/// `[phases]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// From the end of the boot until measuring begins.
    #[serde(with = "duration")]
    pub warm_up: Duration,
    /// What bandwidth is measured over.
    #[serde(with = "duration")]
    pub measure: Duration,
    /// The most that is waited for writes to converge and failures to be noticed by all.
    #[serde(with = "duration")]
    pub cool_down: Duration,
}

/// One `[[fault]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// When, from the beginning of the measured phase.
    #[serde(with = "duration")]
    pub at: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To whom.
    pub nodes: Victims,
}

/// What can happen to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It falls silent at once and for good.
    Crash,
}
