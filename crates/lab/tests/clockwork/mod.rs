//! A cluster whose every time is known in advance.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use rumormill_lab::{
    Action, Census, Cluster, ClusterError, Equipment, Impairment, Inspection, NodeCensus, Stamped,
};
use rumormill_protocol::{Cause, Command, Contact, Dot, Event, NodeId, Refusal, Sizes, Status, Time};

/// From a write to its application everywhere.
pub(crate) const SPREAD: Duration = Duration::from_millis(100);
/// From silence to suspicion.
pub(crate) const SUSPECTED: Duration = Duration::from_secs(1);
/// From silence to death.
pub(crate) const DEAD: Duration = Duration::from_secs(2);
/// From a sign of life, or a goodbye, to its being known.
pub(crate) const HEARD: Duration = Duration::from_millis(300);

/// Nodes that apply a write 100 ms after it, suspect a silent node after 1 s and declare it dead after 2 s, all at
/// once, and hear of it again after 300 ms. Each sends a probe of 10 bytes and 28 of headers every second.
pub(crate) struct Clockwork {
    pub(crate) clock: Rc<Cell<Time>>,
    /// Whether nodes find each other.
    pub(crate) boots: bool,
    /// Whether at each moment one of the nodes, another each time, is changing a partner.
    pub(crate) rotates: bool,
    /// Whether ever more is sent.
    pub(crate) grows: bool,
    pub(crate) did: Rc<Cell<usize>>,
    nodes: u32,
    written: BTreeMap<NodeId, u64>,
    /// Since when, and in which life before.
    crashed: BTreeMap<NodeId, Time>,
    lives: BTreeMap<NodeId, u32>,
    left: Vec<NodeId>,
    /// Nodes that have not joined yet.
    absent: BTreeSet<NodeId>,
    /// Slots that are settled.
    slots: BTreeSet<u64>,
    paused: Vec<NodeId>,
    impaired: BTreeMap<(NodeId, u32), Impairment>,
    /// Since when an observer hears nothing of a member.
    silent: BTreeMap<(NodeId, NodeId), Time>,
    to_come: Vec<Stamped>,
}

impl Clockwork {
    pub(crate) fn new(nodes: u32) -> Box<Self> {
        Box::new(Self {
            clock: Rc::new(Cell::new(Time::ZERO)),
            boots: true,
            rotates: false,
            grows: false,
            did: Rc::default(),
            nodes,
            written: BTreeMap::new(),
            crashed: BTreeMap::new(),
            lives: BTreeMap::new(),
            left: Vec::new(),
            absent: BTreeSet::new(),
            slots: BTreeSet::new(),
            paused: Vec::new(),
            impaired: BTreeMap::new(),
            silent: BTreeMap::new(),
            to_come: Vec::new(),
        })
    }

    /// The same with so many more that come later.
    pub(crate) fn with_newcomers(residents: u32, newcomers: u32) -> Box<Self> {
        let absent = (residents..residents + newcomers).map(NodeId).collect();
        Box::new(Self { absent, ..*Self::new(residents + newcomers) })
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }

    fn others(&self, but: NodeId) -> Vec<NodeId> {
        let live = |node: &NodeId| {
            !self.crashed.contains_key(node) && !self.left.contains(node) && !self.absent.contains(node)
        };
        self.ids().filter(|node| *node != but && live(node)).collect()
    }

    fn at_all(&mut self, nodes: &[NodeId], after: Duration, event: Event) {
        let at = self.now() + after;
        self.to_come.extend(nodes.iter().map(|&node| Stamped { at, node, event }));
    }

    fn fall_silent(&mut self, member: NodeId, observers: &[NodeId]) {
        let now = self.now();
        self.silent.extend(observers.iter().map(|&observer| ((observer, member), now)));
        self.at_all(observers, SUSPECTED, Event::Suspected(member));
        self.at_all(observers, DEAD, Event::DeclaredDead(member));
    }

