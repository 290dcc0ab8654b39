//! What a message takes on the wire, found without writing it down where that would cost much.
//!
//! `payload` is always exact. `compressed` is exact too for messages that are not compressed and for those that are
//! seldom sent or short: they are compressed to see. Three kinds are estimated, for they are what a large cluster sends
//! most of, and the same content again and again:
//!
//! - a delta, or a rumor, of one write: it saves what the write saves in a message of its own, compressed once. That
//!   leaves out a few bytes of names and positions, which do not compress.
//! - a part of the whole state: what its start takes, compressed once; and each log that changed since adds what it
//!   takes when compressed by itself, less what the log takes that it replaced. Where a quarter of a part changed, or
//!   its members are named in full, it is compressed to see. With values that do not compress this is within 1 % of
//!   the truth: what is saved then is what entries have in common besides, and changes disturb its regularity.

//! - a digest of all that began from a common start: the mean of what some states take in which as many writers wrote as
//!   much since (`stated`). That is right within 2 % on average, and within a fifth for each.

use std::cell::RefCell;

use rumormill_protocol::{Dot, Entry, NodeId, Sizes, Wire, mix, varint_len};

use super::{
    COMPRESS_FROM_BYTES,
    squeeze::compressed,
    write::{Count, Writer},
};
use crate::{
    config::Compression,
    message::{Body, Digest, Message, Names},
};

/// Writes whose compression is remembered by one thread.
const REMEMBERED: usize = 256;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SAVED: RefCell<Vec<Option<Saved>>> = const { RefCell::new(Vec::new()) };
}

/// What compression saves of a write.
struct Saved {
    entry: Entry,
    level: i32,
    bytes: usize,
}

pub(super) fn sizes(message: &Message) -> Sizes {
    let payload = 1 + body_bytes(message);
    let compressed = match message.compression {
        Compression::Zstd { level } if payload > COMPRESS_FROM_BYTES => squeezed(message, payload, level),
        _ => payload,
    };
    Sizes { payload, compressed }
}

fn body_bytes(message: &Message) -> usize {
    if let Body::FullState(part) = &message.body {
        return part.bytes(message.names);
    }
    if let Body::Digest(Digest { first, end, versions }) = &message.body
        && let Some(bytes) = versions.bytes(message.names)
    {
        return varint_len(u64::from(*first)) + varint_len(u64::from(*end)) + bytes;
    }
    let mut count = Count::default();
    Writer { out: &mut count, names: message.names }.body(&message.body);
    count.0
}

fn squeezed(message: &Message, payload: usize, level: i32) -> usize {
    match &message.body {
        Body::Delta { entries, .. } | Body::Rumors(entries) if entries.len() == 1 => {
            payload - saved(&entries[0], level).min(payload - 1)
        }
        Body::FullState(part) => {
            let of_part = |part| written(&Message { body: Body::FullState(part), ..*message });
            let of_log = |run: &[Entry]| squeezed_run(run, message.names, level);
            let about = part.squeezed(message.names, level, of_part, of_log);
            about.map_or_else(|| written(message), |bytes| bytes.clamp(1, payload))
        }
        Body::Digest(Digest { first, end, versions }) => {
            let of_list = |versions| {
                let body = Body::Digest(Digest { first: *first, end: *end, versions });
                written(&Message { body, ..*message })
            };
            let about = versions.squeezed(message.names, level, of_list);
            about.map_or_else(|| written(message), |bytes| bytes.clamp(1, payload))
        }
        _ => written(message),
    }
}

/// The length of a message, found by writing it.
fn written(message: &Message) -> usize {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        message.encode(scratch).compressed
    })
}

/// The length of a run without its writer's name, as it is or compressed by itself, whichever is less.
fn squeezed_run(run: &[Entry], names: Names, level: i32) -> usize {
    if run.is_empty() {
        return 0;
    }
    let mut plain = Vec::new();
    Writer { out: &mut plain, names }.writes(run);
    compressed(&plain, level, plain.len()).map_or(plain.len(), |shorter| shorter.len())
}

