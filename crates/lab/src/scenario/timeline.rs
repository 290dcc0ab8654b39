use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::seq::SliceRandom;
use rumormill_protocol::{NodeId, Purpose, Random, generator, rank, stream};

use super::{Boot, Fault, FaultKind, Rhythm, Scenario, Victims};

/// A fault with its nodes drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike {
    /// When, from the beginning of the measured phase.
    pub at: Duration,
    /// What happens.
    pub kind: FaultKind,
    /// To these nodes, in the order of their numbers.
    pub nodes: Vec<NodeId>,
    /// Where it comes again and again: when, at each of them.
    pub rhythm: Option<Rhythm>,
}

impl Strike {
    fn new(fault: &Fault, nodes: Vec<NodeId>, random: &mut Random) -> Self {
        let rhythm = fault.recurs.map(|recurs| Rhythm::draw(recurs, nodes.len(), random));
        Self { at: fault.at, kind: fault.kind, nodes, rhythm }
    }

    /// How long it lasts as a whole; nothing for what does not end.
    pub fn lasts(&self) -> Option<Duration> {
        self.rhythm.as_ref().map_or_else(|| self.kind.lasts(), |rhythm| Some(rhythm.recurrence.during))
    }

    /// Whether it disturbs a node at a time after its own beginning, or did until less than `before` ago.
    pub fn disturbs(&self, node: NodeId, since: Duration, before: Duration) -> bool {
        let Ok(place) = self.nodes.binary_search(&node) else { return false };
        let spell = match (self.kind.lasts(), &self.rhythm) {
            (Some(lasts), Some(rhythm)) => rhythm.spell_before(place, lasts, since),
            (lasts, _) => Some(Duration::ZERO..lasts.unwrap_or(Duration::MAX)),
        };
        spell.is_some_and(|spell| since < spell.end.saturating_add(before))
    }
}

/// More nodes are asked for than there are to draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shortage {
    pub(super) asked: usize,
    pub(super) left: usize,
}

impl Scenario {
    /// All faults in the order of their time. Nodes are drawn from the scenario's seed alone, so that every
    /// variant sees the same ones.
    ///
    /// No life is ended twice. Where some faults end lives, none of those nodes is drawn that another of them
    /// names. Faults that pass are drawn among all nodes that no crash and no leave hits at any time, and may hit
    /// one again. A percentage takes at most those there are to draw from. The seeds of a cluster that boots by
    /// joining are never drawn, and no seed is ever drawn for a restart. Who joins in a storm has the numbers after those
    /// of the nodes that are there at the boot.
    pub fn strikes(&self) -> Vec<Strike> {
        self.draw().expect("a scenario that asks for too many is refused")
    }

    /// Whom nodes that start again or come later join through: the first that no fault ends, as many as there are seeds.
    pub(crate) fn rejoin_seeds(&self) -> Vec<NodeId> {
        let strikes = self.strikes();
        let ended: BTreeSet<_> = strikes
            .iter()
            .filter(|strike| strike.kind.ends_life())
            .flat_map(|strike| &strike.nodes)
            .collect();
        self.ids().filter(|id| !ended.contains(id)).take(self.cluster.seeds).collect()
    }

