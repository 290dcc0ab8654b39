use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{NodeId, id::mix};

/// The generator of every deterministic draw.
pub type Random = Xoshiro256PlusPlus;

/// What a stream of chance is for. Two variants of a run share the streams of the workload and the faults, so
/// that both see the same ones, whatever their protocols draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The protocol's own choices.
    Protocol = 1,
    /// Loss, jitter and connection ids.
    Network = 2,
    /// Writes: when, where and what.
    Workload = 3,
    /// Whom faults hit.
    Faults = 4,
    /// Proposals: when, where and what.
    Proposals = 5,
    /// Who joins and who leaves, and when.
    Turnover = 6,
}

/// The seed of one node's stream for one purpose, derived from the run's seed. Streams that belong to no node
/// pass `None`.
pub fn stream(run_seed: u64, purpose: Purpose, node: Option<NodeId>) -> u64 {
    let node = node.map_or(u64::MAX, |id| u64::from(id.0));
    mix(mix(mix(run_seed) ^ purpose as u64) ^ node)
}

/// A generator from a seed of [`stream`].
pub fn generator(seed: u64) -> Random {
    Random::seed_from_u64(seed)
}
