//! Which protocols there are and how each becomes a cluster: the one place that knows both protocols and worlds.

use rumormill_lab::{
    Cluster, ClusterError, Compression, Dissemination, NetworkSettings, PeersMode, Scenario, StateMode,
};
use rumormill_link::NetworkConfig;
use rumormill_measure::World;
use rumormill_node::{Config, Node, Peers, StateTransfer};
use rumormill_quic::{LocalCluster, LocalSpec};

/// The protocol of this project.
pub(crate) const RUMORMILL: &str = "rumormill";

/// Makes a scenario's cluster.
pub(crate) type Launch = fn(&Scenario) -> Result<Box<dyn Cluster>, ClusterError>;

/// A protocol in a world.
struct Entry {
    protocol: &'static str,
    world: World,
    launch: Launch,
}

static ENTRIES: [Entry; 1] = [Entry { protocol: RUMORMILL, world: World::Local, launch: rumormill_local }];

/// How a protocol's cluster is made in a world, if it can live there.
pub(crate) fn find(protocol: &str, world: World) -> Option<Launch> {
    ENTRIES.iter().find(|entry| entry.protocol == protocol && entry.world == world).map(|entry| entry.launch)
}

fn rumormill_local(scenario: &Scenario) -> Result<Box<dyn Cluster>, ClusterError> {
    let mut spec = LocalSpec::new(scenario.cluster.nodes, scenario.seed, config(scenario));
    spec.network = network(&scenario.network);
    Ok(Box::new(LocalCluster::<Node>::launch(spec)?))
}

/// zstd's fastest level of its ordinary range: most of what a full push compresses is incompressible values.
const ZSTD_LEVEL: i32 = 1;

fn config(scenario: &Scenario) -> Config {
    let node = &scenario.node;
    Config {
        protocol_period: node.protocol_period,
        probe_timeout: node.probe_timeout,
        indirect_probes: node.indirect_probes,
        suspicion_mult: node.suspicion_mult,
        gossip_interval: node.gossip_interval,
        fanout: node.fanout,
        partners: node.partners,
        rotate_every: node.rotate_every,
        peers: match node.peers {
            PeersMode::Sticky => Peers::Sticky,
            PeersMode::Uniform => Peers::Uniform,
        },
        dissemination: match node.dissemination {
            Dissemination::Push => rumormill_node::Dissemination::Push,
            Dissemination::Pull => rumormill_node::Dissemination::Pull,
            Dissemination::PushPull => rumormill_node::Dissemination::PushPull,
        },
        state: match node.state {
            StateMode::Delta => StateTransfer::Delta,
            StateMode::Full => StateTransfer::Full { every: node.full_interval },
        },
        compression: match node.compression {
            Compression::Zstd => rumormill_node::Compression::Zstd { level: ZSTD_LEVEL },
            Compression::None => rumormill_node::Compression::None,
        },
        retransmit_mult: node.retransmit_mult,
    }
}

fn network(settings: &NetworkSettings) -> NetworkConfig {
    let &NetworkSettings { latency, jitter, loss, burst, rate, reorder, duplicate } = settings;
    let rate_bits_per_second = rate.bits_per_second;
    NetworkConfig { latency, jitter, loss, burst, rate_bits_per_second, reorder, duplicate }
}
