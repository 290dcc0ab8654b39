//! A node of a cluster of 10,000 that hears, ticks and answers.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rumormill_benches::{self as cases, Member};
use rumormill_node::{Body, Digest, Record, Standing};
use rumormill_protocol::NodeId;

const MEMBERS: u32 = 10_000;

/// The default: a partner changes every three minutes.
const ROTATING: Duration = Duration::from_secs(180);

/// As good as never.
const STILL: Duration = Duration::from_secs(1_000_000_000);

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tick");
    for (name, rotate_every) in [("partners stay", STILL), ("partners rotate", ROTATING)] {
        let mut member = Member::warm(MEMBERS, rotate_every);
        group.bench_function(name, |bencher| bencher.iter(|| member.tick()));
    }
}

fn answer(criterion: &mut Criterion) {
    let (mut member, partner) = settled();
    let (_, probe) = member.last_probe().expect("it probes someone");
    criterion.bench_function("answer", |bencher| bencher.iter(|| member.hear(partner, probe.clone())));
}

/// A piece of news in, and on to all partners.
fn news(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("news");
    let (mut member, partner) = settled();
    let mut heard = 0;
    group.bench_function("new", |bencher| {
        bencher.iter(|| {
            heard += 1;
            member.hear(partner, about(1 + heard % (MEMBERS - 1), 2 + heard / (MEMBERS - 1)));
            (0..4).map(|_| member.tick()).sum::<usize>()
        });
    });
    group.bench_function("known", |bencher| bencher.iter(|| member.hear(partner, about(5_000, 1))));
}

/// A part of another's table that says what is known.
fn table(criterion: &mut Criterion) {
    let (mut member, partner) = settled();
    criterion.bench_function("table of 8192", |bencher| {
        bencher.iter(|| member.hear(partner, cases::members(8_192)));
    });
}

/// Ten writes, and on to all partners.
fn delta(criterion: &mut Criterion) {
    let (mut member, _) = settled();
    criterion.bench_function("delta of 10", |bencher| bencher.iter(|| member.write(10)));
}

fn digest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("digest of 10000");
    let (mut member, partner) = settled();
    // Each ends the exchange, so that the next may begin.
    let done = || Body::Delta { upto: Some(0), entries: Vec::new() };
    group.bench_function("say", |bencher| {
        bencher.iter(|| member.hear(partner, Body::AskDigest) + member.hear(partner, done()));
    });
    let versions: Vec<_> = (0..MEMBERS).map(|writer| (NodeId(writer), 1)).collect();
    group.bench_function("answer", |bencher| {
        bencher.iter(|| {
            let digest = Digest { first: 0, end: u32::MAX, versions: versions.clone().into() };
            member.hear(partner, Body::Digest(digest))
        });
    });
}

fn settled() -> (Member, NodeId) {
    let member = Member::warm(MEMBERS, STILL);
    let (partner, _) = member.last_probe().expect("a node of a large cluster has partners");
    (member, partner)
}

fn about(number: u32, incarnation: u32) -> Body {
    let standing = Standing::alive(incarnation);
    Body::News(vec![Record { member: NodeId(number), standing, accuser: None, address: None }])
}

criterion_group!(node, tick, answer, news, table, delta, digest);
criterion_main!(node);
