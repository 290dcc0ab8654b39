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
    /// How many times as long a suspicion lasts that nobody confirms, where Lifeguard waits for that.
    pub suspicion_max_mult: f64,
    /// Which parts of Lifeguard are in use.
    pub lifeguard: LifeguardMode,
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
    /// Between two pushes of the whole state to one random partner, where state is carried in full, or between two
    /// exchanges with one, where it is carried by digests.
    #[serde(with = "duration")]
    pub full_interval: Duration,
    /// How two nodes that meet find out what each lacks, where state is carried by deltas.
    pub digest: DigestMode,
    /// What becomes of large messages before they are sent.
    pub compression: Compression,
    /// How failures are detected.
    pub detector: DetectorMode,
    /// Of the heartbeat detector: what a silence is measured by.
    pub phi: PhiFormula,
    /// Above this φ a member is suspected.
    pub phi_suspect: f64,
    /// Above this φ a member is dead.
    pub phi_threshold: f64,
    /// Where φ is off: how long a member may be silent before it is suspected; after twice as long it is dead.
    #[serde(with = "duration")]
    pub fail_after: Duration,
    /// How often a membership update is passed on, for each factor of the cluster's logarithmic size.
    pub retransmit_mult: usize,
    /// Whether nodes elect a leader.
    pub election: ElectionMode,
    /// How long each vote for it lasts.
    #[serde(with = "duration")]
    pub election_lease: Duration,
}

/// Whether nodes elect a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElectionMode {
    /// They do not.
    Off,
    /// By the votes of a majority of all members, which last for a time.
    Majority,
}

/// A set of published node settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodePreset {
    /// memberlist's, for nodes of one local network.
    Lan,
    /// For nodes far from each other.
    Wan,
    /// memberlist's `DefaultLANConfig`.
    MemberlistLan,
    /// memberlist's `DefaultWANConfig`.
    MemberlistWan,
    /// Cassandra's heartbeats.
    Cassandra,
    /// chitchat's heartbeats.
    Chitchat,
}

/// Which parts of Lifeguard (arXiv 1707.00788) are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeguardMode {
    /// All.
    All,
    /// None: plain SWIM.
    Off,
    /// The time that probes take follows the node's own health.
    Probe,
    /// The time that suspicions last follows their confirmations.
    Suspicion,
    /// Who is suspected is told so when it is probed.
    Buddy,
}

/// How failures are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorMode {
    /// By probes, and suspicions that are told to all (SWIM).
    Swim,
    /// By counters that are gossiped, each node for itself.
    Heartbeat,
}

/// How suspicious a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhiFormula {
    /// Silence over mean interval, over ln 10.
    Cassandra,
    /// Silence over mean interval.
    Chitchat,
    /// By a fixed time.
    Off,
}

/// How the replicated state travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateMode {
    /// To each partner what it has not acknowledged yet.
    Delta,
    /// All of it, to one random partner at a time.
    Full,
    /// To one random partner at a time all versions, then both ways what differs.
    Digest,
}

/// How two nodes that meet find out what each lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestMode {
    /// By one version per writer, never compressed.
    Full,
    /// By one version per writer, compressed as other messages are.
    Zstd,
    /// By as many symbols of a sketch as tell what differs.
    Sketch,
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

impl NodeSettings {
    /// Whether all writes take the same way, a tree that forms over the partners' connections.
    pub fn writes_share_a_tree(&self) -> bool {
        let by_tree = match self.dissemination {
            Dissemination::Auto => self.peers == PeersMode::Sticky,
            way => way == Dissemination::Tree,
        };
        by_tree && self.state == StateMode::Delta
    }
}

/// How writes find their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dissemination {
    /// What takes least: [`Tree`](Self::Tree) where partners keep, else [`Push`](Self::Push).
    Auto,
    /// Who has it sends it.
    Push,
    /// Who lacks it asks for it.
    Pull,
    /// Both.
    PushPull,
    /// Who has it sends it at once to those who are next on a tree, and announces it to its other partners.
    Tree,
}
