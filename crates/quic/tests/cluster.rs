//! Real nodes on loopback. Nothing here depends on how fast the machine is, only on what happens in the end.

mod chatter;
mod outsider;
mod stage;

use std::{
    net::UdpSocket,
    sync::Arc,
    time::{Duration, Instant},
};

use chatter::{Chatter, Diary, FRIENDS, Greeting, Heard};
use rumormill_crypto::real::Authority;
use rumormill_lab::{Action, Census, Cluster, ClusterError};
use rumormill_link::{frame, server_name};
use rumormill_protocol::{Cause, Command, Event, LinkEvent, NodeId, Status};
use rumormill_quic::LocalCluster;
use stage::{census, command_all, is_greeting, launch, run_until, warm};

#[test]
fn ten_nodes_come_up_and_talk() {
    let diary = Diary::default();
    let mut cluster = launch(10, &diary);
    assert!(diary.entries().is_empty(), "nodes are silent until they are started");
    let equipment = cluster.equipment();
    assert!(equipment.real_time && equipment.crypto_provider.is_some());
    assert!(equipment.socket_receive_buffer_bytes > Some(0) && equipment.socket_send_buffer_bytes > Some(0));
    warm(&mut cluster);
    run_until(&mut cluster, |_| {
        (0..10).all(|node| (1..=FRIENDS).all(|step| diary.count((node + step) % 10, node, is_greeting) >= 5))
    });
    let now = census(&mut cluster);
    for node in &now.nodes {
        assert_eq!((node.links_up, node.links_pending, node.alive), (2 * FRIENDS as usize, 0, 4));
        assert!(!node.crashed);
        assert!(node.ledger.messages[Cause::Probe.index()] >= 15);
        assert_eq!(
            node.ledger.compressed[Cause::Probe.index()],
            100 * node.ledger.messages[Cause::Probe.index()]
        );
        assert_eq!((node.ledger.garbage_packets, node.ledger.handshakes_failed), (0, 0));
        assert_eq!((node.messages_dropped, node.ledger.lost_packets, node.ledger.copied_packets), (0, 0, 0));
    }
    assert!(now.lag.count() >= 50);
    let mut events = vec![Vec::new(); 10];
    cluster.drain_events(&mut |stamped| match stamped.event {
        Event::Wrote(dot) => events[stamped.node.index()].push((stamped.at, dot)),
        other => panic!("nobody says {other:?}"),
    });
    for (node, events) in events.iter().enumerate() {
        assert!(events.is_sorted());
        assert!(
            events
                .iter()
                .zip(1..)
                .all(|((_, dot), counter)| dot.counter == counter && dot.writer.index() == node)
        );
    }
    let views = cluster.inspect(&[NodeId(0), NodeId(5)], &[NodeId(4)]).expect("the cluster runs");
    assert_eq!(views.len(), 10);
    assert_eq!((views[4].node, &views[4].statuses), (NodeId(4), &vec![Status::Unknown, Status::Alive]));
    assert_eq!(views[4].lives, [0, 0]);
    assert!(views[4].versions[0] >= 5 && views[5].versions[0] == 0);
    Box::new(cluster).shut_down();
}

#[test]
fn what_nodes_send_is_what_nodes_receive() {
    let diary = Diary::default();
    let mut cluster = launch(8, &diary);
    warm(&mut cluster);
    run_until(&mut cluster, |_| diary.entries().len() > 500);
    command_all(&mut cluster, &Command::Leave);
    let totals = |census: &Census| {
        let sum = |count: fn(&rumormill_lab::NodeCensus) -> u64| census.nodes.iter().map(count).sum::<u64>();
        let sent = (sum(|node| node.ledger.packets), sum(|node| node.ledger.quic_bytes));
        let received =
            (sum(|node| node.ledger.packets_received), sum(|node| node.ledger.quic_bytes_received));
        let lost = sum(|node| node.ledger.send_refused) + census.kernel_drops;
        (sent, received, lost)
    };
    // Quiet before the idle time ends the connections: acknowledgements take some 25 ms.
    run_until(&mut cluster, |cluster| {
        let (sent, received, lost) = totals(&census(cluster));
        assert_eq!(lost, 0, "a few packets fit in any buffer");
        sent == received
    });
}

#[test]
fn a_crashed_node_falls_silent() {
    let diary = Diary::default();
    let mut cluster = launch(5, &diary);
    warm(&mut cluster);
    run_until(&mut cluster, |_| (1..=FRIENDS).all(|step| diary.count(step, 0, is_greeting) > 0));
    cluster.act(NodeId(0), Action::Crash).expect("the cluster runs");
    let crashed = census(&mut cluster).nodes[0].clone();
    assert!(crashed.crashed);
    let ended = |peer| {
        let entries = diary.entries();
        let mut links = entries.iter().filter(|entry| entry.at == NodeId(peer) && entry.from == NodeId(0));
        links
            .rfind(|entry| !is_greeting(&entry.heard))
            .is_some_and(|entry| entry.heard != Heard::Link(LinkEvent::Up))
    };
    run_until(&mut cluster, |_| (1..5).all(ended));
    let now = census(&mut cluster);
    assert_eq!(now.nodes[0].ledger, crashed.ledger);
    assert_eq!(now.nodes[0].links_up, 0);
    assert_eq!(cluster.inspect(&[], &[]).expect("the cluster runs").len(), 4);
    let greetings = || (1..5).map(|peer| diary.count(peer, 0, is_greeting)).sum::<usize>();
    let before = greetings();
    cluster.advance_to(cluster.now() + Duration::from_millis(200)).expect("the cluster runs");
    assert_eq!(greetings(), before);
}

