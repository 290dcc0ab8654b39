use std::{sync::Arc, time::Duration};

use crate::{commons::Commons, lifeguard::Lifeguard, phi::Phi};

/// A node's settings, the same for all nodes of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// How often a node probes one partner (SWIM's T').
    pub protocol_period: Duration,
    /// How long it waits for the answer before it asks others to probe; below `protocol_period`.
    pub probe_timeout: Duration,
    /// How many others it asks (SWIM's k).
    pub indirect_probes: usize,
    /// A suspicion lasts `suspicion_mult` · max(1, log10 n) · `protocol_period` before the member counts as dead.
    pub suspicion_mult: f64,
    /// Which parts of Lifeguard are in use.
    pub lifeguard: Lifeguard,
    /// A suspicion that nobody confirms lasts so many times as long (Lifeguard's β, memberlist's maximum multiplier).
    pub suspicion_max_mult: f64,
    /// News is sent at most `retransmit_mult` · ⌈log10(n + 1)⌉ times by one node (SWIM's λ log n).
    pub retransmit_mult: usize,
    /// How often news and deltas are flushed, while there are any.
    pub gossip_interval: Duration,
    /// How many partners one flush goes to.
    pub fanout: usize,
    /// Partners a node holds connections with: twice the number of rings, so even.
    pub partners: usize,
    /// Each node dials one fresh partner in this time, on average.
    pub rotate_every: Duration,
    /// Whom it talks to.
    pub peers: Peers,
    /// Who begins when there is news.
    pub dissemination: Dissemination,
    /// How state is carried.
    pub state: StateTransfer,
    /// How two nodes that meet find out which writes each lacks, where no cursor says it.
    pub digest: DigestForm,
    /// Whether messages are compressed.
    pub compression: Compression,
    /// Who finds out about failures, and how.
    pub detector: Detector,
    /// Whether there is a leader.
    pub election: ElectionMode,
    /// What nodes of one process share, to save memory and time; nothing else depends on it. `None`: each node holds
    /// everything by itself, as a real one does.
    pub commons: Option<Arc<Commons>>,
}

impl Default for Config {
    /// memberlist's published LAN values for probing, suspicion and gossip, on a sticky overlay of 8 partners.
    fn default() -> Self {
        Self {
            protocol_period: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            indirect_probes: 3,
            suspicion_mult: 4.0,
            lifeguard: Lifeguard::ALL,
            suspicion_max_mult: 6.0,
            retransmit_mult: 4,
            gossip_interval: Duration::from_millis(200),
            fanout: 3,
            partners: 8,
            rotate_every: Duration::from_secs(180),
            peers: Peers::Sticky,
            dissemination: Dissemination::Push,
            state: StateTransfer::Delta,
            digest: DigestForm::Zstd,
            compression: Compression::Zstd { level: 1 },
            detector: Detector::Swim,
            election: ElectionMode::Off,
            commons: None,
        }
    }
}

impl Config {
    /// How long a suspicion lasts among `members` before it becomes a death; the least of it where others may confirm it.
    pub fn suspicion_timeout(&self, members: usize) -> Duration {
        let scale = (members.max(1) as f64).log10().max(1.0);
        self.protocol_period.mul_f64(self.suspicion_mult * scale)
    }

    /// How often one node sends one piece of news among `members`.
    pub fn retransmissions(&self, members: usize) -> usize {
        // The number of decimal digits of n is ⌈log10(n + 1)⌉.
        self.retransmit_mult * (members.max(1).ilog10() as usize + 1)
    }
}

/// Whom a node probes and gossips with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// Its partners of an overlay that everyone can compute, over connections that stand.
    Sticky,
    /// Any member: each is probed in turn and gossip goes to some at random, over connections that are made when
    /// needed and kept as long as there is room.
    Uniform,
}

/// Who begins when there is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dissemination {
    /// Who has news tells `fanout` peers at each gossip interval.
    Push,
    /// Everyone asks `fanout` peers for news at each gossip interval, news or not, and is told which writes there are.
    Pull,
    /// Both; with uniform peers in one call.
    PushPull,
    /// Who has news sends it at once to those of its partners who are next on a tree, and tells the others that it has it.
    Tree,
}

impl Dissemination {
    /// Whether who has news tells it unasked.
    pub const fn pushes(self) -> bool {
        !matches!(self, Self::Pull)
    }

    /// Whether writes are announced, and sent to who asks.
    pub const fn announces(self) -> bool {
        !matches!(self, Self::Push)
    }

    /// Whether nodes ask for news.
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Pull | Self::PushPull)
    }
}

/// How failures are detected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detector {
    /// By probes; suspicions are told to all and can be refuted (SWIM).
    Swim,
    /// By counters that every node counts up in each protocol period and tells `fanout` peers with those of all others;
    /// each node judges by itself how long a counter may stand still.
    Heartbeat(Silence),
}

/// How long a heartbeat counter may stand still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Silence {
    /// For a fixed time (van Renesse et al. 1998).
    Fixed {
        /// Longer, and the member is suspected (T_fail); more than twice as long, and it is dead (T_cleanup = 2 · T_fail).
        fail_after: Duration,
    },
    /// By the intervals at which it went up before.
    Phi {
        /// What φ is.
        formula: Phi,
        /// Above this φ a member is suspected.
        suspect: f64,
        /// Above this φ it is dead.
        dead: f64,
    },
}

/// How state is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateTransfer {
    /// To each partner what it lacks, by its cursor in this node's log of applied writes.
    Delta,
    /// To one random partner its versions, again and again; then both send what the other lacks.
    Digest {
        /// How often.
        every: Duration,
    },
    /// Everything to one random partner, again and again.
    Full {
        /// How often.
        every: Duration,
    },
}

/// How two nodes that meet find out which writes each lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestForm {
    /// One version per writer, never compressed.
    Full,
    /// The same, compressed as other messages are.
    Zstd,
    /// Symbols of an algebraic sketch, as many as are needed to tell what differs: it grows with the difference.
    Sketch,
}

/// Whether messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Never.
    None,
    /// With zstd, where a message is long enough and gets shorter by it.
    Zstd {
        /// zstd's level, 1 to 22.
        level: i32,
    },
}

/// Whether nodes elect a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionMode {
    /// There is none, and nothing is said of one.
    Off,
    /// A leader has the votes of a majority of all members, the dead among them, each for `lease` at a time.
    Majority {
        /// How long a vote lasts. A leader asks for them anew at a quarter of it; without a leader nodes stand from an
        /// eighth of it on.
        lease: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_follow_memberlists_formulas() {
        let config = Config::default();
        assert_eq!(config.suspicion_timeout(3), Duration::from_secs(4));
        assert_eq!(config.suspicion_timeout(100), Duration::from_secs(8));
        assert_eq!(config.suspicion_timeout(10_000), Duration::from_secs(16));
        assert_eq!(config.retransmissions(9), 4);
        assert_eq!(config.retransmissions(99), 8);
        assert_eq!(config.retransmissions(100), 12);
    }
}
