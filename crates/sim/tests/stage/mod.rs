//! Clusters of our own node in virtual time, in both fidelities.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rumormill_crypto::null;
use rumormill_lab::{Action, Cluster, Stamped};
use rumormill_link::{LinkConfig, NetworkConfig, transport};
use rumormill_node::{Commons, Config, Node};
use rumormill_protocol::{Command, NodeId, WarmBoot};
use rumormill_sim::{MessageHost, MessageMold, QuicHost, QuicMold, SimCluster, Terms, address};

/// How a cluster is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fidelity {
    Message,
    Quic,
}

/// A cluster to be.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    pub(crate) seed: u64,
    pub(crate) shards: usize,
    pub(crate) compact: bool,
    pub(crate) fidelity: Fidelity,
    pub(crate) network: NetworkConfig,
    pub(crate) node: Config,
}

impl Plan {
    /// On a network of 1 ms without loss.
    pub(crate) fn new(nodes: usize, fidelity: Fidelity) -> Self {
        let network = NetworkConfig { latency: Duration::from_millis(1), ..NetworkConfig::default() };
        Self { nodes, seed: 1, shards: 1, compact: true, fidelity, network, node: Config::default() }
    }

    /// A cluster that has booted warm, with nothing in its state.
    pub(crate) fn boot(&self) -> Box<dyn Cluster> {
        let mut cluster = self.make();
        let warm = Arc::new(WarmBoot::new(cluster.contacts(), Vec::new()));
        for node in 0..self.nodes {
            act(cluster.as_mut(), node, Action::Command(Command::Warm(warm.clone())));
        }
        cluster
    }

    fn make(&self) -> Box<dyn Cluster> {
        let Self { nodes, seed, shards, network, .. } = self.clone();
        let commons = self.compact.then(|| Arc::new(Commons::default()));
        let config = Arc::new(Config { commons, ..self.node.clone() });
        let links = LinkConfig::default();
        let idle_timeout = Duration::from_secs(30);
        let book = (0..nodes as u32).map(|number| address(network.ip, NodeId(number))).collect();
        match self.fidelity {
            Fidelity::Message => {
                let terms = Arc::new(Terms::new(links, idle_timeout, &network));
                let mold = MessageMold { seed, config, book, terms };
                Box::new(SimCluster::<MessageHost<Node>>::new(nodes, seed, shards, &network, mold))
            }
            Fidelity::Quic => {
                let mold = QuicMold {
                    seed,
                    config,
                    links,
                    transport: transport(idle_timeout),
                    epoch: Instant::now(),
                    endpoint: null::endpoint_config(),
                    credentials: Box::new(null::credentials),
                    identify: null::identify,
                    book,
                };
                Box::new(SimCluster::<QuicHost<Node>>::new(nodes, seed, shards, &network, mold))
            }
        }
    }
}

/// Does something to a node.
pub(crate) fn act(cluster: &mut dyn Cluster, node: usize, action: Action) {
    cluster.act(NodeId(node as u32), action).expect("simulated clusters go on");
}

/// Lets the cluster live for so many seconds, and returns what happened.
pub(crate) fn live(cluster: &mut dyn Cluster, seconds: f64) -> Vec<Stamped> {
    let until = cluster.now() + Duration::from_secs_f64(seconds);
    cluster.advance_to(until).expect("simulated clusters go on");
    let mut events = Vec::new();
    cluster.drain_events(&mut |event| events.push(event));
    events.sort_by_key(|event: &Stamped| (event.at, event.node));
    events
}

/// The digest of all that happened.
pub(crate) fn event_hash(cluster: &mut dyn Cluster) -> String {
    cluster.census().expect("simulated clusters go on").event_hash.expect("simulated runs repeat")
}
