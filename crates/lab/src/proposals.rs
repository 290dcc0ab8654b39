use std::time::Duration;

use rand::{RngExt, seq::SliceRandom};
use rumormill_protocol::{NodeId, Purpose, Random, Time, Value, generator, stream};

use crate::{Scenario, agenda::value};

/// Bytes of a proposed value: as a hash of a configuration has.
const VALUE_BYTES: usize = 32;

/// What is proposed in a scenario, and when: a Poisson process through the measured phase. At each of its times a new slot
/// is to be settled, for which some nodes, drawn at random, each propose a value of their own at once.
pub(crate) struct Proposals {
    random: Random,
    per_second: f64,
    proposers: usize,
    nodes: usize,
    slot: u64,
    end: Time,
    next_at: Option<Time>,
}

impl Proposals {
    pub(crate) fn new(scenario: &Scenario, measured: Time) -> Self {
        let mut proposals = Self {
            random: generator(stream(scenario.seed, Purpose::Proposals, None)),
            per_second: scenario.workload.proposals_per_second,
            proposers: scenario.workload.proposers,
            nodes: scenario.cluster.nodes,
            slot: 0,
            end: measured + scenario.phases.measure,
            next_at: None,
        };
        proposals.next_at = proposals.after(measured);
        proposals
    }

    pub(crate) const fn next_at(&self) -> Option<Time> {
        self.next_at
    }

    /// What is to be proposed at this time, by those of the drawn that are up then.
    pub(crate) fn pop(&mut self, at: Time, is_up: impl Fn(NodeId) -> bool) -> (u64, Vec<(NodeId, Value)>) {
        self.next_at = self.after(at);
        self.slot += 1;
        let mut nodes: Vec<NodeId> = (0..self.nodes as u32).map(NodeId).collect();
        let drawn = nodes.partial_shuffle(&mut self.random, self.proposers).0.to_vec();
        let values: Vec<(NodeId, Value)> =
            drawn.into_iter().map(|node| (node, value(&mut self.random, VALUE_BYTES))).collect();
        (self.slot, values.into_iter().filter(|(node, _)| is_up(*node)).collect())
    }

    /// Intervals are exponential.
    fn after(&mut self, at: Time) -> Option<Time> {
        if self.per_second <= 0.0 {
            return None;
        }
        let seconds = -(1.0 - self.random.random::<f64>()).ln() / self.per_second;
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Some(at + interval).filter(|&next| next < self.end)
    }
}
