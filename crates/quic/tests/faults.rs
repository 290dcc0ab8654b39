//! Faults and modelled networks on real nodes. Nothing here depends on how fast the machine is.

mod chatter;
mod stage;

use std::{net::UdpSocket, sync::Arc, time::Duration};

use chatter::{Chatter, Diary, FRIENDS, Greeting, Heard};
use rumormill_lab::{Action, Cluster, Impairment, Pace};
use rumormill_link::NetworkConfig;
use rumormill_measure::{IpVersion, Ledger};
use rumormill_protocol::{Command, LinkEvent, NodeId, WarmBoot};
use rumormill_quic::LocalCluster;
use stage::{census, command_all, is_greeting, launch, launch_on, run_until, warm};

const ZERO: NodeId = NodeId(0);

fn act(cluster: &mut LocalCluster<Chatter>, node: NodeId, action: Action) {
    cluster.act(node, action).expect("the cluster runs");
}

fn warm_again(cluster: &mut LocalCluster<Chatter>, node: NodeId) {
    let boot = WarmBoot::new(cluster.contacts(), Vec::new());
    act(cluster, node, Action::Command(Command::Warm(Arc::new(boot))));
}

fn rest(cluster: &mut LocalCluster<Chatter>, duration: Duration) {
    cluster.advance_to(cluster.now() + duration).expect("the cluster runs");
}

fn ledger(cluster: &mut LocalCluster<Chatter>, node: NodeId) -> Ledger {
    census(cluster).nodes[node.index()].ledger.clone()
}

/// How many of the greetings that a node got from another are from this life of it.
fn greetings(diary: &Diary, at: u32, from: u32, life: u8) -> usize {
    diary.count(at, from, |heard| *heard == Heard::Greeting(Greeting(vec![life; 100])))
}

/// A cluster in which the friends of node 0 have heard of it.
fn acquainted(nodes: usize, diary: &Diary) -> LocalCluster<Chatter> {
    let mut cluster = launch(nodes, diary);
    warm(&mut cluster);
    run_until(&mut cluster, |_| (1..=FRIENDS).all(|friend| diary.count(friend, 0, is_greeting) > 2));
    cluster
}

#[test]
fn a_restarted_node_is_new_and_its_ledger_goes_on() {
    let diary = Diary::default();
    let mut cluster = acquainted(5, &diary);
    let mut before = ledger(&mut cluster, ZERO);
    for (life, crash_first) in [(1, false), (2, true)] {
        if crash_first {
            act(&mut cluster, ZERO, Action::Crash);
            assert!(census(&mut cluster).nodes[0].crashed);
        }
        act(&mut cluster, ZERO, Action::Restart);
        let restarted = census(&mut cluster).nodes[0].clone();
        assert!(!restarted.crashed);
        assert_eq!(restarted.alive, 1, "it remembers nobody");
        assert!((1..5).all(|peer| greetings(&diary, peer, 0, life) == 0), "it is silent");
        warm_again(&mut cluster, ZERO);
        run_until(&mut cluster, |_| (1..=FRIENDS).all(|friend| greetings(&diary, friend, 0, life) > 2));
        let after = ledger(&mut cluster, ZERO);
        assert!(after.packets > before.packets && after.quic_bytes > before.quic_bytes);
        assert!(after.dials >= before.dials + u64::from(FRIENDS));
        assert!(after.packets_received > before.packets_received);
        before = after;
        for friend in 1..=FRIENDS {
            assert_eq!(turns(&diary, friend, life), (1, 1), "friend {friend}, life {life}");
        }
        let views = cluster.inspect(&[ZERO, NodeId(4)], &[ZERO]).expect("the cluster runs");
        assert_eq!(views[1].lives, [u32::from(life), 0]);
    }
}

/// Between the last greeting of the life before and the first of this one: whether there was a `Down`, and whether
/// an `Up` came after it.
fn turns(diary: &Diary, at: u32, life: u8) -> (usize, usize) {
    let entries = diary.entries();
    let heard: Vec<_> = entries
        .iter()
        .filter(|entry| entry.at == NodeId(at) && entry.from == ZERO)
        .map(|entry| &entry.heard)
        .collect();
    let greeting = |life: u8| Heard::Greeting(Greeting(vec![life; 100]));
    let last = heard.iter().rposition(|heard| **heard == greeting(life - 1)).expect("it was heard");
    let first = heard.iter().position(|heard| **heard == greeting(life)).expect("it was heard");
    let between = &heard[last..first];
    let down = between.iter().position(|heard| **heard == Heard::Link(LinkEvent::Down));
    let up = between.iter().rposition(|heard| **heard == Heard::Link(LinkEvent::Up));
    (usize::from(down.is_some()), usize::from(up > down))
}