#[test]
fn a_node_that_breaks_is_not_taken_for_a_silent_one() {
    let mut cluster = launch(4, &Diary::default());
    let put = Command::Put { key: "key".into(), value: Arc::new([]) };
    cluster.act(NodeId(2), Action::Command(put)).expect("the cluster runs");
    let lost = cluster.advance_to(cluster.now() + Duration::from_secs(60)).expect_err("the shard is gone");
    assert!(matches!(lost, ClusterError::Lost(_)), "{lost}");
    assert!(cluster.census().is_err());
}

#[test]
fn garbage_is_counted_and_changes_nothing() {
    let diary = Diary::default();
    let mut cluster = launch(1, &diary);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let garbage: [&[u8]; 4] = [&[], &[0; 1], &[0xff; 1_200], &[0x40; 2_000]];
    for bytes in garbage {
        socket.send_to(bytes, cluster.contacts()[0].address).expect("loopback is there");
    }
    run_until(&mut cluster, |cluster| census(cluster).nodes[0].ledger.garbage_packets == 4);
    let node = &census(&mut cluster).nodes[0];
    assert_eq!((node.links_up, node.ledger.handshakes_failed), (0, 0));
    assert!(diary.entries().is_empty());
}

#[test]
fn a_stranger_gets_no_further_than_the_handshake() {
    let diary = Diary::default();
    let mut cluster = started(&diary);
    let address = cluster.contacts()[0].address;
    let other_run = Authority::new().expect("the cryptography works");
    let credentials = other_run.credentials(NodeId(7)).expect("the cryptography works");
    let clients = [outsider::nobody(), outsider::impostor(NodeId(7)), credentials.client];
    let failures = clients.len() as u64;
    runtime().block_on(async {
        for crypto in clients {
            let endpoint = outsider::endpoint(crypto);
            let connecting = endpoint.connect(address, &server_name(NodeId(0))).expect("a valid name");
            // A client may take itself for connected until the node's refusal arrives.
            if let Ok(connection) = connecting.await {
                connection.closed().await;
            }
        }
    });
    run_until(&mut cluster, |cluster| census(cluster).nodes[0].ledger.handshakes_failed == failures);
    assert_eq!(census(&mut cluster).nodes[0].links_up, 0);
    assert!(diary.entries().is_empty());
}

#[test]
fn a_quinn_endpoint_with_a_certificate_of_the_run_connects() {
    let diary = Diary::default();
    let cluster = started(&diary);
    let address = cluster.contacts()[0].address;
    let credentials = cluster.authority().credentials(NodeId(7)).expect("the cryptography works");
    let heard = |heard: Heard| {
        let diary = &diary;
        async move {
            let begun = Instant::now();
            while diary.count(0, 7, |other| *other == heard) == 0 {
                assert!(begun.elapsed() < Duration::from_secs(60), "it was never heard");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    runtime().block_on(async {
        let endpoint = outsider::endpoint(credentials.client);
        let connecting = endpoint.connect(address, &server_name(NodeId(0))).expect("a valid name");
        let connection = connecting.await.expect("the node believes the certificate");
        heard(Heard::Link(LinkEvent::Up)).await;
        let mut stream = connection.open_uni().await.expect("the node allows a stream");
        stream.write_all(&frame(&[3; 5_000])).await.expect("the node reads");
        connection.send_datagram(vec![4; 100].into()).expect("the node takes datagrams");
        heard(Heard::Greeting(Greeting(vec![3; 5_000]))).await;
        heard(Heard::Greeting(Greeting(vec![4; 100]))).await;
        connection.close(0u32.into(), b"");
        heard(Heard::Link(LinkEvent::Down)).await;
    });
    assert_eq!(diary.entries().len(), 4);
}

#[test]
fn a_node_that_was_not_told_to_start_refuses_everyone() {
    let diary = Diary::default();
    let cluster = launch(1, &diary);
    let credentials = cluster.authority().credentials(NodeId(7)).expect("the cryptography works");
    runtime().block_on(async {
        let endpoint = outsider::endpoint(credentials.client);
        let address = cluster.contacts()[0].address;
        let connecting = endpoint.connect(address, &server_name(NodeId(0))).expect("a valid name");
        let refused = connecting.await.expect_err("nobody is there yet");
        assert!(matches!(refused, quinn::ConnectionError::ConnectionClosed(_)), "{refused}");
    });
    assert!(diary.entries().is_empty());
}

/// One node that has started, and knows nobody.
fn started(diary: &Diary) -> LocalCluster<Chatter> {
    let mut cluster = launch(1, diary);
    cluster.act(NodeId(0), Action::Command(Command::Join { seeds: Vec::new() })).expect("the cluster runs");
    // It is answered after the command.
    census(&mut cluster);
    cluster
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
