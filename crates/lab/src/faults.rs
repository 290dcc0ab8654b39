use std::{sync::Arc, time::Duration};

use rumormill_protocol::{Command, Contact, NodeId, NodeSet};

use crate::{Action, Direction, FaultKind, Impairment, Scenario, Strike};

/// What a scenario's faults do to the nodes of a cluster. A fault goes by its place in the list of strikes.
pub(crate) struct Faults {
    strikes: Vec<Strike>,
    nodes: usize,
    /// Whom nodes that start again join through.
    seeds: Vec<Contact>,
}

impl Faults {
    pub(crate) fn new(scenario: &Scenario, contacts: &[Contact]) -> Self {
        let seeds = scenario.rejoin_seeds().into_iter().filter_map(|id| contacts.get(id.index()).copied());
        Self { strikes: scenario.strikes(), nodes: contacts.len(), seeds: seeds.collect() }
    }

    pub(crate) fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// What is done when a fault begins.
    pub(crate) fn begin(&self, fault: usize) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        match strike.kind {
            FaultKind::Crash | FaultKind::Restart { .. } => each(&strike.nodes, &Action::Crash),
            FaultKind::Leave => each(&strike.nodes, &Action::Command(Command::Leave)),
            FaultKind::Pause { .. } => each(&strike.nodes, &Action::Pause),
            FaultKind::Partition { direction, .. } => self.impair(fault, direction, 1.0, Duration::ZERO),
            FaultKind::Loss { direction, loss, .. } => self.impair(fault, direction, loss, Duration::ZERO),
            FaultKind::Slow { direction, delay, .. } => self.impair(fault, direction, 0.0, delay),
        }
    }

    /// What is done when a fault ends.
    pub(crate) fn end(&self, fault: usize) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        match strike.kind {
            FaultKind::Crash | FaultKind::Leave => Vec::new(),
            FaultKind::Restart { .. } => {
                let join = Action::Command(Command::Join { seeds: self.seeds.clone() });
                let lives =
                    strike.nodes.iter().flat_map(|&node| [(node, Action::Restart), (node, join.clone())]);
                lives.collect()
            }
            FaultKind::Pause { lasts } => {
                let mut paused = strike.nodes.clone();
                paused.retain(|&node| !self.is_paused(node, strike.at + lasts));
                each(&paused, &Action::Resume)
            }
            FaultKind::Partition { direction, .. }
            | FaultKind::Loss { direction, .. }
            | FaultKind::Slow { direction, .. } => {
                let repair = Action::Repair { fault: number(fault) };
                each(&self.senders(fault, direction), &repair)
            }
        }
    }

    fn impair(
        &self,
        fault: usize,
        direction: Direction,
        loss: f64,
        delay: Duration,
    ) -> Vec<(NodeId, Action)> {
        let inside: NodeSet = self.strikes[fault].nodes.iter().copied().collect();
        let outside: NodeSet = self.ids().filter(|&node| !inside.contains(node)).collect();
        let [inside, outside] = [inside, outside].map(Arc::new);
        let toward_others = |node| Some(if inside.contains(node) { outside.clone() } else { inside.clone() });
        let impair = |node| {
            let impairment = Impairment { toward: toward_others(node), loss, delay };
            (node, Action::Impair { fault: number(fault), impairment })
        };
        self.senders(fault, direction).into_iter().map(impair).collect()
    }

    /// Whose packets a fault of the network concerns.
    fn senders(&self, fault: usize, direction: Direction) -> Vec<NodeId> {
        let nodes = &self.strikes[fault].nodes;
        match direction {
            Direction::Both => self.ids().collect(),
            Direction::Out => nodes.clone(),
            Direction::In => self.ids().filter(|node| nodes.binary_search(node).is_err()).collect(),
        }
    }

    /// Whether some pause of this node is under way at a time after the beginning of the measured phase.
    fn is_paused(&self, node: NodeId, at: Duration) -> bool {
        self.strikes.iter().any(|strike| {
            matches!(strike.kind, FaultKind::Pause { lasts } if (strike.at..strike.at + lasts).contains(&at))
                && strike.nodes.binary_search(&node).is_ok()
        })
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes as u32).map(NodeId)
    }
}

fn each(nodes: &[NodeId], action: &Action) -> Vec<(NodeId, Action)> {
    nodes.iter().map(|&node| (node, action.clone())).collect()
}

fn number(fault: usize) -> u32 {
    u32::try_from(fault).expect("a scenario has a bounded number of faults")
}