#[test]
fn a_paused_node_stands_still_and_then_hears_what_waited() {
    let diary = Diary::default();
    let mut cluster = acquainted(5, &diary);
    run_until(&mut cluster, |_| diary.count(0, 2, is_greeting) > 2);
    act(&mut cluster, ZERO, Action::Pause);
    act(&mut cluster, ZERO, Action::Command(Command::Leave));
    let (still, heard) = (census(&mut cluster).nodes[0].clone(), diary.count(0, 2, is_greeting));
    rest(&mut cluster, Duration::from_millis(300));
    for peer in 1..5 {
        act(&mut cluster, NodeId(peer), Action::Command(Command::Leave));
    }
    let now = census(&mut cluster).nodes[0].clone();
    assert_eq!((&now.ledger, now.alive, now.crashed), (&still.ledger, 1 + FRIENDS as usize, false));
    assert_eq!(diary.count(0, 2, is_greeting), heard);
    // By now nobody greets: what it hears from here on was sent while it stood still.
    act(&mut cluster, ZERO, Action::Resume);
    run_until(&mut cluster, |_| diary.count(0, 2, is_greeting) > heard);
    assert_eq!(census(&mut cluster).nodes[0].alive, 1, "it left as it was told");
}

#[test]
fn a_node_whose_clock_is_slow_acts_no_more_often_than_its_clock_says() {
    let diary = Diary::default();
    let mut cluster = acquainted(5, &diary);
    act(&mut cluster, ZERO, Action::Pace(Pace::of(0.1)));
    let before = ledger(&mut cluster, ZERO);
    let begun = cluster.now();
    rest(&mut cluster, Duration::from_millis(500));
    let sent = ledger(&mut cluster, ZERO).since(&before).messages.iter().sum::<u64>();
    // A round every 20 ms of its own, and one that was due already.
    let rounds = ((cluster.now() - begun).as_millis() / 10).div_ceil(20) as u64 + 1;
    assert!(sent <= rounds * u64::from(FRIENDS), "{sent} messages in {rounds} rounds");
    act(&mut cluster, ZERO, Action::Pace(Pace::of(1.0)));
    let heard = diary.count(1, 0, is_greeting);
    run_until(&mut cluster, |_| diary.count(1, 0, is_greeting) > heard + 10);
}

#[test]
fn what_waits_at_a_blocked_node_goes_through_afterwards() {
    let diary = Diary::default();
    let mut cluster = acquainted(5, &diary);
    run_until(&mut cluster, |_| diary.count(0, 2, is_greeting) > 2);
    act(&mut cluster, ZERO, Action::Block { reading: Duration::ZERO });
    rest(&mut cluster, Duration::from_millis(100));
    let heard = [diary.count(0, 2, is_greeting), diary.count(2, 0, is_greeting)];
    rest(&mut cluster, Duration::from_millis(300));
    assert_eq!([diary.count(0, 2, is_greeting), diary.count(2, 0, is_greeting)], heard);
    act(&mut cluster, ZERO, Action::Unblock);
    run_until(&mut cluster, |_| {
        diary.count(0, 2, is_greeting) > heard[0] && diary.count(2, 0, is_greeting) > heard[1]
    });
}

#[test]
fn a_node_may_crash_or_restart_while_it_is_paused() {
    let diary = Diary::default();
    let mut cluster = acquainted(5, &diary);
    act(&mut cluster, ZERO, Action::Pause);
    act(&mut cluster, ZERO, Action::Crash);
    act(&mut cluster, ZERO, Action::Resume);
    let crashed = census(&mut cluster).nodes[0].clone();
    assert!(crashed.crashed);
    act(&mut cluster, ZERO, Action::Restart);
    act(&mut cluster, ZERO, Action::Pause);
    act(&mut cluster, ZERO, Action::Restart);
    warm_again(&mut cluster, ZERO);
    run_until(&mut cluster, |_| greetings(&diary, 1, 0, 2) > 0);
    assert_eq!(greetings(&diary, 1, 0, 1), 0);
}

