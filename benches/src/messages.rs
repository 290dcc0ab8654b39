use std::sync::Arc;

use rumormill_node::{Body, Check, Compression, Digest, Message, Names, Record, Standing};
use rumormill_protocol::{Dot, Entry, NodeId, Tag, Wire, mix};

/// Bytes of a value, which do not compress.
const VALUE_BYTES: u64 = 128;

/// An idle probe.
pub fn ping() -> Body {
    Body::Ping { seq: 4_711, again: false, check: Check { members: 1, state: 2 }, news: Vec::new() }
}

/// News of so many members.
pub fn news(records: u32) -> Body {
    let record = |number: u32| Record {
        member: NodeId(number * 37),
        standing: Standing::alive(1 + number % 5),
        accuser: None,
        address: None,
    };
    Body::News((0..records).map(record).collect())
}

/// So many writes of as many writers.
pub fn delta(entries: u32) -> Body {
    Body::Delta {
        upto: Some(1_000),
        entries: (0..entries).map(|number| entry(number * 37, 9 + u64::from(number))).collect(),
    }
}

/// The versions of so many writers.
pub fn digest(writers: u32) -> Body {
    let version = |writer: u32| (NodeId(writer), 1 + mix(u64::from(writer)) % 300);
    Body::Digest(Digest {
        first: 0,
        end: u32::MAX,
        versions: (0..writers).map(version).collect::<Vec<_>>().into(),
    })
}

/// The opinions of so many members, by roster.
pub fn members(count: u32) -> Body {
    Body::Members {
        first: 0,
        more: false,
        dense: vec![Standing::first_of_life(0); count as usize],
        records: Vec::new(),
    }
}

/// A part of the whole state: 8 keys of each of so many writers.
pub fn full_state(writers: u32) -> Body {
    let entries = (0..writers).flat_map(|writer| (1..=8).map(move |counter| entry(writer, counter)));
    Body::FullState(entries.collect::<Vec<_>>().into())
}

/// The bytes of a message whose members are named by the index of a roster of 10,000.
pub fn encoded(body: Body, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    Message { names: Names::Roster(10_000), compression, body }.encode(&mut bytes);
    bytes
}

pub(crate) fn entry(writer: u32, counter: u64) -> Entry {
    let word = |place: u64| mix(u64::from(writer) << 40 | counter << 20 | place).to_le_bytes();
    Entry {
        dot: Dot { writer: NodeId(writer), counter },
        key: Arc::from(format!("k{}", counter % 8)),
        value: (0..VALUE_BYTES / 8).flat_map(word).collect(),
        tag: Tag::default(),
    }
}
