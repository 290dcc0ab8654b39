//! Under the stand-in, the same packets leave the same hosts at the same times as under TLS.

mod world;

use std::time::Duration;

use rumormill_link::Host;
use rumormill_measure::Ledger;
use rumormill_protocol::{Cause, Channel, LinkEvent, NodeId, Output, Time};
use world::{Crypto, Note, Packet, World, address};

/// All that a world does, and what its nodes noticed of it.
#[derive(Debug, PartialEq)]
struct Record {
    packets: Vec<Packet>,
    links: Vec<Vec<(Time, NodeId, LinkEvent)>>,
    notes: Vec<(usize, usize)>,
    ledgers: Vec<Ledger>,
}

fn send(to: u32, channel: Channel, bytes: usize) -> Output<Note> {
    Output::Send { to: NodeId(to), channel, cause: Cause::Other, message: Note(vec![7; bytes]) }
}

fn connect(to: u32) -> Output<Note> {
    Output::Connect(NodeId(to))
}

/// A bit of everything that connections go through. Node 3 never starts, and so refuses all.
fn play(world: &mut World) {
    for node in 0..3 {
        world.start(node);
    }
    world.want(0, [connect(1), send(2, Channel::Datagram, 200)]);
    world.run_for(1.0);
    // Both dial at once.
    world.want(1, [connect(2)]);
    world.want(2, [connect(1)]);
    world.run_for(1.0);
    world.want(0, [connect(3), send(3, Channel::Stream, 10)]);
    world.want(0, (0..30).map(|note| send(1, Channel::Datagram, 40 * note)));
    world.run_for(1.0);
    world.want(1, (0..30).map(|note| send(0, Channel::Stream, 100 * note)));
    world.run_for(1.0);
    // Enough packets for several phases of the keys in both directions.
    world.want(0, (0..30).map(|_| send(1, Channel::Stream, 100_000)));
    for _ in 0..1_500 {
        world.want(1, [send(0, Channel::Datagram, 200), send(2, Channel::Datagram, 200)]);
        world.run_for(0.01);
    }
    // What arrives from nowhere: another version of QUIC, and something like the middle of a connection.
    for node in 0..4 {
        world.inject(node, &[0xc3; 1_200]);
        world.inject(node, &[0x43; 100]);
    }
    // Another node is where 1 is thought to be.
    let wrong = Output::Introduce { id: NodeId(1), address: address(0) };
    world.want(2, [Output::Disconnect(NodeId(1)), wrong]);
    world.want(1, [Output::Disconnect(NodeId(2))]);
    world.run_for(60.0);
    world.want(2, [connect(1)]);
    world.run_for(5.0);
    // The next life of 1 knows nothing of its connections, and says so.
    world.want(0, [send(1, Channel::Datagram, 100)]);
    world.restart(1);
    world.start(1);
    world.want(0, [send(1, Channel::Datagram, 100)]);
    world.run_for(60.0);
}

fn record(crypto: Crypto, seed: u64, loss_percent: u64) -> Record {
    let mut world = World::new(crypto, 4, seed, loss_percent);
    play(&mut world);
    let diaries = world.diaries.iter().map(|diary| diary.lock().expect("all is over"));
    let (links, notes) = diaries.map(|diary| (diary.links.clone(), (diary.notes, diary.note_bytes))).unzip();
    let ledgers = world.hosts.iter().map(|host| comparable(host.ledger().clone())).collect();
    Record { packets: world.packets, links, notes, ledgers }
}

/// A packet that belongs to a handshake given up is taken for the beginning of another if its header, under the wrong
/// key, happens to make sense. What TLS sends is random, and so is this.
fn comparable(mut ledger: Ledger) -> Ledger {
    ledger.garbage_packets += std::mem::take(&mut ledger.handshakes_failed);
    ledger
}