    fn speak_again(&mut self, member: NodeId, observers: &[NodeId]) {
        let about =
            |event| matches!(event, Event::Suspected(who) | Event::DeclaredDead(who) if who == member);
        self.to_come.retain(|event| !(about(event.event) && observers.contains(&event.node)));
        for &observer in observers {
            let since = self.silent.remove(&(observer, member));
            if since.is_some_and(|since| self.now() - since >= SUSPECTED) {
                self.at_all(&[observer], HEARD, Event::Alive(member));
            }
        }
    }

    fn restart(&mut self, node: NodeId) {
        *self.lives.entry(node).or_default() += 1;
        let observers = self.others(node);
        self.speak_again(node, &observers);
        // Of a new life one hears also where the end of the last was not noticed.
        self.to_come.retain(|event| event.event != Event::Alive(node));
        self.at_all(&observers, HEARD, Event::Alive(node));
        self.learn(node);
    }

    /// A node is told all that was written.
    fn learn(&mut self, node: NodeId) {
        for (&writer, &counter) in &self.written {
            let event = Event::Applied(Dot { writer, counter });
            self.to_come.push(Stamped { at: self.clock.get() + HEARD, node, event });
        }
    }

    fn command(&mut self, node: NodeId, command: Command) {
        match command {
            Command::Warm(warm) => {
                let own = warm.entries.iter().filter(|entry| entry.dot.writer == node).count();
                self.written.insert(node, own as u64);
            }
            Command::Join { seeds } => {
                assert!(!seeds.is_empty() && seeds.iter().all(|seed| seed.id != node), "{seeds:?}");
                if self.lives.contains_key(&node) {
                    assert!(seeds.iter().all(|seed| !self.crashed.contains_key(&seed.id)), "{seeds:?}");
                }
                if self.absent.remove(&node) {
                    let others = self.others(node);
                    assert!(seeds.iter().all(|seed| others.contains(&seed.id)), "{seeds:?}");
                    self.at_all(&others, HEARD, Event::Alive(node));
                    for other in others {
                        self.at_all(&[node], HEARD, Event::Alive(other));
                    }
                    self.learn(node);
                }
            }
            Command::Put { .. } => {
                assert!(!self.left.contains(&node), "{node} has left");
                let counter = self.written.entry(node).or_default();
                *counter += 1;
                let dot = Dot { writer: node, counter: *counter };
                self.at_all(&[node], Duration::ZERO, Event::Wrote(dot));
                self.at_all(&self.others(node), SPREAD, Event::Applied(dot));
            }
            Command::Propose { slot, value } => {
                // The first value wins; the proposal of another comes to nothing.
                let settled = Event::Settled { slot, value: u64::from(value[0]) };
                if self.slots.insert(slot) {
                    self.at_all(&[node], Duration::ZERO, settled);
                    self.at_all(&self.others(node), SPREAD, settled);
                }
            }
            Command::Delete { .. } => {
                self.at_all(&[node], Duration::ZERO, Event::Refused(Refusal::Unsupported));
            }
            Command::Leave => {
                self.left.push(node);
                self.at_all(&self.others(node), HEARD, Event::Left(node));
            }
        }
    }
}

impl Cluster for Clockwork {
    fn nodes(&self) -> usize {
        self.nodes as usize
    }

    fn contacts(&self) -> Vec<Contact> {
        let address = |id: NodeId| SocketAddr::from((Ipv4Addr::LOCALHOST, id.0 as u16 + 1));
        self.ids().map(|id| Contact { id, address: address(id) }).collect()
    }

    fn equipment(&self) -> Equipment {
        Equipment::default()
    }

