//! Two and more hosts over real QUIC in virtual time.

mod world;

use std::time::Duration;

use rumormill_link::LinkConfig;
use rumormill_protocol::{Cause, Channel, LinkEvent, MAX_MESSAGE_BYTES, NodeId, Output};
use world::{IDLE, Note, World, at, connect, send};

/// A world in which 0 and 1 have dialled each other at once, and all is quiet.
fn pair() -> World {
    let mut world = World::new(2);
    world.want(0, [connect(1)]);
    world.want(1, [connect(0)]);
    world.run_until(at(1.0));
    assert_eq!((world.hosts[0].links_up(), world.hosts[1].links_up()), (1, 1));
    world
}

#[test]
fn a_connection_comes_up_once_at_both_ends() {
    let mut world = World::new(2);
    world.want(0, [connect(1)]);
    assert_eq!(world.hosts[0].links_pending(), 1);
    world.run_until(at(1.0));
    for (node, peer) in [(0, 1), (1, 0)] {
        assert_eq!(world.heard_link(node, peer, LinkEvent::Up), 1);
        assert_eq!(world.heard_link(node, peer, LinkEvent::Down), 0);
        assert_eq!(world.hosts[node].links_up(), 1);
        assert_eq!(world.hosts[node].ledger().handshakes_failed, 0);
    }
    assert_eq!(world.hosts[0].links_pending(), 0);
    assert_eq!((world.hosts[0].ledger().dials, world.hosts[1].ledger().dials), (1, 0));
}

#[test]
fn a_message_dials_and_arrives() {
    let mut world = World::new(2);
    let notes = [vec![1; 10], vec![2; 5_000]];
    world.want(0, notes.clone().map(|note| send(1, Channel::Datagram, note)));
    world.run_until(at(1.0));
    assert_eq!(world.heard_notes(1, 0), notes, "one as a datagram, one too large for that");
    world.run_until(at(40.0));
    assert_eq!(world.hosts[0].links_up(), 0, "nobody asked to hold the connection");
    assert_eq!(world.heard_link(1, 0, LinkEvent::Down), 1);
}

#[test]
fn of_two_dials_at_once_one_connection_stays() {
    let mut world = pair();
    assert_eq!((world.hosts[0].ledger().dials, world.hosts[1].ledger().dials), (1, 1));
    for (node, peer) in [(0, 1), (1, 0)] {
        let (ups, downs) =
            (world.heard_link(node, peer, LinkEvent::Up), world.heard_link(node, peer, LinkEvent::Down));
        assert_eq!(ups, downs + 1);
        assert_eq!(world.hosts[node].ledger().handshakes_failed, 0);
    }
    world.want(0, [send(1, Channel::Stream, vec![1])]);
    world.want(1, [send(0, Channel::Stream, vec![2])]);
    world.run_until(at(2.0));
    assert_eq!((world.heard_notes(1, 0), world.heard_notes(0, 1)), (vec![vec![1]], vec![vec![2]]));
}

#[test]
fn messages_of_one_drain_share_a_packet() {
    let mut world = pair();
    let before = world.sent[0].1;
    let notes = [(Channel::Datagram, 1), (Channel::Stream, 2), (Channel::Datagram, 3)];
    world.want(0, notes.map(|(channel, note)| send(1, channel, vec![note; 50])));
    assert_eq!(world.sent[0].1 - before, 1);
    world.run_until(world.now + Duration::from_secs(1));
    assert_eq!(world.sent[0].1 - before, 1);
    assert_eq!(world.heard_notes(1, 0).len(), 3);
}

