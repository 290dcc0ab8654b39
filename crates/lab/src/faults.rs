use std::{sync::Arc, time::Duration};

use rumormill_protocol::{Command, Contact, NodeId, NodeSet};

use crate::{Action, Direction, FaultKind, Impairment, Pace, Scenario, Strike, Way, boot::entries};

/// What a scenario's faults, and its comings and goings, do to the nodes of a cluster. A fault goes by its place in the
/// list of strikes.
pub(crate) struct Faults<'a> {
    scenario: &'a Scenario,
    strikes: Vec<Strike>,
    nodes: usize,
    /// Whom nodes that start again or come late join through.
    seeds: Vec<Contact>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(scenario: &'a Scenario, contacts: &[Contact]) -> Self {
        let seeds = scenario.rejoin_seeds().into_iter().filter_map(|id| contacts.get(id.index()).copied());
        Self { scenario, strikes: scenario.strikes(), nodes: contacts.len(), seeds: seeds.collect() }
    }

    pub(crate) fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// What is done when a fault begins.
    pub(crate) fn begin(&self, fault: usize) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        if strike.rhythm.is_some() {
            return Vec::new();
        }
        match strike.kind {
            FaultKind::Crash | FaultKind::Restart { .. } => each(&strike.nodes, &Action::Crash),
            FaultKind::Leave => each(&strike.nodes, &Action::Command(Command::Leave)),
            FaultKind::Pause { .. } => each(&strike.nodes, &Action::Pause),
            FaultKind::Block { reading, .. } => each(&strike.nodes, &Action::Block { reading }),
            FaultKind::Partition { direction, .. } => self.impair(fault, direction, 1.0, Duration::ZERO),
            FaultKind::Loss { direction, loss, .. } => self.impair(fault, direction, loss, Duration::ZERO),
            FaultKind::Slow { direction, delay, .. } => self.impair(fault, direction, 0.0, delay),
            FaultKind::Skew { .. } => self.pace(strike, strike.at),
            FaultKind::JoinStorm => strike.nodes.iter().flat_map(|&node| self.join(node)).collect(),
        }
    }

    /// What is done when a node comes or goes.
    pub(crate) fn pass(&self, node: NodeId, way: Way) -> Vec<(NodeId, Action)> {
        match way {
            Way::In => self.join(node),
            Way::Out => vec![(node, Action::Command(Command::Leave))],
        }
    }

    /// A node that was not there joins, and writes the keys that it owns.
    fn join(&self, node: NodeId) -> Vec<(NodeId, Action)> {
        let own = entries(self.scenario, node).into_iter();
        let puts = own.map(|entry| Command::Put { key: entry.key, value: entry.value });
        let join = Command::Join { seeds: self.seeds.clone() };
        std::iter::once(join).chain(puts).map(|command| (node, Action::Command(command))).collect()
    }

    /// How fast the clocks of a fault's nodes run from a time after the beginning of the measured phase on. Skews of one
    /// node that overlap multiply.
    fn pace(&self, strike: &Strike, at: Duration) -> Vec<(NodeId, Action)> {
        let skews = |node: NodeId| {
            self.strikes.iter().filter_map(move |strike| {
                let FaultKind::Skew { drift, .. } = strike.kind else { return None };
                let since = at.checked_sub(strike.at)?;
                strike.disturbs(node, since, Duration::ZERO).then_some(1.0 + drift)
            })
        };
        let pace = |&node: &NodeId| (node, Action::Pace(Pace::of(skews(node).product())));
        strike.nodes.iter().map(pace).collect()
    }

    /// What is done when a fault ends.
    pub(crate) fn end(&self, fault: usize) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        if strike.rhythm.is_some() {
            return Vec::new();
        }
        match strike.kind {
            FaultKind::Crash | FaultKind::Leave | FaultKind::JoinStorm => Vec::new(),
            FaultKind::Restart { .. } => {
                let join = Action::Command(Command::Join { seeds: self.seeds.clone() });
                let lives =
                    strike.nodes.iter().flat_map(|&node| [(node, Action::Restart), (node, join.clone())]);
                lives.collect()
            }
            FaultKind::Pause { lasts } | FaultKind::Block { lasts, .. } => {
                let mut free = strike.nodes.clone();
                free.retain(|&node| !self.holds(strike.kind, node, strike.at + lasts));
                each(&free, &release(strike.kind))
            }
            FaultKind::Partition { direction, .. }
            | FaultKind::Loss { direction, .. }
            | FaultKind::Slow { direction, .. } => {
                let repair = Action::Repair { fault: number(fault) };
                each(&self.senders(fault, direction), &repair)
            }
            FaultKind::Skew { lasts, .. } => self.pace(strike, strike.at + lasts),
        }
    }

    /// What is done when a fault that comes again and again begins at one of its nodes, by the node's place.
    pub(crate) fn begin_spell(&self, fault: usize, place: usize) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        let action = match strike.kind {
            FaultKind::Block { reading, .. } => Action::Block { reading },
            _ => Action::Pause,
        };
        vec![(strike.nodes[place], action)]
    }

    /// What is done when it ends there for a while, at a time after the beginning of the measured phase.
    pub(crate) fn end_spell(&self, fault: usize, place: usize, at: Duration) -> Vec<(NodeId, Action)> {
        let strike = &self.strikes[fault];
        let node = strike.nodes[place];
        if self.holds(strike.kind, node, at) { Vec::new() } else { vec![(node, release(strike.kind))] }
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

    /// Whether some fault of this kind is under way at a node, at a time after the beginning of the measured phase.
    fn holds(&self, kind: FaultKind, node: NodeId, at: Duration) -> bool {
        self.strikes.iter().filter(|strike| strike.kind.name() == kind.name()).any(|strike| {
            at.checked_sub(strike.at).is_some_and(|since| strike.disturbs(node, since, Duration::ZERO))
        })
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes as u32).map(NodeId)
    }
}

fn each(nodes: &[NodeId], action: &Action) -> Vec<(NodeId, Action)> {
    nodes.iter().map(|&node| (node, action.clone())).collect()
}

/// What ends a fault that holds its nodes up.
const fn release(kind: FaultKind) -> Action {
    if matches!(kind, FaultKind::Block { .. }) { Action::Unblock } else { Action::Resume }
}

fn number(fault: usize) -> u32 {
    u32::try_from(fault).expect("a scenario has a bounded number of faults")
}
