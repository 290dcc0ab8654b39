//! How much memory a message takes when it is read, whatever is in it, and a member when it is known.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use allocation_counter::measure;
use proptest::prelude::*;
use rumormill_node::{Body, Compression, Message, Names, Node, Record, Standing};
use rumormill_protocol::{
    Command, Contact, MAX_MESSAGE_BYTES, NodeId, Protocol, Start, Status, Time, Wire, put_varint,
};

/// The most that is allocated for each byte of a message before compression: a record takes 2 bytes on the wire, and in
/// memory 48, up to three times that while its list grows; an entry 3 bytes and, with its blocks, less for each.
const BYTES_PER_BYTE: u64 = 80;

/// The most for any message, and the most before anything is read.
const AT_MOST: u64 = 9 * MAX_MESSAGE_BYTES as u64;
const AT_LEAST: u64 = 1_024;

/// The most that is allocated at once while a message is read.
fn taken(bytes: &[u8]) -> u64 {
    measure(|| drop(Message::decode(bytes))).bytes_max
}

/// A message of a few hundred bytes that says it is a megabyte.
fn bomb(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1 << 6 | kind << 1 | 1];
    put_varint(&mut bytes, body.len() as u64);
    bytes.extend(zstd::bulk::compress(body, 1).expect("zstd compresses"));
    bytes
}

/// Bodies that repeat a few bytes: lists of the shortest records and entries there are, and of none.
fn repeated() -> Vec<Vec<u8>> {
    let run = [&[1, 0xff, 0xff, 3][..], &[1, 0, 0].repeat(65_535)].concat();
    let mut bodies: Vec<Vec<u8>> = (0u8..=255).map(|byte| vec![byte; MAX_MESSAGE_BYTES]).collect();
    bodies.extend([&[1, 8][..], &[1, 1, 1, 0, 0], &run].map(|part| {
        let mut body = part.repeat(MAX_MESSAGE_BYTES / part.len());
        body.truncate(MAX_MESSAGE_BYTES / part.len() * part.len());
        body
    }));
    bodies
}

#[test]
fn no_forged_message_takes_more_than_nine_times_the_longest() {
    let mut most = 0;
    for body in repeated() {
        for kind in 0..32 {
            let bytes = bomb(kind, &body);
            assert!(bytes.len() < 1_000, "it is no bomb: {}", bytes.len());
            most = most.max(taken(&bytes));
        }
    }
    assert!(most <= AT_MOST, "{most}");
    assert!(most > AT_MOST / 4, "the test has lost its teeth: {most}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_takes_at_most_80_times_its_length(
        kind in 0u8..32,
        parts in proptest::collection::vec((proptest::collection::vec(0u8..20, 1..6), 1usize..300), 1..5),
    ) {
        let mut bytes = vec![1 << 6 | kind << 1];
        bytes.extend(parts.into_iter().flat_map(|(part, times)| part.repeat(times)));
        prop_assert!(taken(&bytes) <= BYTES_PER_BYTE * bytes.len() as u64 + AT_LEAST);
    }
}

/// A node that has learned of `count` members from another's table and has nothing to tell.
fn learned(count: u32, status: Status) -> Node {
    let address = |number: u32| SocketAddr::from((number.to_be_bytes(), 7_946));
    let start = Start { me: NodeId(0), address: address(0), generation: 0, seed: 1 };
    let mut node = Node::new(&Arc::default(), &start, Time::ZERO);
    let seeds = vec![Contact { id: NodeId(1), address: address(1) }];
    node.handle_command(Time::ZERO, Command::Join { seeds });
    let record = |number| {
        let standing = Standing::first_of_life(0).with(status);
        Record {
            member: NodeId(number),
            standing,
            accuser: None,
            address: standing.is_member().then(|| address(number)),
        }
    };
    let body =
        Body::Members { first: 0, more: false, dense: Vec::new(), records: (1..count).map(record).collect() };
    let message = Message { names: Names::Full, compression: Compression::None, body };
    node.handle_message(Time::ZERO, NodeId(1), message);
    while node.poll_output().is_some() {}
    node
}

/// Bytes for each of 10,000 members more, beside what a node takes anyway.
fn bytes_per_member(status: Status) -> f64 {
    let takes = |count| {
        let mut node = None;
        let info = measure(|| node = Some(learned(count, status)));
        assert!(node.is_some_and(|node| node.poll_timeout() > Some(Time::ZERO + Duration::from_nanos(1))));
        info.bytes_current as f64
    };
    (takes(20_000) - takes(10_000)) / 10_000.0
}

#[test]
fn a_known_member_takes_sixteen_bytes_at_most() {
    for status in [Status::Alive, Status::Dead] {
        let bytes = bytes_per_member(status);
        println!("{status:?}: {bytes} bytes a member");
        assert!(bytes <= 16.0, "{status:?}: {bytes}");
        assert!(bytes >= 4.0, "a standing alone takes four: {bytes}");
    }
}