#[test]
fn a_silent_peer_is_given_up_after_three_seconds() {
    let mut world = World::new(2);
    world.deaf.insert(1);
    world.want(0, [send(1, Channel::Datagram, vec![1])]);
    world.run_until(at(2.99));
    assert_eq!(world.heard_link(0, 1, LinkEvent::DialFailed), 0);
    world.run_until(at(3.01));
    assert_eq!(world.heard_link(0, 1, LinkEvent::DialFailed), 1);
    assert_eq!(world.hosts[0].ledger().handshakes_failed, 1);
    assert_eq!(world.hosts[0].messages_dropped(), 1);
    world.run_until(at(60.0));
    assert_eq!(world.heard_link(0, 1, LinkEvent::DialFailed), 1, "nobody asked to try again");
    assert_eq!(world.hosts[0].ledger().messages[Cause::Other.index()], 0);
}

#[test]
fn a_peer_that_falls_silent_is_down_after_the_idle_time_and_found_again() {
    let mut world = pair();
    let ups = world.heard_link(0, 1, LinkEvent::Up);
    let downs = world.heard_link(0, 1, LinkEvent::Down);
    world.deaf.insert(1);
    world.run_until(world.now + IDLE + Duration::from_secs(1));
    assert_eq!(world.heard_link(0, 1, LinkEvent::Down), downs + 1);
    assert_eq!(world.hosts[0].links_pending(), 1);
    world.deaf.clear();
    world.run_until(world.now + Duration::from_secs(10));
    // Both dial again, perhaps at once.
    assert!(world.heard_link(0, 1, LinkEvent::Up) > ups);
    assert_eq!((world.hosts[0].links_up(), world.hosts[1].links_up()), (1, 1));
}

#[test]
fn a_peer_that_does_not_keep_up_is_cut_off() {
    let mut world = pair();
    let downs = world.heard_link(0, 1, LinkEvent::Down);
    world.deaf.insert(1);
    let megabyte = || send(1, Channel::Stream, vec![1; MAX_MESSAGE_BYTES]);
    world.want(0, (0..16).map(|_| megabyte()));
    assert_eq!(world.hosts[0].ledger().overflows, 0);
    world.want(0, (0..2).map(|_| megabyte()));
    assert_eq!(world.hosts[0].ledger().overflows, 1);
    assert_eq!(world.heard_link(0, 1, LinkEvent::Down), downs + 1);
}

#[test]
fn a_stream_delivers_large_messages_in_order() {
    let mut world = pair();
    let notes: Vec<Vec<u8>> = (0..40).map(|note| vec![note; 80_000 * usize::from(note % 5)]).collect();
    world.want(0, notes.iter().map(|note| send(1, Channel::Stream, note.clone())));
    world.run_until(world.now + Duration::from_secs(60));
    assert!(world.heard_notes(1, 0) == notes);
    assert_eq!(world.hosts[0].ledger().messages[Cause::Other.index()], 40);
}

#[test]
fn the_ledger_counts_every_byte_once_at_its_sender() {
    let mut world = World::new(3);
    world.want(0, [connect(1), connect(2)]);
    for round in 0..20 {
        world.want(0, [send(1, Channel::Datagram, vec![1; 300]), send(2, Channel::Stream, vec![2; 3_000])]);
        world.want(1, [send(0, Channel::Datagram, vec![1; 100])]);
        world.run_until(at(f64::from(round) * 0.3));
    }
    world.run_until(at(60.0));
    let mut received = (0, 0);
    let mut sent = (0, 0);
    for node in 0..3 {
        let ledger = world.hosts[node].ledger();
        assert_eq!((ledger.quic_bytes, ledger.packets), world.sent[node]);
        assert!(ledger.handshake_bytes > 2_000);
        assert!(ledger.handshake_bytes + ledger.ack_bytes + ledger.close_bytes <= ledger.quic_bytes);
        sent = (sent.0 + ledger.quic_bytes, sent.1 + ledger.packets);
        received = (received.0 + ledger.quic_bytes_received, received.1 + ledger.packets_received);
        assert_eq!(ledger.garbage_packets, 0);
    }
    assert_eq!(sent, received, "no packet was lost");
    assert!(world.hosts[1].ledger().ack_bytes > 0);
    let ledger = world.hosts[0].ledger();
    assert_eq!(ledger.messages[Cause::Other.index()], 40);
    assert_eq!(ledger.compressed[Cause::Other.index()], 20 * 3_300);
}

