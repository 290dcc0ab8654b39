//! `docs/WIRE.md` says what the code does.

use std::{collections::BTreeMap, sync::Arc};

use rumormill_protocol::{DecodeError, Dot, Entry, NodeId, Status, Tag, Wire};

use crate::{
    ballot::{Ballot, Claim, ClaimSaid, Proposal, ProposalSaid, Turn},
    config::Compression,
    message::{Ask, Beat, Body, Check, Digest, Heartbeats, Meet, Message, Names, Record, Scope, Versions},
    standing::Standing,
};

const PAGE: &str = include_str!("../../../../docs/WIRE.md");
const CODE: &str = include_str!("../codec.rs");

/// Names and numbers of the page's table of kinds.
fn in_page() -> BTreeMap<u8, &'static str> {
    let table = PAGE.split("| kind | name |").nth(1).expect("the table of kinds");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let number = cells.next().and_then(|cell| cell.parse().ok()).expect("a kind's number");
        (number, cells.next().expect("a kind's name"))
    })
    .collect()
}

/// Names and numbers of the constants in `codec.rs`.
fn in_code() -> BTreeMap<u8, &'static str> {
    let constants = CODE.lines().filter_map(|line| line.trim().strip_prefix("pub(super) const "));
    let kinds = constants.filter_map(|rest| rest.strip_suffix(';')?.split_once(": u8 = "));
    kinds.map(|(name, number)| (number.parse().expect("a kind's number"), name)).collect()
}

#[test]
fn the_page_has_the_kinds_of_the_code_and_a_section_for_each() {
    assert_eq!(in_page(), in_code());
    for (number, name) in in_page() {
        assert!(PAGE.contains(&format!("\n### {number} {name}\n")), "a section on {name}");
    }
    for number in 0..32 {
        let refused = Message::decode(&[1 << 6 | number << 1]) == Err(DecodeError::Tag(number));
        assert_eq!(refused, !in_page().contains_key(&number), "kind {number}");
    }
}

/// The example that a kind's section gives.
fn example(number: u8) -> Vec<u8> {
    let section = PAGE.split(&format!("\n### {number} ")).nth(1).expect("a section");
    let line = section.lines().find(|line| line.starts_with('`')).expect("an example");
    let digits: String = line.split('`').nth(1).expect("an example").split(' ').collect();
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("hexadecimal digits")
        })
        .collect()
}

#[test]
fn the_examples_are_what_is_written() {
    let check = Check { members: 0x1234, state: 0xff00 };
    let one = |counter| Entry {
        dot: Dot { writer: NodeId(1), counter },
        key: Arc::from("key"),
        value: Arc::from(*b"one"),
        tag: Tag::default(),
    };
    let alive = Standing::alive(1);
    let versions = vec![(NodeId(2), 8), (NodeId(40), 1)];
    let dot = |counter| Dot { writer: NodeId(1), counter };
    let bodies = [
        Body::Ping { seq: 7, again: true, check, news: Vec::new() },
        Body::Ack { seq: 7, news: Vec::new() },
        Body::PingRequest { seq: 1, target: NodeId(2), news: Vec::new() },
        Body::News(vec![Record { member: NodeId(3), standing: alive, accuser: None, address: None }]),
        Body::Meet(Meet {
            answer: true,
            joining: false,
            roster: 1,
            members: 2,
            state: 3,
            life: 9,
            resume: Some((1, 300)),
        }),
        Body::Members {
            first: 5,
            more: false,
            dense: vec![alive, alive.with(Status::Suspect)],
            records: Vec::new(),
        },
        Body::AskDigest,
        Body::Digest(Digest { first: 2, end: u32::MAX, versions: versions.into() }),
        Body::Delta { upto: Some(12), entries: vec![one(1)] },
        Body::FullState(vec![one(1)].into()),
        Body::Pull { salt: 9, check },
        Body::Rumors(vec![one(9)]),
        Body::Nack { seq: 1 },
        Body::Heartbeats(Heartbeats {
            first: 3,
            end: 100,
            asks: false,
            salt: 9,
            check,
            beats: [(3, 0, 4), (4, 2, 1)]
                .map(|(number, life, counter)| Beat { member: NodeId(number), life, counter })
                .into(),
        }),
        Body::Versions(Versions { scope: Scope::SinceBase, versions: vec![(NodeId(2), 8), (NodeId(40), 1)] }),
        Body::Ask(Ask::Halves { depth: 4, ranges: vec![0, 3] }),
        Body::Announce(vec![dot(9), dot(10)]),
        Body::Graft { eager: true, have: vec![(NodeId(1), 8)] },
        Body::Prune,
        Body::Ballot(Ballot {
            claim: Claim { term: 3, epoch: 7, by: NodeId(2) },
            said: ClaimSaid::Wave { electorate: 100 },
        }),
        Body::Proposal(Proposal {
            slot: 5,
            turn: Turn { number: 2, by: NodeId(1) },
            said: ProposalSaid::Accept(Arc::from(*b"one")),
        }),
    ];
    assert_eq!(bodies.len(), in_page().len(), "an example of each");
    for (number, body) in in_page().into_keys().zip(bodies) {
        let message = Message { names: Names::Roster(100), compression: Compression::None, body };
        let mut written = Vec::new();
        message.encode(&mut written);
        assert_eq!(written, example(number), "kind {number}: {written:02x?}");
    }
}
