//! Instructions of the hot paths, counted under valgrind: the same each time, whatever else the machine does. What
//! a benchmark was given it gives back, so that making and dropping it are not counted.
#![allow(missing_docs, unused_qualifications, reason = "gungraun's macros make the functions")]

use std::{hint::black_box, time::Duration};

use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use rumormill_benches::{self as cases, Member};
use rumormill_node::{Body, Compression, Message, Names};
use rumormill_protocol::{DecodeError, NodeId, Wire};

const MEMBERS: u32 = 10_000;
const STILL: Duration = Duration::from_secs(1_000_000_000);

fn message(body: Body) -> (Message, Vec<u8>) {
    let message = Message { names: Names::Roster(MEMBERS), compression: Compression::None, body };
    (message, Vec::with_capacity(1 << 20))
}

fn bytes(body: Body) -> Vec<u8> {
    cases::encoded(body, Compression::None)
}

fn member(_: ()) -> Member {
    Member::warm(MEMBERS, STILL)
}

fn partner(_: ()) -> (Member, NodeId) {
    let member = Member::warm(MEMBERS, STILL);
    let (partner, _) = member.last_probe().expect("a node of a large cluster has partners");
    (member, partner)
}

#[library_benchmark(setup = message)]
#[bench::ping(cases::ping())]
#[bench::news(cases::news(40))]
#[bench::delta(cases::delta(100))]
#[bench::digest(cases::digest(MEMBERS))]
fn encode((message, mut out): (Message, Vec<u8>)) -> (Message, Vec<u8>) {
    black_box(&message).encode(&mut out);
    (message, out)
}

#[library_benchmark(setup = bytes)]
#[bench::ping(cases::ping())]
#[bench::news(cases::news(40))]
#[bench::delta(cases::delta(100))]
#[bench::digest(cases::digest(MEMBERS))]
fn decode(bytes: Vec<u8>) -> (Result<Message, DecodeError>, Vec<u8>) {
    (Message::decode(black_box(&bytes)), bytes)
}

// A hundred protocol periods without news.
#[library_benchmark(setup = member)]
#[bench::idle(())]
fn tick(mut member: Member) -> (usize, Member) {
    ((0..100).map(|_| member.tick()).sum(), member)
}

// Ten writes, and on to all partners.
#[library_benchmark(setup = member)]
#[bench::writes(())]
fn delta(mut member: Member) -> (usize, Member) {
    (member.write(10), member)
}

#[library_benchmark(setup = partner)]
#[bench::say(())]
fn digest((mut member, partner): (Member, NodeId)) -> (usize, Member) {
    (member.hear(partner, Body::AskDigest), member)
}

library_benchmark_group!(name = codec, benchmarks = [encode, decode]);
library_benchmark_group!(name = node, benchmarks = [tick, delta, digest]);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [codec, node]
);
