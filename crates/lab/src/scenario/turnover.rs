use std::time::Duration;

use rand::RngExt;
use rumormill_protocol::{NodeId, Purpose, Random, generator, stream};

use super::{FaultKind, Scenario, Strike};

/// A node comes or goes, as the workload has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// When, from the beginning of the measured phase.
    pub at: Duration,
    /// Which way.
    pub way: Way,
    /// Who.
    pub node: NodeId,
}

/// Which way a node passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was not there and joins.
    In,
    /// It says goodbye and is gone for good.
    Out,
}

/// Nobody is left to leave at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deserted {
    pub(super) at: Duration,
}

impl Scenario {
    /// Who joins and who leaves by the workload's rates, in the order of time: two Poisson processes through the measured
    /// phase, drawn from the scenario's seed alone.
    ///
    /// Who joins is new, and has the numbers after all others. Who leaves is drawn among those that are there then,
    /// newcomers included, but for nodes that some fault hits and those that others join through.
    pub fn passages(&self) -> Vec<Passage> {
        self.pass(&self.strikes()).expect("a scenario that asks for too many is refused")
    }

    /// How many nodes there ever are: those at the boot, and all that join later.
    pub fn nodes_ever(&self) -> usize {
        let stormed = storms(&self.strikes()).map(|storm| storm.nodes.len()).sum::<usize>();
        self.cluster.nodes + stormed + self.joins(&mut self.chance()).len()
    }

    /// As [`Scenario::passages`].
    pub(super) fn pass(&self, strikes: &[Strike]) -> Result<Vec<Passage>, Deserted> {
        let mut random = self.chance();
        let joins = self.joins(&mut random);
        let leaves = self.times(self.workload.leaves_per_second, &mut random);
        let mut staying = self.unharmed(strikes);
        let stormed: Vec<(Duration, NodeId)> =
            storms(strikes).flat_map(|storm| storm.nodes.iter().map(|&node| (storm.at, node))).collect();
        let first = self.cluster.nodes + stormed.len();
        let mut coming = stormed;
        coming.extend(joins.iter().zip(first..).map(|(&at, number)| (at, NodeId(number as u32))));
        coming.sort();
        let mut passages: Vec<Passage> = joins
            .into_iter()
            .zip(first..)
            .map(|(at, number)| Passage { at, way: Way::In, node: NodeId(number as u32) })
            .collect();
        let mut coming = coming.into_iter().peekable();
        for at in leaves {
            while let Some((_, node)) = coming.next_if(|(came, _)| *came <= at) {
                staying.push(node);
            }
            if staying.is_empty() {
                return Err(Deserted { at });
            }
            let node = staying.swap_remove(random.random_range(0..staying.len()));
            passages.push(Passage { at, way: Way::Out, node });
        }
        passages.sort_by_key(|passage| passage.at);
        Ok(passages)
    }

    /// Nodes of the boot that no fault hits and nobody joins through.
    fn unharmed(&self, strikes: &[Strike]) -> Vec<NodeId> {
        let mut spared = self.rejoin_seeds();
        spared.extend(strikes.iter().flat_map(|strike| &strike.nodes));
        spared.sort_unstable();
        let ids = (0..self.cluster.nodes as u32).map(NodeId);
        ids.filter(|id| spared.binary_search(id).is_err()).collect()
    }

    fn chance(&self) -> Random {
        generator(stream(self.seed, Purpose::Turnover, None))
    }

    fn joins(&self, random: &mut Random) -> Vec<Duration> {
        self.times(self.workload.joins_per_second, random)
    }

    /// The times of a Poisson process through the measured phase.
    fn times(&self, per_second: f64, random: &mut Random) -> Vec<Duration> {
        if per_second <= 0.0 {
            return Vec::new();
        }
        let mut times = Vec::new();
        let mut at = 0.0;
        loop {
            at += -(1.0 - random.random::<f64>()).ln() / per_second;
            if at >= self.phases.measure.as_secs_f64() {
                return times;
            }
            times.push(Duration::from_secs_f64(at));
        }
    }
}

fn storms(strikes: &[Strike]) -> impl Iterator<Item = &Strike> {
    strikes.iter().filter(|strike| strike.kind == FaultKind::JoinStorm)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Draft;

    fn scenario(seed: u32, settings: &[&str]) -> Scenario {
        let mut draft = Draft::default();
        settings.iter().for_each(|setting| draft.set(setting).expect("a valid setting"));
        draft.set(&format!("seed={seed}")).expect("a valid seed");
        draft.finish().expect("a valid scenario")
    }

    #[test]
    fn as_many_come_and_go_as_the_rates_say_and_nobody_twice() {
        let settings = [
            "cluster.nodes=400",
            "phases.measure=100s",
            "workload.joins_per_second=2",
            "workload.leaves_per_second=3",
            r#"fault=[{at="50s",kind="join_storm",nodes=30},{at="1s",kind="crash",nodes=40}]"#,
        ];
        for seed in 0..20 {
            let scenario = scenario(seed, &settings);
            let passages = scenario.passages();
            assert_eq!(passages, scenario.passages());
            assert!(passages.is_sorted_by_key(|passage| passage.at));
            let of = |way| passages.iter().filter(move |passage| passage.way == way);
            // Six standard deviations of Poisson numbers.
            assert!(of(Way::In).count().abs_diff(200) < 85 && of(Way::Out).count().abs_diff(300) < 104);
            assert_eq!(scenario.nodes_ever(), 430 + of(Way::In).count());
            let gone: BTreeSet<NodeId> = of(Way::Out).map(|passage| passage.node).collect();
            assert_eq!(gone.len(), of(Way::Out).count(), "nobody leaves twice");
            for strike in scenario.strikes().iter().filter(|strike| strike.kind == FaultKind::Crash) {
                assert!(strike.nodes.iter().all(|node| !gone.contains(node)));
            }
            assert!(scenario.rejoin_seeds().iter().all(|seed| !gone.contains(seed)));
            // A newcomer leaves after it came: those of the storm have the first 30 numbers.
            for leave in of(Way::Out).filter(|leave| leave.node.index() >= 400) {
                let came = of(Way::In).find(|join| join.node == leave.node).map(|join| join.at);
                assert!(leave.at >= came.unwrap_or(Duration::from_secs(50)), "{leave:?}");
            }
            let newcomers = gone.iter().filter(|node| node.index() >= 400).count();
            assert!(newcomers > 10, "{newcomers} of {} that left had come late", gone.len());
        }
    }

    #[test]
    fn another_rate_of_leaving_changes_nobody_who_joins() {
        let joins = |leaves: &str| {
            let scenario = scenario(7, &["workload.joins_per_second=1", leaves]);
            let passages = scenario.passages();
            passages.into_iter().filter(|passage| passage.way == Way::In).collect::<Vec<_>>()
        };
        assert_eq!(joins("workload.leaves_per_second=0"), joins("workload.leaves_per_second=1"));
    }
}
