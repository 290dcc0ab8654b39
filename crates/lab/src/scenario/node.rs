use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

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
    /// Whom it probes and tells.
    pub peers: PeersMode,
    /// Who carries news: the one who has it or the one who lacks it.
    pub dissemination: Dissemination,
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

/// Whom a node probes and tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeersMode {
    /// A few partners, kept for long.
    Sticky,
    /// Any member, drawn anew each time.
    Uniform,
}

/// How news finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dissemination {
    /// Who has it sends it.
    Push,
    /// Who lacks it asks for it.
    Pull,
    /// Both.
    PushPull,
}
