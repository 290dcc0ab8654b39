//! How a scenario becomes the settings of each protocol.

use std::{sync::Arc, time::Duration};

use rumormill_lab::{
    Compression, DetectorMode, DigestMode, Dissemination, ElectionMode, LifeguardMode, NodeSettings,
    PeersMode, PhiFormula, Scenario, StateMode,
};
use rumormill_link::LinkConfig;
use rumormill_measure::World;
use rumormill_node::{Commons, Config, Detector, DigestForm, Lifeguard, Peers, Phi, Silence, StateTransfer};
use rumormill_protocol::NodeId;
use rumormill_rivals::{CentralConfig, Timing};

use crate::worlds::{Setting, ViewMode};

/// zstd's fastest level of its ordinary range: most of what a full push compresses is incompressible values.
const ZSTD_LEVEL: i32 = 1;

/// Ends of connections that nodes with uniform peers keep beyond use: all of a cluster, and each node.
const CACHED_ENDS: usize = 1 << 18;
const CACHED_MAX: usize = 256;
/// How long each keeps one that is not used: nodes that have nothing to tell meet once in a round of probes.
const CACHED_FOR: Duration = Duration::from_secs(600);
/// How many they dial at once. Where packets are lost each dial may take seconds.
const DIALS_UNIFORM: usize = 32;

/// Connections beyond one to each node: those that are closing, or made twice.
const SPARE_CONNECTIONS: usize = 64;

/// Where every node holds a connection to every other, more nodes than this take more memory and handshakes than a
/// machine has: real ones, and simulated ones.
const MESH_NODES_LOCAL: usize = 250;
const MESH_NODES_SIM: usize = 2_000;

pub(crate) fn node(scenario: &Scenario, setting: &Setting) -> Config {
    let node = &scenario.node;
    let shares = setting.view == ViewMode::Compact;
    Config {
        protocol_period: node.protocol_period,
        probe_timeout: node.probe_timeout,
        indirect_probes: node.indirect_probes,
        suspicion_mult: node.suspicion_mult,
        suspicion_max_mult: node.suspicion_max_mult,
        lifeguard: match node.lifeguard {
            LifeguardMode::All => Lifeguard::ALL,
            LifeguardMode::Off => Lifeguard::OFF,
            LifeguardMode::Probe => Lifeguard { probe: true, ..Lifeguard::OFF },
            LifeguardMode::Suspicion => Lifeguard { suspicion: true, ..Lifeguard::OFF },
            LifeguardMode::Buddy => Lifeguard { buddy: true, ..Lifeguard::OFF },
        },
        gossip_interval: node.gossip_interval,
        fanout: node.fanout,
        partners: node.partners,
        rotate_every: node.rotate_every,
        peers: match node.peers {
            PeersMode::Sticky => Peers::Sticky,
            PeersMode::Uniform => Peers::Uniform,
        },
        dissemination: match node.dissemination {
            Dissemination::Auto if node.peers == PeersMode::Sticky => rumormill_node::Dissemination::Tree,
            Dissemination::Auto | Dissemination::Push => rumormill_node::Dissemination::Push,
            Dissemination::Pull => rumormill_node::Dissemination::Pull,
            Dissemination::PushPull => rumormill_node::Dissemination::PushPull,
            Dissemination::Tree => rumormill_node::Dissemination::Tree,
        },
        state: match node.state {
            StateMode::Delta => StateTransfer::Delta,
            StateMode::Full => StateTransfer::Full { every: node.full_interval },
            StateMode::Digest => StateTransfer::Digest { every: node.full_interval },
        },
        digest: match node.digest {
            DigestMode::Full => DigestForm::Full,
            DigestMode::Zstd => DigestForm::Zstd,
            DigestMode::Sketch => DigestForm::Sketch,
        },
        compression: match node.compression {
            Compression::Zstd => rumormill_node::Compression::Zstd { level: ZSTD_LEVEL },
            Compression::None => rumormill_node::Compression::None,
        },
        retransmit_mult: node.retransmit_mult,
        detector: detector(node),
        election: match node.election {
            ElectionMode::Off => rumormill_node::ElectionMode::Off,
            ElectionMode::Majority => rumormill_node::ElectionMode::Majority { lease: node.election_lease },
        },
        commons: shares.then(|| Arc::new(Commons::default())),
    }
}

fn detector(node: &NodeSettings) -> Detector {
    let phi = |formula| Silence::Phi { formula, suspect: node.phi_suspect, dead: node.phi_threshold };
    match (node.detector, node.phi) {
        (DetectorMode::Swim, _) => Detector::Swim,
        (DetectorMode::Heartbeat, PhiFormula::Cassandra) => Detector::Heartbeat(phi(Phi::Cassandra)),
        (DetectorMode::Heartbeat, PhiFormula::Chitchat) => Detector::Heartbeat(phi(Phi::Chitchat)),
        (DetectorMode::Heartbeat, PhiFormula::Off) => {
            Detector::Heartbeat(Silence::Fixed { fail_after: node.fail_after })
        }
    }
}

/// With uniform peers a node keeps the connections that it made, as far as memory allows, and dials more at once: nearly
/// every message is for another peer.
pub(crate) fn node_bounds(scenario: &Scenario, _: &Setting) -> Result<LinkConfig, String> {
    let usual = LinkConfig::default();
    if scenario.node.peers == PeersMode::Sticky {
        return Ok(usual);
    }
    let unpinned = connections_kept(scenario.nodes_ever());
    Ok(LinkConfig {
        connections: 2 * unpinned + usual.connections,
        dials_at_once: DIALS_UNIFORM,
        unpinned,
        linger: CACHED_FOR,
        ..usual
    })
}

/// How many connections a node with uniform peers keeps beyond use in a cluster of so many.
pub(crate) fn connections_kept(nodes: usize) -> usize {
    (CACHED_ENDS / nodes).clamp(LinkConfig::default().unpinned, CACHED_MAX)
}

pub(crate) fn all_to_all(scenario: &Scenario, _: &Setting) -> Timing {
    let node = &scenario.node;
    Timing {
        protocol_period: node.protocol_period,
        probe_timeout: node.probe_timeout,
        suspicion_mult: node.suspicion_mult,
    }
}

pub(crate) fn central(scenario: &Scenario, setting: &Setting) -> CentralConfig {
    CentralConfig { timing: all_to_all(scenario, setting), coordinator: NodeId(0) }
}

pub(crate) fn all_to_all_bounds(scenario: &Scenario, setting: &Setting) -> Result<LinkConfig, String> {
    let nodes = scenario.nodes_ever();
    let most = if setting.world == World::Sim { MESH_NODES_SIM } else { MESH_NODES_LOCAL };
    if nodes > most {
        return Err(format!(
            "{}, but of all-to-all, in which each node holds a connection to each other, at most {most} nodes fit the world {}",
            how_many(scenario),
            setting.world
        ));
    }
    central_bounds(scenario, setting)
}

/// How many nodes a scenario asks for, as the beginning of a sentence.
pub(crate) fn how_many(scenario: &Scenario) -> String {
    let nodes = scenario.cluster.nodes;
    match scenario.nodes_ever() - nodes {
        0 => format!("cluster.nodes is {nodes}"),
        more => format!("cluster.nodes is {nodes} and {more} more join later"),
    }
}

pub(crate) fn central_bounds(scenario: &Scenario, _: &Setting) -> Result<LinkConfig, String> {
    let connections = 2 * scenario.nodes_ever() + SPARE_CONNECTIONS;
    Ok(LinkConfig { connections, peers: connections, unpinned: connections, ..LinkConfig::default() })
}
