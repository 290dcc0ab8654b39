use std::{collections::BTreeSet, time::Duration};

use rand::seq::SliceRandom;
use rumormill_protocol::{NodeId, Purpose, generator, stream};

use super::{FaultKind, Scenario, Victims};

/// A fault with its nodes drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// When, from the beginning of the measured phase.
    pub at: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To these nodes, in the order of their numbers.
    pub nodes: Vec<NodeId>,
}

impl Scenario {
    /// All faults in the order of their time. Nodes are drawn from the scenario's seed alone, so that every
    /// variant sees the same ones; none is hit twice, and none is drawn that another fault names.
    pub fn strikes(&self) -> Vec<Strike> {
        let nodes = self.cluster.nodes;
        let mut free: BTreeSet<NodeId> = (0..nodes as u32).map(NodeId).collect();
        for fault in &self.faults {
            if let Victims::Nodes(list) = &fault.nodes {
                free.retain(|id| !list.contains(id));
            }
        }
        let mut random = generator(stream(self.seed, Purpose::Faults, None));
        let mut strikes = Vec::with_capacity(self.faults.len());
        for fault in &self.faults {
            let mut hit = match &fault.nodes {
                Victims::Nodes(list) => list.clone(),
                drawn => {
                    let mut pool: Vec<NodeId> = free.iter().copied().collect();
                    pool.partial_shuffle(&mut random, drawn.count(nodes)).0.to_vec()
                }
            };
            hit.sort_unstable();
            free.retain(|id| hit.binary_search(id).is_err());
            strikes.push(Strike { at: fault.at, kind: fault.kind, nodes: hit });
        }
        strikes.sort_by_key(|strike| strike.at);
        strikes
    }
}

#[cfg(test)]
mod tests {
    use crate::Draft;

    #[test]
    fn nobody_is_hit_twice_and_a_named_node_is_never_drawn() {
        let faults = r#"fault = [
            {at = "9s", kind = "crash", nodes = "50%"},
            {at = "1s", kind = "crash", nodes = [3, 1]},
            {at = "5s", kind = "crash", nodes = 7},
        ]"#;
        for seed in 0..50 {
            let mut draft = Draft::default();
            draft.overlay(faults).expect("valid faults");
            draft.set("cluster.nodes=20").expect("a valid size");
            draft.set(&format!("seed={seed}")).expect("a valid seed");
            let scenario = draft.finish().expect("19 of 20 may crash");
            let strikes = scenario.strikes();
            assert_eq!(strikes, scenario.strikes());
            let sizes: Vec<(u64, usize)> = strikes.iter().map(|s| (s.at.as_secs(), s.nodes.len())).collect();
            assert_eq!(sizes, [(1, 2), (5, 7), (9, 10)]);
            let mut all: Vec<u32> = strikes.iter().flat_map(|strike| &strike.nodes).map(|id| id.0).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 19);
        }
    }

    #[test]
    fn another_seed_hits_others() {
        let first = |seed: u32| {
            let mut draft = Draft::preset("crash").expect("a preset");
            draft.set(&format!("seed={seed}")).expect("a valid seed");
            draft.finish().expect("a valid scenario").strikes()[0].nodes.clone()
        };
        let distinct: std::collections::BTreeSet<_> = (0..20).map(first).collect();
        assert!(distinct.len() > 5, "20 seeds drew only {distinct:?}");
    }
}