fn assert_same(seed: u64, loss_percent: u64) -> Record {
    let real = record(Crypto::real(), seed, loss_percent);
    let null = record(Crypto::null(), seed, loss_percent);
    for (number, (null, real)) in null.packets.iter().zip(&real.packets).enumerate() {
        assert_eq!(null, real, "packet {number} of seed {seed} at {loss_percent} % loss");
    }
    assert_eq!(null.packets.len(), real.packets.len(), "packets of seed {seed} at {loss_percent} % loss");
    assert_eq!(null.links, real.links, "links of seed {seed} at {loss_percent} % loss");
    assert_eq!(null.notes, real.notes, "messages of seed {seed} at {loss_percent} % loss");
    assert_eq!(null.ledgers, real.ledgers, "ledgers of seed {seed} at {loss_percent} % loss");
    null
}

#[test]
fn packet_for_packet_the_same() {
    let record = assert_same(1, 0);
    // The play does what it promises.
    assert!(record.packets.len() > 6_000);
    assert!(record.notes[1].1 >= 3_000_000);
    let heard = |node: usize, peer, link| {
        record.links[node].iter().filter(|&&(_, other, event)| (other, event) == (NodeId(peer), link)).count()
    };
    assert!(heard(0, 3, LinkEvent::DialFailed) > 0, "3 refuses");
    assert!(heard(2, 1, LinkEvent::DialFailed) > 0, "0 is not 1");
    assert!(heard(0, 1, LinkEvent::Down) > 0, "the next life of 1 resets");
}

#[test]
fn packet_for_packet_the_same_under_loss() {
    for seed in 0..6 {
        assert_same(seed, 2);
    }
    assert_same(7, 30);
}

#[test]
fn another_seed_makes_other_packets() {
    let [one, other] = [1, 2].map(|seed| record(Crypto::null(), seed, 0));
    assert_ne!(one.packets, other.packets);
}

/// What each costs. Memory is told right only when nothing else runs in the process:
/// `cargo test --release -p rumormill-crypto --test parity -- --ignored --nocapture cost_null`
#[test]
#[ignore = "prints, and finds out nothing"]
fn cost_real() {
    cost("real", Crypto::real());
}

#[test]
#[ignore = "prints, and finds out nothing"]
fn cost_null() {
    cost("null", Crypto::null());
}

fn cost(name: &str, crypto: Crypto) {
    const NODES: usize = 40;
    const CONNECTIONS: usize = NODES * (NODES - 1) / 2;
    const ROUNDS: usize = 30;
    let mut world = World::new(crypto, NODES, 1, 0);
    for node in 0..NODES {
        world.start(node);
    }
    let (memory, begun) = (resident_bytes(), cpu_time());
    for node in 0..NODES {
        let peers = (0..NODES).filter(|&peer| peer != node);
        world.want(node, peers.map(|peer| connect(peer as u32)));
        world.run_for(0.4);
    }
    let (handshakes, memory) = (cpu_time() - begun, resident_bytes() - memory);
    let up: usize = world.hosts.iter().map(Host::links_up).sum();
    assert_eq!(up, 2 * CONNECTIONS);
    let (packets, begun) = (world.packets.len(), cpu_time());
    for _ in 0..ROUNDS {
        for node in 0..NODES {
            let peers = (0..NODES).filter(|&peer| peer != node);
            world.want(node, peers.map(|peer| send(peer as u32, Channel::Datagram, 200)));
        }
        world.run_for(0.5);
    }
    let datagrams = cpu_time() - begun;
    println!(
        "{name}: {:?} a handshake, {:?} a datagram of 200 bytes ({:.1} packets), {} bytes an end",
        handshakes / CONNECTIONS as u32,
        datagrams / (2 * CONNECTIONS * ROUNDS) as u32,
        (world.packets.len() - packets) as f64 / (2 * CONNECTIONS * ROUNDS) as f64,
        memory / (2 * CONNECTIONS),
    );
}

fn resident_bytes() -> usize {
    4_096 * number("/proc/self/statm", 1) as usize
}

/// Of this thread.
fn cpu_time() -> Duration {
    Duration::from_nanos(number("/proc/thread-self/schedstat", 0))
}

#[expect(clippy::disallowed_methods, reason = "the kernel is asked what the test costs")]
fn number(file: &str, place: usize) -> u64 {
    let numbers = std::fs::read_to_string(file).expect("Linux tells everyone");
    numbers.split(' ').nth(place).and_then(|number| number.parse().ok()).expect("a line of numbers")
}