#[test]
fn garbage_is_counted_and_too_much_of_it_closes() {
    let mut world = pair();
    let before = world.strings[1].heard().len();
    world.inject(1, &[0; 50]);
    world.inject(1, &[0xc3; 1_300]);
    assert_eq!(world.hosts[1].ledger().garbage_packets, 2);
    assert_eq!(world.strings[1].heard().len(), before);
    for (round, downs) in [(50, 0), (50, 0), (1, 1)] {
        let before = world.heard_link(1, 0, LinkEvent::Down);
        world.want(0, (0..round).map(|_| send(1, Channel::Stream, vec![0xff])));
        world.run_until(world.now + Duration::from_millis(500));
        assert_eq!(world.heard_link(1, 0, LinkEvent::Down) - before, downs);
    }
    assert_eq!(world.hosts[1].ledger().garbage_messages, 101);
}

#[test]
fn a_node_at_the_address_of_another_is_not_taken_for_it() {
    let mut world = World::new(3);
    let address = std::net::SocketAddr::from(([10, 0, 0, 1], 1_002));
    world.want(0, [Output::Introduce { id: NodeId(1), address }, connect(1)]);
    world.run_until(at(0.5));
    assert_eq!(world.heard_link(0, 1, LinkEvent::DialFailed), 1);
    assert_eq!(world.hosts[0].ledger().handshakes_failed, 1);
    assert_eq!(world.hosts[2].ledger().handshakes_failed, 1);
    assert!(world.strings[2].heard().is_empty());
}

#[test]
fn an_unknown_address_fails_the_dial_at_once() {
    let mut world = World::new(1);
    world.want(0, [connect(77), send(88, Channel::Stream, vec![1])]);
    assert_eq!(world.heard_link(0, 77, LinkEvent::DialFailed), 1);
    assert_eq!(world.heard_link(0, 88, LinkEvent::DialFailed), 1);
    assert_eq!(world.sent[0], (0, 0));
}

#[test]
fn a_check_counts_when_it_is_asked_for_and_a_message_when_it_goes_to_a_connection() {
    let mut world = World::new(1);
    let probe = || Output::Send {
        to: NodeId(88),
        channel: Channel::Datagram,
        cause: Cause::Probe,
        message: Note(vec![1]),
    };
    world.want(0, [probe(), probe(), send(88, Channel::Datagram, vec![1])]);
    let ledger = world.hosts[0].ledger();
    assert_eq!((ledger.checks, ledger.messages), (2, [0; Cause::ALL.len()]));
}

#[test]
fn a_full_host_neither_dials_nor_accepts() {
    let mut world = World::with(4, &LinkConfig { connections: 1, ..LinkConfig::default() });
    world.want(0, [connect(1)]);
    world.run_until(at(0.5));
    world.want(0, [connect(2)]);
    world.want(3, [connect(1)]);
    world.run_until(at(1.0));
    assert_eq!((world.hosts[0].links_up(), world.hosts[0].ledger().dials), (1, 1));
    assert_eq!(
        (world.heard_link(0, 2, LinkEvent::DialFailed), world.heard_link(3, 1, LinkEvent::Up)),
        (1, 0)
    );
    assert_eq!((world.hosts[1].links_up(), world.hosts[3].ledger().dials), (1, 1));
}

#[test]
fn a_packet_that_the_system_refuses_was_not_sent() {
    let mut world = World::new(2);
    world.strings[0].pull([connect(1)]);
    world.hosts[0].handle_command(at(0.0), rumormill_protocol::Command::Leave);
    let before = world.hosts[0].ledger().clone();
    let transmit = world.hosts[0].poll_transmit(at(0.0), &mut Vec::new()).expect("a dial sends a packet");
    world.hosts[0].refused(&transmit);
    let mut after = world.hosts[0].ledger().clone();
    assert_eq!(std::mem::take(&mut after.send_refused), 1);
    assert_eq!(after, before);
}
