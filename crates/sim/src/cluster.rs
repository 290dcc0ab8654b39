use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use rumormill_lab::{Action, Census, Cluster, ClusterError, Equipment, Inspection, Look, Stamped};
use rumormill_link::NetworkConfig;
use rumormill_measure::{IpVersion, Ledger};
use rumormill_protocol::{Contact, NodeId, Time};

use crate::{fingerprint::Fingerprint, machine::Machine, node::Node, shard::Shard, windows};

/// The most nodes of a cluster: as many as have an address.
pub const NODES_MAX: usize = 1 << 24;

/// Nodes in virtual time. What happens depends on the seed, the settings and what is asked of it alone: not on the
/// machine, nor on how many shards work side by side.
pub struct SimCluster<M: Machine> {
    mold: M::Mold,
    nodes: usize,
    shards: Vec<Shard<M>>,
    lookahead: Duration,
    ip: IpVersion,
    now: Time,
}

impl<M: Machine> SimCluster<M> {
    /// Nodes that are silent until they are told to start, on so many shards; on one where the network has no least
    /// latency to keep them apart.
    pub fn new(nodes: usize, seed: u64, shards: usize, network: &NetworkConfig, mold: M::Mold) -> Self {
        let shards = if network.latency.is_zero() { 1 } else { shards.clamp(1, nodes.max(1)) };
        let conditions = Arc::new(network.clone());
        let shard = |number: usize| {
            let nodes = (number..nodes).step_by(shards);
            let node = |id| Node::new(&mold, NodeId(id as u32), Arc::clone(&conditions), seed);
            Shard::new(number, shards, nodes.map(node).collect())
        };
        let all = (0..shards).map(shard).collect();
        Self { nodes, shards: all, lookahead: network.latency, ip: network.ip, now: Time::ZERO, mold }
    }

    /// Asks all shards, each on a thread of its own, and returns their answers in order.
    fn ask<T: Send>(&mut self, question: impl Fn(&mut Shard<M>) -> T + Sync) -> Vec<T> {
        if let [alone] = self.shards.as_mut_slice() {
            return vec![question(alone)];
        }
        let question = &question;
        thread::scope(|scope| {
            let asked: Vec<_> =
                self.shards.iter_mut().map(|shard| scope.spawn(move || question(shard))).collect();
            let answer = |asked: thread::ScopedJoinHandle<'_, T>| {
                asked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            asked.into_iter().map(answer).collect()
        })
    }

    fn fingerprint(&self, of: impl Fn(&Shard<M>) -> Fingerprint) -> Fingerprint {
        let mut sum = Fingerprint::default();
        self.shards.iter().for_each(|shard| sum.join(of(shard)));
        sum
    }
}

/// What is said of each node, in the order of their numbers, where shards said it in the order of their places.
fn by_number<T>(of_shards: Vec<Vec<T>>) -> Vec<T> {
    let mut shards: Vec<_> = of_shards.into_iter().map(Vec::into_iter).collect();
    let mut nodes = Vec::with_capacity(shards.iter().map(ExactSizeIterator::len).sum());
    // The first shard has as many as any other, or one more.
    while shards.first().is_some_and(|first| first.len() > 0) {
        nodes.extend(shards.iter_mut().filter_map(Iterator::next));
    }
    nodes
}

/// Where a simulated node listens.
pub fn address(ip: IpVersion, node: NodeId) -> SocketAddr {
    let [_, high, middle, low] = node.0.to_be_bytes();
    let ip = match ip {
        IpVersion::V4 => IpAddr::V4(Ipv4Addr::new(10, high, middle, low)),
        IpVersion::V6 => IpAddr::V6(Ipv6Addr::from(PREFIX | u128::from(node.0))),
    };
    SocketAddr::new(ip, PORT)
}

/// Who listens at an address; nobody where it is not of the simulated network.
pub fn node_at(address: SocketAddr) -> Option<NodeId> {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[0] == 10 && address.port() == PORT => {
            Some(NodeId(u32::from(ip) & 0x00ff_ffff))
        }
        IpAddr::V6(ip) if u128::from(ip) & !NODES == PREFIX && address.port() == PORT => {
            Some(NodeId((u128::from(ip) & NODES) as u32))
        }
        _ => None,
    }
}

const PORT: u16 = 7_946;

/// Of IPv6: fd00::, which nobody routes, and a node's number in the last 24 bits.
const PREFIX: u128 = 0xfd << 120;
const NODES: u128 = NODES_MAX as u128 - 1;

impl<M: Machine> Cluster for SimCluster<M> {
    fn nodes(&self) -> usize {
        self.nodes
    }

    fn contacts(&self) -> Vec<Contact> {
        (0..self.nodes as u32).map(NodeId).map(|id| Contact { id, address: address(self.ip, id) }).collect()
    }

    fn equipment(&self) -> Equipment {
        Equipment::default()
    }

    fn now(&self) -> Time {
        self.now
    }

    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError> {
        windows::run_until(&mut self.shards, until, self.lookahead);
        self.now = self.now.max(until);
        Ok(())
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        let shards = self.shards.len();
        self.shards[node.index() % shards].act(self.now, &self.mold, node, action);
        Ok(())
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        self.shards.iter_mut().flat_map(|shard| shard.events.drain(..)).for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let mut census = Census {
            event_hash: Some(
                self.fingerprint(|shard| {
                    let mut sum = shard.packets;
                    sum.join(shard.happened);
                    sum
                })
                .to_string(),
            ),
            packet_hash: M::EVERY_PACKET.then(|| self.fingerprint(|shard| shard.packets).to_string()),
            ..Census::default()
        };
        let now = self.now;
        let nodes = self.ask(|shard| shard.nodes().iter().map(|node| node.census(now)).collect::<Vec<_>>());
        census.nodes = by_number(nodes);
        Ok(census)
    }

    fn look(&mut self) -> Result<Look, ClusterError> {
        let now = self.now;
        let of_shards = self.ask(|shard| {
            let mut sent = Ledger::default();
            shard.nodes().iter().for_each(|node| node.count_in(now, &mut sent));
            (sent, shard.nodes().iter().map(Node::look).collect::<Vec<_>>())
        });
        let mut sent = Ledger::default();
        let add = |(of_shard, nodes)| {
            sent.add(&of_shard);
            nodes
        };
        let nodes = by_number(of_shards.into_iter().map(add).collect());
        Ok(Look { sent, nodes, ..Look::default() })
    }

    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let inspect = |shard: &mut Shard<M>| -> Vec<Inspection> {
            shard.nodes().iter().filter_map(|node| node.inspect(members, writers)).collect()
        };
        let mut inspections = self.ask(inspect).concat();
        inspections.sort_unstable_by_key(|inspection| inspection.node);
        Ok(inspections)
    }

    fn shut_down(self: Box<Self>) {}
}
