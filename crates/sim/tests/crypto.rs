//! Simulated QUIC under TLS and under its stand-in: packet for packet the same, on any number of shards.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rumormill_crypto::{
    null,
    real::{self, Authority},
};
use rumormill_lab::{Action, Census, Cluster};
use rumormill_link::{LinkConfig, NetworkConfig, transport};
use rumormill_node::Node;
use rumormill_protocol::{Command, Key, NodeId, WarmBoot};
use rumormill_sim::{QuicHost, QuicMold, SimCluster, address};

const NODES: usize = 40;
const SEED_NODES: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Crypto {
    Null,
    Real,
}

fn cluster(crypto: Crypto, seed: u64, shards: usize, loss: f64) -> SimCluster<QuicHost<Node>> {
    let (latency, jitter) = (Duration::from_millis(20), Duration::from_millis(10));
    let network = NetworkConfig { latency, jitter, loss, ..NetworkConfig::default() };
    let authority = Authority::seeded(seed).expect("the cryptography works");
    let mold = QuicMold {
        seed,
        config: Arc::default(),
        links: LinkConfig::default(),
        transport: transport(Duration::from_secs(30)),
        epoch: Instant::now(),
        endpoint: match crypto {
            Crypto::Null => null::endpoint_config(),
            Crypto::Real => authority.endpoint_config(),
        },
        credentials: match crypto {
            Crypto::Null => Box::new(null::credentials),
            Crypto::Real => {
                Box::new(move |node| authority.credentials(node).expect("the cryptography works"))
            }
        },
        identify: match crypto {
            Crypto::Null => null::identify,
            Crypto::Real => real::identify,
        },
        book: (0..NODES as u32).map(|number| address(network.ip, NodeId(number))).collect(),
    };
    SimCluster::new(NODES, seed, shards, &network, mold)
}

/// A third of a minute in which nodes boot, join, write, crash and come back.
fn live(crypto: Crypto, seed: u64, shards: usize, loss: f64) -> Census {
    let mut cluster = cluster(crypto, seed, shards, loss);
    let warm = Arc::new(WarmBoot::new(cluster.contacts()[..NODES - 1].to_vec(), Vec::new()));
    for node in 0..NODES - 1 {
        act(&mut cluster, node, Action::Command(Command::Warm(warm.clone())));
    }
    let seeds = cluster.contacts()[..SEED_NODES].to_vec();
    advance(&mut cluster, 2);
    act(&mut cluster, NODES - 1, Action::Command(Command::Join { seeds: seeds.clone() }));
    for (node, value) in (0..NODES).step_by(5).zip(1..) {
        let put = Command::Put { key: Key::from("key"), value: vec![value; 300].into() };
        act(&mut cluster, node, Action::Command(put));
        advance(&mut cluster, 1);
    }
    act(&mut cluster, 7, Action::Crash);
    act(&mut cluster, 8, Action::Pause);
    // At once, so that what was meant for its last life reaches this one.
    act(&mut cluster, 9, Action::Restart);
    act(&mut cluster, 9, Action::Command(Command::Join { seeds: seeds.clone() }));
    advance(&mut cluster, 3);
    act(&mut cluster, 8, Action::Resume);
    act(&mut cluster, 7, Action::Restart);
    act(&mut cluster, 7, Action::Command(Command::Join { seeds }));
    advance(&mut cluster, 5);
    cluster.census().expect("simulated clusters go on")
}

fn act(cluster: &mut dyn Cluster, node: usize, action: Action) {
    cluster.act(NodeId(node as u32), action).expect("simulated clusters go on");
}

fn advance(cluster: &mut dyn Cluster, seconds: u64) {
    let until = cluster.now() + Duration::from_secs(seconds);
    cluster.advance_to(until).expect("simulated clusters go on");
}

/// The digests of all packets and of all that happened.
fn hashes(census: &Census) -> (&str, &str) {
    let hash = |hash: &'static str| move || panic!("no {hash} hash");
    let packets = census.packet_hash.as_deref().unwrap_or_else(hash("packet"));
    (packets, census.event_hash.as_deref().unwrap_or_else(hash("event")))
}

#[test]
fn packets_are_the_same_with_and_without_tls_on_any_number_of_shards() {
    for (seed, loss) in [(1, 0.01), (2, 0.05)] {
        let real = live(Crypto::Real, seed, 1, loss);
        let links: usize = real.nodes.iter().map(|node| node.links_up).sum();
        assert!(links > 4 * NODES, "the cluster came up: {links} ends");
        for (crypto, shards) in [(Crypto::Null, 1), (Crypto::Null, 2), (Crypto::Null, 3), (Crypto::Real, 2)] {
            let other = live(crypto, seed, shards, loss);
            assert_eq!(hashes(&other), hashes(&real), "{crypto:?}, seed {seed}, {shards} shards");
        }
    }
}

#[test]
fn another_seed_is_another_run() {
    let [one, other] = [1, 2].map(|seed| live(Crypto::Null, seed, 1, 0.01));
    assert_ne!(hashes(&one).0, hashes(&other).0);
}
