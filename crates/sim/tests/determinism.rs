//! The same seed gives the same run, whatever carries it; another seed gives another.

mod stage;

use std::time::Duration;

use rumormill_lab::{Action, Look, Pace};
use rumormill_link::NetworkConfig;
use rumormill_measure::IpVersion;
use rumormill_node::{Config, Peers, StateTransfer};
use rumormill_protocol::Command;

use stage::{Fidelity, Plan, act, event_hash, live};

/// A network on which everything happens that can.
fn rough() -> NetworkConfig {
    NetworkConfig {
        ip: IpVersion::V4,
        latency: Duration::from_millis(5),
        jitter: Duration::from_millis(8),
        loss: 0.02,
        burst: 2.0,
        rate_bits_per_second: Some(50_000_000),
        reorder: 0.02,
        duplicate: 0.02,
    }
}

/// Writes, a clock that is wrong, a pause, a crash and a restart; all settled when it ends.
fn story(plan: &Plan) -> String {
    let mut cluster = plan.boot();
    let cluster = cluster.as_mut();
    live(cluster, 3.0);
    for node in 0..plan.nodes / 2 {
        let put = Command::Put { key: "key".into(), value: [node as u8; 300].as_slice().into() };
        act(cluster, node, Action::Command(put));
        live(cluster, 0.037);
    }
    act(cluster, 4, Action::Pace(Pace::of(1.3)));
    act(cluster, 1, Action::Crash);
    act(cluster, 2, Action::Pause);
    live(cluster, 4.0);
    act(cluster, 2, Action::Resume);
    act(cluster, 4, Action::Pace(Pace::of(0.7)));
    act(cluster, 3, Action::Restart);
    let seeds = cluster.contacts()[4..6].to_vec();
    act(cluster, 3, Action::Command(Command::Join { seeds }));
    live(cluster, 8.0);
    event_hash(cluster)
}

fn rough_plan(fidelity: Fidelity) -> Plan {
    Plan { network: rough(), ..Plan::new(24, fidelity) }
}

#[test]
fn a_run_repeats_on_any_number_of_shards() {
    for fidelity in [Fidelity::Message, Fidelity::Quic] {
        let plan = rough_plan(fidelity);
        let alone = story(&plan);
        for shards in [1, 2, 3, 5] {
            assert_eq!(story(&Plan { shards, ..plan.clone() }), alone, "{fidelity:?}, {shards} shards");
        }
        assert_ne!(story(&Plan { seed: 2, ..plan }), alone, "another seed is another run");
    }
}

#[test]
fn how_nodes_hold_their_view_changes_nothing() {
    let uniform = Config { peers: Peers::Uniform, ..Config::default() };
    let full = Config { state: StateTransfer::Full { every: Duration::from_secs(1) }, ..Config::default() };
    for node in [Config::default(), uniform, full] {
        let compact = Plan { node, ..rough_plan(Fidelity::Message) };
        let dense = Plan { compact: false, ..compact.clone() };
        assert_eq!(story(&compact), story(&dense), "{:?}", compact.node);
    }
}

#[test]
fn how_far_a_run_goes_at_once_changes_nothing() {
    let hash = |step: f64, steps: usize| {
        let mut cluster = Plan { shards: 2, ..rough_plan(Fidelity::Message) }.boot();
        for _ in 0..steps {
            live(cluster.as_mut(), step);
        }
        event_hash(cluster.as_mut())
    };
    assert_eq!(hash(10.0, 1), hash(0.125, 80));
}

#[test]
fn a_look_is_the_sum_of_a_census() {
    for fidelity in [Fidelity::Message, Fidelity::Quic] {
        let mut cluster = Plan { shards: 3, ..rough_plan(fidelity) }.boot();
        let cluster = cluster.as_mut();
        live(cluster, 2.0);
        act(cluster, 1, Action::Crash);
        act(cluster, 2, Action::Pause);
        act(cluster, 3, Action::Restart);
        // Some acknowledgements are under way, and some overdue.
        live(cluster, 1.013);
        let (look, census) = (cluster.look().expect("it goes on"), cluster.census().expect("it goes on"));
        let summed = Look::from(census);
        assert_eq!((&look.sent, &look.nodes), (&summed.sent, &summed.nodes), "{fidelity:?}");
        assert!(look.nodes[1].crashed && look.nodes[0].alive > 0 && look.sent.packets > 0);
    }
}
