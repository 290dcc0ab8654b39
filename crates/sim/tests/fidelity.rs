//! What the model of QUIC counts, held against QUIC's own state machines.

mod stage;

use std::time::Duration;

use rumormill_lab::{Action, Cluster};
use rumormill_link::NetworkConfig;
use rumormill_measure::Ledger;
use rumormill_node::{Config, Peers, StateTransfer};
use rumormill_protocol::Command;

use stage::{Fidelity, Plan, act, live};

/// What all nodes together have sent.
fn sent(cluster: &mut dyn Cluster) -> Ledger {
    let census = cluster.census().expect("simulated clusters go on");
    let mut sum = Ledger::default();
    census.nodes.iter().for_each(|node| sum.add(&node.ledger));
    sum
}

/// What a cluster sends while it boots, and then in a minute with a write each half second.
fn minute(plan: &Plan) -> (Ledger, Ledger) {
    let mut cluster = plan.boot();
    let cluster = cluster.as_mut();
    live(cluster, 5.0);
    let booting = sent(cluster);
    for number in 0..120 {
        let put = Command::Put { key: "key".into(), value: [number as u8; 128].as_slice().into() };
        act(cluster, number * 7 % plan.nodes, Action::Command(put));
        live(cluster, 0.5);
    }
    let living = sent(cluster).since(&booting);
    (booting, living)
}

/// How much more the model counts than the state machines do.
fn excess(model: u64, real: u64) -> f64 {
    model as f64 / real as f64 - 1.0
}

/// Both fidelities agree on bytes and packets within these bands, while nodes boot and while they live.
fn agree(name: &str, plan: &Plan, booting: f64, living: f64) {
    let quic = minute(&Plan { fidelity: Fidelity::Quic, ..plan.clone() });
    let message = minute(&Plan { fidelity: Fidelity::Message, ..plan.clone() });
    let phases = [("boot", &message.0, &quic.0, booting), ("minute", &message.1, &quic.1, living)];
    for (phase, model, real, band) in phases {
        let bytes = excess(model.wire_bytes(plan.network.ip), real.wire_bytes(plan.network.ip));
        let packets = excess(model.packets, real.packets);
        assert!(bytes.abs() < band, "{name}, {phase}: {bytes:+.3} of bytes");
        assert!(packets.abs() < band, "{name}, {phase}: {packets:+.3} of packets");
    }
}

#[test]
fn near_each_other() {
    agree("near", &Plan::new(30, Fidelity::Quic), 0.01, 0.01);
}

#[test]
fn far_apart() {
    let far = NetworkConfig {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(10),
        ..NetworkConfig::default()
    };
    // Where round trips vary, the model leaves out some acknowledgements and repetitions in handshakes.
    agree("far", &Plan { network: far.clone(), ..Plan::new(30, Fidelity::Quic) }, 0.1, 0.02);
    let lossy = NetworkConfig { loss: 0.01, ..far };
    agree("1 % loss", &Plan { network: lossy, ..Plan::new(30, Fidelity::Quic) }, 0.12, 0.03);
}

#[test]
fn with_uniform_peers() {
    let node = Config { peers: Peers::Uniform, ..Config::default() };
    // Connections come and go so fast that some of their last acknowledgements are left out.
    agree("uniform", &Plan { node, ..Plan::new(40, Fidelity::Quic) }, 0.01, 0.06);
}

#[test]
fn with_full_state() {
    let node = Config { state: StateTransfer::Full { every: Duration::from_secs(1) }, ..Config::default() };
    agree("full", &Plan { node, ..Plan::new(30, Fidelity::Quic) }, 0.01, 0.01);
}
