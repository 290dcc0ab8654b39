use std::fmt;

use rumormill_protocol::{Purpose, generator, mix, stream};
use serde::{Deserialize, Serialize};

use crate::{Course, clocks, population::Population};

/// The most nodes of an epidemic.
pub const NODES_MAX: u32 = 10_000_000;

/// A rumor that one random node knows, and the rules by which the others learn it.
///
/// Each node can call every other and nothing is lost. A node calls `fanout` distinct nodes, never itself, whenever
/// its clock ticks. Of each call comes at most one copy of the rumor:
///
/// * in `push` from the caller, if it spreads the rumor;
/// * in `pull` from the called one, if it spreads the rumor; whether the caller knows it already does not matter,
///   for a caller does not say what it has;
/// * in `push-pull` from the caller, if it spreads the rumor, otherwise from the called one, if that does.
///
/// A node spreads what it knows from when it learnt it until it stops, see [`Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epidemic {
    /// How many nodes there are, from 2 to [`NODES_MAX`].
    pub nodes: u32,
    /// Which way the rumor goes.
    pub spread: Spread,
    /// How many others a node calls at a tick, from 1 to all of them.
    pub fanout: u32,
    /// When nodes call.
    pub clock: Clock,
    /// When nodes that know the rumor stop spreading it.
    pub stop: Stop,
    /// How patient a node is before it stops, at least 1; without meaning where none stops.
    pub k: u32,
}

/// Which way a rumor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// From the caller to the called.
    Push,
    /// From the called to the caller.
    Pull,
    /// Either way.
    PushPull,
}

/// When nodes call. All times are in rounds, that is in periods of one node's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// All at once: what a node learns in a round it passes on from the next.
    Rounds,
    /// Each at the events of its own Poisson process, on average once a period.
    Poisson,
    /// Each once a period, all at random phases: as timers do.
    Periodic,
}

/// When a node stops spreading what it knows: the variants of rumor mongering (Demers et al. 1987, section 1.4).
///
/// A node looks back at the end of each of its cycles: a round, or with clocks of their own the time between two
/// of its ticks. A cycle was of use if one of the copies that it sent then went to a node that did not know the rumor
/// when the cycle began (with clocks of their own: when it was sent), and in vain if it sent only others. One
/// without copies is neither, and only those that are blind count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Never; the epidemic ends when all know.
    Never,
    /// After `k` cycles in vain; one that was of use sets the count back to 0.
    FeedbackCounter,
    /// With probability 1/`k` after each cycle in vain.
    FeedbackCoin,
    /// After `k` cycles.
    BlindCounter,
    /// With probability 1/`k` after each cycle.
    BlindCoin,
}

impl Epidemic {
    /// One repetition of it, the same for the same seed of the run and number. Repetitions of one run are
    /// independent of each other.
    ///
    /// # Panics
    /// When a field is outside its bounds.
    pub fn repetition(&self, run_seed: u64, number: u64) -> Course {
        assert!((2..=NODES_MAX).contains(&self.nodes), "an epidemic has 2 to {NODES_MAX} nodes");
        assert!((1..self.nodes).contains(&self.fanout), "a node calls at least one other, and at most all");
        assert!(self.k >= 1, "a node is patient for at least one cycle");
        let seed = mix(stream(run_seed, Purpose::Protocol, None) ^ number);
        let mut random = generator(seed);
        let mut population = Population::new(self, &mut random);
        clocks::run(self.clock, &mut population, &mut random);
        population.into_course()
    }
}

impl Stop {
    /// Whether nodes stop because of what became of the copies that they sent.
    pub const fn is_feedback(self) -> bool {
        matches!(self, Self::FeedbackCounter | Self::FeedbackCoin)
    }

    /// Whether nodes stop by counting, not by chance.
    pub const fn is_counter(self) -> bool {
        matches!(self, Self::FeedbackCounter | Self::BlindCounter)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::PushPull => "push-pull",
        })
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rounds => "rounds",
            Self::Poisson => "poisson",
            Self::Periodic => "periodic",
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "never",
            Self::FeedbackCounter => "feedback-counter",
            Self::FeedbackCoin => "feedback-coin",
            Self::BlindCounter => "blind-counter",
            Self::BlindCoin => "blind-coin",
        })
    }
}