fn saved(entry: &Entry, level: i32) -> usize {
    let Dot { writer, counter } = entry.dot;
    let slot = mix(mix(u64::from(writer.0)) ^ counter) as usize % REMEMBERED;
    SAVED.with_borrow_mut(|remembered| {
        remembered.resize_with(REMEMBERED, || None);
        match &remembered[slot] {
            Some(known) if known.level == level && known.entry == *entry => known.bytes,
            _ => {
                let bytes = saved_alone(entry, level);
                remembered[slot] = Some(Saved { entry: entry.clone(), level, bytes });
                bytes
            }
        }
    })
}

fn saved_alone(entry: &Entry, level: i32) -> usize {
    let mut plain = Vec::new();
    let body = Body::Delta { upto: Some(0), entries: vec![entry.clone()] };
    let message =
        Message { names: Names::Roster(NodeId(u32::MAX).0), compression: Compression::Zstd { level }, body };
    let sizes = message.encode(&mut plain);
    sizes.payload - sizes.compressed
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rand::Rng;
    use rumormill_protocol::{Contact, Status, Tag, WarmBoot, generator};

    use super::*;
    use crate::{
        base::Base,
        message::{Ask, Beat, Check, Heartbeats, Meet, Record, Scope, Sketch, SketchHead, Versions},
        snapshot::Snapshot,
        standing::Standing,
        store::Store,
    };

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let address = prop_oneof![
            Just(None),
            any::<([u8; 4], u16)>().prop_map(|address| Some(address.into())),
            any::<([u8; 16], u16)>().prop_map(|address| Some(address.into())),
        ];
        let accuser = proptest::option::of((0u32..300).prop_map(NodeId));
        let record = (0u32..300, 1u32..5000, accuser, address).prop_map(|said| {
            let (member, standing, accuser, address) = said;
            let standing = Standing::alive(standing).with(Status::Suspect);
            Record { member: NodeId(member), standing, accuser, address }
        });
        proptest::collection::vec(record, 0..60)
    }

    fn tags() -> impl Strategy<Value = Tag> {
        let dot =
            (0u32..300, any::<u64>()).prop_map(|(writer, counter)| Dot { writer: NodeId(writer), counter });
        (any::<bool>(), proptest::collection::vec(dot, 0..5))
            .prop_map(|(deletes, context)| Tag::new(deletes, context))
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let value = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            (any::<u8>(), 0usize..300).prop_map(|(byte, length)| vec![byte; length]),
        ];
        let entry = (0u32..300, any::<u64>(), "[a-z]{0,12}", value, tags()).prop_map(
            |(writer, counter, key, value, tag)| Entry {
                dot: Dot { writer: NodeId(writer), counter },
                key: Arc::from(key),
                value: if tag.deletes() { Arc::from([]) } else { Arc::from(value) },
                tag,
            },
        );
        proptest::collection::vec(entry, 0..20)
    }

    fn bodies() -> impl Strategy<Value = Body> {
        let check = any::<(u16, u16)>().prop_map(|(members, state)| Check { members, state });
        let resume = proptest::option::of(any::<(u32, u64)>());
        let meet = (any::<[u64; 3]>(), any::<[bool; 2]>(), any::<u32>(), resume).prop_map(
            |([roster, members, state], [answer, joining], life, resume)| Meet {
                answer,
                joining,
                roster,
                members,
                state,
                life,
                resume,
            },
        );
        let digest =
            proptest::collection::btree_map(0u32..300, any::<u64>(), 0..100).prop_map(|versions| Digest {
                first: 0,
                end: u32::MAX,
                versions: versions
                    .into_iter()
                    .map(|(writer, version)| (NodeId(writer), version))
                    .collect::<Vec<_>>()
                    .into(),
            });
        let versions =
            proptest::collection::btree_map(0u32..300, any::<u64>(), 0..100).prop_map(|versions| {
                let versions =
                    versions.into_iter().map(|(writer, version)| (NodeId(writer), version)).collect();
                Body::Versions(Versions { scope: Scope::SinceBase, versions })
            });
        let head = any::<(Option<u16>, u32)>().prop_map(|(salt, check)| SketchHead { salt, check });
        let sketch = (proptest::option::of(head), proptest::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(head, symbols)| Body::Sketch(Sketch { head, symbols }));
        let ask = prop_oneof![
            any::<bool>().prop_map(|hashed| Ask::Whole { hashed }),
            Just(Ask::More),
            proptest::collection::btree_set(0u32..1 << 20, 0..50)
                .prop_map(|ranges| Ask::Halves { depth: 20, ranges: ranges.into_iter().collect() }),
            proptest::collection::vec((0u32..1 << 24, any::<u64>()), 0..50).prop_map(Ask::Writes),
        ];
        let standings = proptest::collection::vec((1u32..1000).prop_map(Standing::alive), 0..100);
        let beats = proptest::collection::btree_map(0u32..300, (0u32..3, any::<u32>()), 0..200);
        let heartbeats =
            (any::<u16>(), any::<bool>(), check.clone(), beats).prop_map(|(salt, asks, check, beats)| {
                let beats = beats.into_iter();
                let beats =
                    beats.map(|(member, (life, counter))| Beat { member: NodeId(member), life, counter });
                Heartbeats { first: 0, end: u32::MAX, asks, salt, check, beats: beats.collect() }
            });
        prop_oneof![
            heartbeats.prop_map(Body::Heartbeats),
            (any::<u16>(), any::<bool>(), check.clone(), records())
                .prop_map(|(seq, again, check, news)| Body::Ping { seq, again, check, news }),
            (any::<u16>(), records()).prop_map(|(seq, news)| Body::Ack { seq, news }),
            (any::<u16>(), 0u32..300, records()).prop_map(|(seq, target, news)| Body::PingRequest {
                seq,
                target: NodeId(target),
                news
            }),
            (any::<u16>(), check).prop_map(|(salt, check)| Body::Pull { salt, check }),
            records().prop_map(Body::News),
            meet.prop_map(Body::Meet),
            (any::<u32>(), standings, records()).prop_map(|(first, dense, records)| Body::Members {
                more: first % 2 == 1,
                first,
                dense,
                records
            }),
            Just(Body::AskDigest),
            digest.prop_map(Body::Digest),
            versions,
            sketch,
            ask.prop_map(Body::Ask),
            (proptest::option::of(0..u64::MAX), entries())
                .prop_map(|(upto, entries)| Body::Delta { upto, entries }),
            entries().prop_map(|entries| Body::FullState(entries.into())),
        ]
    }

    /// A state of `writers` with 8 keys of 128 bytes each.
    fn state(writers: u32, fill: impl Fn(u64, &mut [u8])) -> Store {
        let address = ([127, 0, 0, 1], 1).into();
        let roster = (0..writers).map(|number| Contact { id: NodeId(number), address }).collect();
        let entries = (0..writers).flat_map(|writer| (1..=8).map(move |counter| (writer, counter)));
        let entries = entries
            .map(|(writer, counter)| {
                let mut value = [0; 128];
                fill(u64::from(writer) << 8 | counter, &mut value);
                Entry {
                    dot: Dot { writer: NodeId(writer), counter },
                    key: Arc::from(format!("k{}", counter - 1)),
                    value: Arc::from(value),
                    tag: Tag::default(),
                }
            })
            .collect();
        let mut store = Store::default();
        store.load(Arc::new(Base::new(&Arc::new(WarmBoot::new(roster, entries)))));
        store
    }

    fn put(store: &mut Store, writer: u32, key: u64, value: &[u8]) {
        let key = Arc::from(format!("k{key}"));
        store.write(NodeId(writer), 0, key, Arc::from(value)).expect("a new write");
    }

    fn random(seed: u64, value: &mut [u8]) {
        generator(seed).fill_bytes(value);
    }

    /// Values of which four bytes in five say nothing.
    fn wordy(seed: u64, value: &mut [u8]) {
        random(seed, value);
        value.iter_mut().enumerate().filter(|(at, _)| at % 5 > 0).for_each(|(_, byte)| *byte = b'x');
    }

    fn messages(state: &Snapshot, names: Names) -> Vec<Message> {
        let compression = Compression::Zstd { level: 1 };
        let parts = state.parts().into_iter();
        parts.map(|part| Message { names, compression, body: Body::FullState(part) }).collect()
    }

    /// How far the estimate is off at most, over all parts, as a share of the truth.
    fn worst(state: &Snapshot, names: Names) -> f64 {
        let off = |message: &Message| {
            let (said, written) = (message.sizes(), message.encode(&mut Vec::new()));
            assert_eq!(said.payload, written.payload);
            (said.compressed as f64 - written.compressed as f64).abs() / written.compressed as f64
        };
        messages(state, names).iter().map(off).fold(0.0, f64::max)
    }

    #[test]
    fn what_a_state_takes_when_compressed_is_known_within_a_percent_where_values_are_random() {
        let mut store = state(400, random);
        let first = messages(store.state(), Names::Roster(400));
        assert!(first.len() > 5, "several parts");
        for round in 0..300u64 {
            let mut value = [0; 128];
            random(round << 32, &mut value);
            put(&mut store, (round * 7 % 450) as u32, round % 11, &value);
            if round % 20 == 0 {
                for names in [Names::Roster(400), Names::Full, Names::Roster(7)] {
                    let off = worst(store.state(), names);
                    assert!(off <= 0.01, "{off} with {names:?} after {round}");
                }
            }
        }
    }

    #[test]
    fn what_a_state_takes_when_compressed_is_known_within_two_percent_where_values_are_wordy() {
        let mut store = state(400, wordy);
        for round in 0..150u64 {
            let mut value = [0; 128];
            // Values change their nature too.
            let fill = if round % 2 == 0 { wordy } else { random };
            fill(round << 32, &mut value);
            put(&mut store, (round * 7 % 400) as u32, round % 8, &value);
            let off = worst(store.state(), Names::Roster(400));
            assert!(off <= 0.02, "{off} after {round}");
        }
    }

    proptest! {
        #[test]
        fn a_message_takes_what_it_is_said_to_take(
            body in bodies(),
            roster in 0u32..400,
            zstd in any::<bool>(),
        ) {
            let names = if roster == 0 { Names::Full } else { Names::Roster(roster) };
            let compression = if zstd { Compression::Zstd { level: 1 } } else { Compression::None };
            let single = matches!(&body, Body::Delta { entries, .. } if entries.len() == 1);
            let message = Message { names, compression, body };
            let (said, written) = (message.sizes(), message.encode(&mut Vec::new()));
            prop_assert_eq!(said.payload, written.payload);
            if single {
                prop_assert!(said.compressed.abs_diff(written.compressed) <= 30, "{said:?} {written:?}");
            } else {
                prop_assert_eq!(said.compressed, written.compressed);
            }
        }

        #[test]
        fn a_delta_of_one_write_of_random_bytes_takes_what_it_is_said_to_take(
            value in proptest::collection::vec(any::<u8>(), 0..2000),
            writer in 0u32..100_000,
            counter in 1u64..1000,
            upto in 0u64..100_000,
        ) {
            let entry = Entry { dot: Dot { writer: NodeId(writer), counter }, key: Arc::from("k3"), value: value.into(), tag: Tag::default() };
            for names in [Names::Full, Names::Roster(100_000)] {
                let body = Body::Delta { upto: Some(upto), entries: vec![entry.clone()] };
                let message = Message { names, compression: Compression::Zstd { level: 1 }, body };
                prop_assert_eq!(message.sizes(), message.encode(&mut Vec::new()));
            }
        }
    }
}