    fn now(&self) -> Time {
        self.clock.get()
    }

    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError> {
        self.clock.set(self.now().max(until));
        Ok(())
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        let down = self.crashed.contains_key(&node);
        assert!(!down || matches!(action, Action::Restart), "{node} has crashed: {action:?}");
        self.did.set(self.did.get() + 1);
        let others = self.others(node);
        match action {
            Action::Command(command) => self.command(node, command),
            Action::Crash => {
                self.crashed.insert(node, self.now());
                self.to_come.retain(|event| event.node != node);
                self.silent.retain(|(observer, _), _| *observer != node);
                self.fall_silent(node, &others);
            }
            Action::Restart => {
                assert!(self.crashed.remove(&node).is_some(), "{node} had not crashed");
                self.restart(node);
            }
            Action::Pause => {
                self.paused.push(node);
                self.fall_silent(node, &others);
            }
            Action::Resume => {
                self.paused.retain(|&paused| paused != node);
                let now = self.now();
                // What it would have done meanwhile, it does now.
                for late in self.to_come.iter_mut().filter(|event| event.node == node) {
                    late.at = late.at.max(now);
                }
                self.speak_again(node, &others);
            }
            Action::Block { .. } | Action::Unblock | Action::Pace(_) => {}
            Action::Impair { fault, impairment } => {
                let toward = impairment.toward.clone().expect("faults of a scenario name a side");
                assert!(!toward.contains(node));
                let cut_off: Vec<_> = others.into_iter().filter(|&other| toward.contains(other)).collect();
                self.fall_silent(node, &cut_off);
                self.impaired.insert((node, fault), impairment);
            }
            Action::Repair { fault } => {
                assert!(self.impaired.remove(&(node, fault)).is_some(), "{node} was not impaired by {fault}");
                let cut_off: Vec<_> =
                    others.into_iter().filter(|&other| self.silent.contains_key(&(other, node))).collect();
                self.speak_again(node, &cut_off);
            }
        }
        Ok(())
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        let (now, paused) = (self.now(), &self.paused);
        let due = |event: &mut Stamped| event.at <= now && !paused.contains(&event.node);
        self.to_come.extract_if(.., due).for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let moment = self.now().nanos() / 200_000_000;
        let changes_partner = |id: NodeId| self.rotates && moment % u64::from(self.nodes) == u64::from(id.0);
        let node = |id: NodeId| {
            let crashed = self.crashed.get(&id);
            if self.absent.contains(&id) {
                return NodeCensus { alive: 1, ..NodeCensus::default() };
            }
            let mut node = NodeCensus {
                links_up: 2,
                links_pending: usize::from(!self.boots && id.0 == 0 || changes_partner(id)),
                alive: self.nodes as usize - self.absent.len(),
                crashed: crashed.is_some(),
                ..NodeCensus::default()
            };
            let seconds = crashed.unwrap_or(&self.now()).nanos() / 1_000_000_000;
            for _ in 0..seconds {
                node.ledger.checks += 1;
                node.ledger.message(Cause::Probe, Sizes { payload: 10, compressed: 10 });
                node.ledger.packets += 1;
                node.ledger.quic_bytes += 10;
            }
            if self.grows {
                node.ledger.quic_bytes += (100.0 * 1.2f64.powf(seconds as f64)) as u64;
            }
            node
        };
        Ok(Census { nodes: self.ids().map(node).collect(), ..Census::default() })
    }

    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let inspect = |node| {
            let status = |&member: &NodeId| match self.silent.get(&(node, member)) {
                _ if self.left.contains(&member) => Status::Left,
                _ if self.absent.contains(&member) => Status::Unknown,
                Some(&since) if self.now() - since >= DEAD => Status::Dead,
                Some(&since) if self.now() - since >= SUSPECTED => Status::Suspect,
                _ => Status::Alive,
            };
            Inspection {
                node,
                statuses: members.iter().map(status).collect(),
                lives: members.iter().map(|member| self.lives.get(member).copied().unwrap_or(0)).collect(),
                versions: writers
                    .iter()
                    .map(|writer| self.written.get(writer).copied().unwrap_or(0))
                    .collect(),
            }
        };
        Ok(self.ids().filter(|node| !self.crashed.contains_key(node)).map(inspect).collect())
    }

    fn shut_down(self: Box<Self>) {}
}
