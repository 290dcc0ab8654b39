//! Messages to bytes and back.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rumormill_benches as cases;
use rumormill_node::{Body, Compression, Message, Names};
use rumormill_protocol::Wire;

const ZSTD: Compression = Compression::Zstd { level: 1 };

fn bodies() -> [(&'static str, Body); 6] {
    [
        ("ping", cases::ping()),
        ("news of 40", cases::news(40)),
        ("delta of 10", cases::delta(10)),
        ("digest of 10000", cases::digest(10_000)),
        ("members 8192", cases::members(8_192)),
        ("full state of 60", cases::full_state(60)),
    ]
}

fn encode(criterion: &mut Criterion) {
    each(criterion, "encode", Compression::None);
}

fn compress(criterion: &mut Criterion) {
    each(criterion, "compress", ZSTD);
}

fn each(criterion: &mut Criterion, name: &str, compression: Compression) {
    let mut group = criterion.benchmark_group(name);
    for (what, body) in bodies() {
        let message = Message { names: Names::Roster(10_000), compression, body };
        let mut bytes = Vec::new();
        let sizes = message.encode(&mut bytes);
        group.throughput(Throughput::Bytes(sizes.payload as u64));
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                bytes.clear();
                black_box(&message).encode(&mut bytes)
            });
        });
    }
}

fn size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("size");
    for (what, body) in bodies() {
        let message = Message { names: Names::Roster(10_000), compression: Compression::None, body };
        group.bench_function(what, |bencher| bencher.iter(|| black_box(&message).sizes()));
    }
}

fn decode(criterion: &mut Criterion) {
    for (name, compression) in [("decode", Compression::None), ("decompress", ZSTD)] {
        let mut group = criterion.benchmark_group(name);
        for (what, body) in bodies() {
            let bytes = cases::encoded(body, compression);
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(what, |bencher| bencher.iter(|| Message::decode(black_box(&bytes))));
        }
    }
}

criterion_group!(codec, encode, compress, size, decode);
criterion_main!(codec);