    /// As [`Scenario::strikes`].
    pub(super) fn draw(&self) -> Result<Vec<Strike>, Shortage> {
        let mut random = generator(stream(self.seed, Purpose::Faults, None));
        let (mut mortal, mut sound): (BTreeSet<_>, BTreeSet<_>) =
            (self.ids().collect(), self.ids().collect());
        for fault in self.faults.iter().filter(|fault| fault.kind.ends_life()) {
            if let Victims::Nodes(list) = &fault.nodes {
                mortal.retain(|id| !list.contains(id));
            }
        }
        // Leaders fall in the order of time.
        let mut leaders = BTreeMap::new();
        let mut fallen: Vec<_> =
            self.faults.iter().enumerate().filter(|(_, fault)| fault.kills_leader()).collect();
        fallen.sort_by_key(|(_, fault)| fault.at);
        for (place, _) in fallen {
            let leader = leader(&mortal).ok_or(Shortage { asked: 1, left: 0 })?;
            mortal.remove(&leader);
            leaders.insert(place, leader);
        }
        let mut strikes: Vec<(usize, Strike)> = Vec::with_capacity(self.faults.len());
        // Those that end lives come first, for the others must not be drawn among the dead.
        for (place, fault) in self.faults.iter().enumerate().filter(|(_, fault)| fault.kind.ends_life()) {
            let nodes = match leaders.get(&place) {
                Some(&leader) => vec![leader],
                None => self.hit(fault, &mortal, &mut random)?,
            };
            mortal.retain(|id| nodes.binary_search(id).is_err());
            if !matches!(fault.kind, FaultKind::Restart { .. }) {
                sound.retain(|id| nodes.binary_search(id).is_err());
            }
            strikes.push((place, Strike::new(fault, nodes, &mut random)));
        }
        let mut newcomers = self.cluster.nodes as u32;
        for (place, fault) in self.faults.iter().enumerate().filter(|(_, fault)| !fault.kind.ends_life()) {
            let nodes = if fault.kind == FaultKind::JoinStorm {
                let first = newcomers;
                newcomers += fault.nodes.count(self.cluster.nodes) as u32;
                (first..newcomers).map(NodeId).collect()
            } else if fault.nodes == Victims::Leader {
                let ended =
                    strikes.iter().filter(|(_, strike)| strike.kind.ends_life() && strike.at <= fault.at);
                let mut left: BTreeSet<_> = self.ids().collect();
                ended.flat_map(|(_, strike)| &strike.nodes).for_each(|node| {
                    left.remove(node);
                });
                leader(&left).into_iter().collect()
            } else {
                self.hit(fault, &sound, &mut random)?
            };
            strikes.push((place, Strike::new(fault, nodes, &mut random)));
        }
        strikes.sort_by_key(|(place, strike)| (strike.at, *place));
        Ok(strikes.into_iter().map(|(_, strike)| strike).collect())
    }

    /// The nodes of one fault, in order.
    fn hit(
        &self,
        fault: &Fault,
        from: &BTreeSet<NodeId>,
        random: &mut Random,
    ) -> Result<Vec<NodeId>, Shortage> {
        let mut hit = match &fault.nodes {
            Victims::Nodes(list) => list.clone(),
            drawn => {
                let joins =
                    self.cluster.boot == Boot::Join || matches!(fault.kind, FaultKind::Restart { .. });
                let spared = if joins { self.cluster.seeds } else { 0 };
                let mut pool: Vec<NodeId> = from.iter().copied().filter(|id| id.index() >= spared).collect();
                let (asked, left) = (drawn.count(self.cluster.nodes), pool.len());
                if asked > left && matches!(drawn, Victims::Count(_)) {
                    return Err(Shortage { asked, left });
                }
                pool.partial_shuffle(random, asked.min(left)).0.to_vec()
            }
        };
        hit.sort_unstable();
        Ok(hit)
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.cluster.nodes as u32).map(NodeId)
    }
}

impl Fault {
    fn kills_leader(&self) -> bool {
        self.kind.ends_life() && self.nodes == Victims::Leader
    }
}