#[test]
fn a_one_way_fault_stops_one_way() {
    let diary = Diary::default();
    let mut cluster = acquainted(4, &diary);
    run_until(&mut cluster, |_| diary.count(0, 1, is_greeting) > 2);
    let impairment = Impairment {
        toward: Some(Arc::new([NodeId(1)].into_iter().collect())),
        loss: 1.0,
        delay: Duration::ZERO,
    };
    act(&mut cluster, ZERO, Action::Impair { fault: 7, impairment });
    let count = |at, from| diary.count(at, from, is_greeting);
    let (back, aside) = (count(0, 1), count(2, 0));
    run_until(&mut cluster, |_| count(0, 1) >= back + 5 && count(2, 0) >= aside + 5);
    let (forth, aside) = (count(1, 0), count(2, 0));
    run_until(&mut cluster, |_| count(2, 0) >= aside + 10);
    assert_eq!(count(1, 0), forth);
    let nodes = census(&mut cluster).nodes;
    assert!(nodes[0].ledger.lost_packets >= 10);
    assert!(nodes[1..].iter().all(|node| node.ledger.lost_packets == 0));
    act(&mut cluster, ZERO, Action::Repair { fault: 7 });
    run_until(&mut cluster, |_| count(1, 0) > forth);
}

#[test]
fn latency_is_met_three_times_before_the_first_message_arrives() {
    let diary = Diary::default();
    let latency = Duration::from_millis(60);
    let mut cluster = launch_on(NetworkConfig { latency, ..NetworkConfig::default() }, 5, &diary);
    let begun = cluster.now();
    warm(&mut cluster);
    run_until(&mut cluster, |_| !diary.entries().is_empty());
    assert!(cluster.now() - begun >= 2 * latency, "a connection takes a round trip");
    run_until(&mut cluster, |_| diary.entries().iter().any(|entry| is_greeting(&entry.heard)));
    assert!(cluster.now() - begun >= 3 * latency, "and a message one way more");
}

#[test]
fn what_the_network_did_not_lose_is_received() {
    let diary = Diary::default();
    let network = NetworkConfig {
        latency: Duration::from_millis(1),
        jitter: Duration::from_millis(2),
        loss: 0.05,
        duplicate: 0.05,
        ..NetworkConfig::default()
    };
    let mut cluster = launch_on(network, 5, &diary);
    warm(&mut cluster);
    run_until(&mut cluster, |_| diary.entries().len() > 500);
    command_all(&mut cluster, &Command::Leave);
    run_until(&mut cluster, |cluster| {
        let census = census(cluster);
        let mut sum = Ledger::default();
        census.nodes.iter().for_each(|node| sum.add(&node.ledger));
        assert_eq!((sum.send_refused, census.kernel_drops), (0, 0), "a few packets fit in any buffer");
        assert!(sum.lost_packets > 0 && sum.copied_packets > 0);
        (sum.packets + sum.copied_packets, sum.quic_bytes + sum.copied_quic_bytes)
            == (sum.packets_received + sum.lost_packets, sum.quic_bytes_received + sum.lost_quic_bytes)
    });
}

#[test]
fn the_interface_carries_at_least_what_the_nodes_sent() {
    for ip in [IpVersion::V4, IpVersion::V6] {
        if UdpSocket::bind((ip.loopback(), 0)).is_err() {
            eprintln!("not checked: there is no {ip} here");
            continue;
        }
        let diary = Diary::default();
        let mut cluster = launch_on(NetworkConfig { ip, ..NetworkConfig::default() }, 5, &diary);
        assert!(cluster.contacts().iter().all(|contact| contact.address.ip() == ip.loopback()));
        // Nothing to compare with where the kernel does not say.
        let Some(before) = census(&mut cluster).interface else { return };
        warm(&mut cluster);
        run_until(&mut cluster, |_| diary.entries().len() > 200);
        let now = census(&mut cluster);
        let after = now.interface.expect("it was there before");
        let sent: u64 = now.nodes.iter().map(|node| node.ledger.kernel_bytes(ip)).sum();
        assert!(after.wire_bytes - before.wire_bytes >= sent, "{sent} bytes on {ip}");
        assert!(after.packets - before.packets >= now.nodes.iter().map(|node| node.ledger.packets).sum());
    }
}