/// Who leads among these.
fn leader(nodes: &BTreeSet<NodeId>) -> Option<NodeId> {
    nodes.iter().copied().min_by_key(|node| rank(*node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draft;

    fn scenario(seed: u32, settings: &[&str], faults: &str) -> Scenario {
        let mut draft = Draft::default();
        draft.overlay(faults).expect("valid faults");
        for setting in settings {
            draft.set(setting).expect("a valid setting");
        }
        draft.set(&format!("seed={seed}")).expect("a valid seed");
        draft.finish().expect("a valid scenario")
    }

    fn distinct(strikes: &[Strike]) -> BTreeSet<u32> {
        strikes.iter().flat_map(|strike| &strike.nodes).map(|id| id.0).collect()
    }

    #[test]
    fn no_life_ends_twice_and_a_named_node_is_never_drawn() {
        let faults = r#"fault = [
            {at = "9s", kind = "crash", nodes = "50%"},
            {at = "1s", kind = "leave", nodes = [3, 1]},
            {at = "5s", kind = "crash", nodes = 7},
        ]"#;
        for seed in 0..50 {
            let scenario = scenario(seed, &["cluster.nodes=20"], faults);
            let strikes = scenario.strikes();
            assert_eq!(strikes, scenario.strikes());
            let sizes: Vec<(u64, usize)> = strikes.iter().map(|s| (s.at.as_secs(), s.nodes.len())).collect();
            assert_eq!(sizes, [(1, 2), (5, 7), (9, 10)]);
            assert_eq!(distinct(&strikes).len(), 19);
        }
    }

    #[test]
    fn what_passes_hits_the_living_and_as_often_as_it_likes() {
        let faults = r#"fault = [
            {at = "1s", kind = "pause", for = "1s", nodes = "100%"},
            {at = "2s", kind = "loss", loss = 0.5, for = "1s", nodes = 4},
            {at = "9s", kind = "crash", nodes = 5},
            {at = "9s", kind = "restart", nodes = 1},
        ]"#;
        for seed in 0..50 {
            let strikes = scenario(seed, &["cluster.nodes=10"], faults).strikes();
            let sizes: Vec<usize> = strikes.iter().map(|strike| strike.nodes.len()).collect();
            assert_eq!(sizes, [5, 4, 5, 1]);
            let [paused, lossy, dead, _] = [0, 1, 2, 3].map(|at| distinct(&strikes[at..=at]));
            assert!(paused.is_disjoint(&dead) && lossy.is_subset(&paused));
        }
    }

    #[test]
    fn seeds_of_a_joining_cluster_and_of_restarts_are_spared() {
        let all = r#"fault = [{at = "1s", kind = "restart", nodes = "100%"}]"#;
        let strikes = scenario(1, &["cluster.nodes=10", "cluster.seeds=3"], r#"fault = []"#).strikes();
        assert_eq!(strikes, []);
        for settings in [&["cluster.nodes=10"][..], &["cluster.nodes=10", "cluster.boot=join"]] {
            let mut draft = Draft::default();
            settings.iter().chain(&["cluster.seeds=4"]).for_each(|set| draft.set(set).expect("valid"));
            draft.overlay(&all.replace("100%", "60%")).expect("valid faults");
            let scenario = draft.finish().expect("a valid scenario");
            assert_eq!(distinct(&scenario.strikes()), (4..10).collect());
            assert_eq!(scenario.rejoin_seeds(), [0, 1, 2, 3].map(NodeId));
        }
        let named = r#"fault = [{at = "1s", kind = "restart", nodes = [0, 2]}, {at = "1s", kind = "leave", nodes = [1]}]"#;
        assert_eq!(scenario(1, &["cluster.nodes=5"], named).rejoin_seeds(), [3, 4].map(NodeId));
    }

    #[test]
    fn another_seed_hits_others() {
        let first = |seed| {
            distinct(&scenario(seed, &[], r#"fault = [{at = "1s", kind = "crash", nodes = 1}]"#).strikes())
        };
        let distinct: BTreeSet<_> = (0..20).map(first).collect();
        assert!(distinct.len() > 5, "20 seeds drew only {distinct:?}");
    }

    #[test]
    fn leaders_fall_in_the_order_of_rank_and_no_draw_takes_them() {
        let mut draft = Draft::default();
        draft.set("cluster.nodes=20").expect("a valid setting");
        let faults = r#"fault=[{at = "9s", kind = "crash", nodes = "leader"}, {at = "1s", kind = "crash", nodes = 15},
            {at = "2s", kind = "crash", nodes = "leader"}, {at = "5s", kind = "pause", for = "1s", nodes = "leader"}]"#;
        draft.set(faults).expect("valid faults");
        let strikes = draft.finish().expect("a valid scenario").strikes();
        let mut order: Vec<NodeId> = (0..20).map(NodeId).collect();
        order.sort_by_key(|node| rank(*node));
        let [many, first, still, second] = &strikes[..] else { panic!("four faults") };
        assert_eq!(first.nodes, [order[0]]);
        assert_eq!(second.nodes, [order[1]]);
        assert!(!many.nodes.contains(&order[0]) && !many.nodes.contains(&order[1]));
        assert_eq!(still.nodes, second.nodes, "it leads by then, and lives");
    }
}
