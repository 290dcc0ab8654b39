//! Two nodes that meet, and what it takes until both know which versions differ.

// Each user takes a part of it.
#![allow(dead_code)]

use std::sync::Arc;

use rand::{RngExt, seq::index::sample};
use rumormill_node::{Ask, Body, Compression, Config, DigestForm, Message, Names, Node, Scope, Versions};
use rumormill_protocol::{
    Cause, Command, Contact, Dot, Entry, LinkEvent, NodeId, Output, Protocol, Start, Tag, Time, WarmBoot,
    Wire, generator, varint_len,
};

/// What two nodes have in common but for the differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// Both booted alike, and nothing but the differences happened since.
    Baseline,
    /// Both booted alike, and a tenth of the writers wrote since, which both know.
    Roster,
    /// Most writes: no roster, no start.
    Writes,
}

/// Bytes that two nodes took to learn what differs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// In messages about versions, in both directions, as given to the transport.
    pub(crate) digests: usize,
    /// For names and counters of the writes that were sent to a node that had not been told that it lacks them.
    pub(crate) names: usize,
    /// Times that something had to travel until the last message about versions arrived.
    pub(crate) trips: usize,
}

pub(crate) struct Meeting {
    nodes: [Node; 2],
}

impl Meeting {
    /// Of `writers` writers one more write of each of `differences` is known to one of both, drawn by coin.
    pub(crate) fn new(
        common: Common,
        digest: DigestForm,
        writers: u32,
        differences: usize,
        seed: u64,
    ) -> Self {
        let mut random = generator(seed);
        let versions: Vec<u64> = (0..writers).map(|_| random.random_range(1..300)).collect();
        let differing: Vec<(u32, bool)> = sample(&mut random, writers as usize, differences)
            .into_iter()
            .map(|writer| (writer as u32, random.random()))
            .collect();
        let config = Arc::new(Config { digest, ..Config::default() });
        let node = |place: usize| {
            let me = NodeId(place as u32);
            let start =
                Start { me, address: contact(0, 0).address, generation: 0, seed: seed << 1 | place as u64 };
            Node::new(&config, &start, Time::ZERO)
        };
        let mut nodes = [node(0), node(1)];
        let more = |place: usize| differing.iter().filter(move |(_, second)| usize::from(*second) == place);
        let next = |writer: u32| entry(writer, versions[writer as usize] + 1);
        let old = || (0..writers).map(|writer| entry(writer, versions[writer as usize]));
        let boot = |mark: u8, entries| {
            Arc::new(WarmBoot::new((0..writers).map(|n| contact(n, mark)).collect(), entries))
        };
        let alike = boot(0, old().collect());
        for (place, node) in nodes.iter_mut().enumerate() {
            let more: Vec<Entry> = more(place).map(|(writer, _)| next(*writer)).collect();
            if common == Common::Writes {
                let entries = old().chain(more).collect();
                node.handle_command(Time::ZERO, Command::Warm(boot(place as u8, entries)));
            } else {
                node.handle_command(Time::ZERO, Command::Warm(Arc::clone(&alike)));
                let shared = (0..writers).filter(|writer| common == Common::Roster && writer % 10 == 3);
                let shared = shared.filter(|writer| !differing.iter().any(|(differs, _)| differs == writer));
                let entries = shared.map(next).chain(more).collect();
                let body = Body::Delta { upto: None, entries };
                node.handle_message(Time::ZERO, NodeId(writers - 1), message(body));
            }
            while node.poll_output().is_some() {}
        }
        Self { nodes }
    }

    /// Lets both meet until nothing is under way any more.
    pub(crate) fn run(&mut self) -> Cost {
        let (mut cost, mut asked_for) = (Cost::default(), [false; 2]);
        let now = Time(1);
        for place in 0..2 {
            self.nodes[place].handle_link(now, NodeId(1 - place as u32), LinkEvent::Up);
        }
        for trip in 1.. {
            let sent = [0, 1].map(|place| self.sent(place));
            if sent.iter().all(Vec::is_empty) {
                break;
            }
            for (place, messages) in sent.into_iter().enumerate() {
                for (cause, message) in messages {
                    let mut bytes = Vec::new();
                    let size = message.encode(&mut bytes).compressed;
                    match &message.body {
                        Body::Ask(Ask::Writes(_)) => asked_for[1 - place] = true,
                        Body::Versions(said) if said.scope != Scope::SinceBase => asked_for[1 - place] = true,
                        // Who was not asked for them knew what the other lacks, and the other does not.
                        Body::Delta { entries, .. } if asked_for[1 - place] && !asked_for[place] => {
                            cost.names += entries.iter().map(name_bytes).sum::<usize>();
                        }
                        _ => {}
                    }
                    if cause == Cause::Digest {
                        cost.digests += size;
                        cost.trips = trip - 2;
                    }
                    let read = Message::decode(&bytes).expect("it was encoded");
                    self.nodes[1 - place].handle_message(now, NodeId(place as u32), read);
                }
            }
        }
        cost
    }

    /// The second says that it lacks writes; returns how many it is sent.
    pub(crate) fn ask_for(&mut self, versions: Vec<(NodeId, u64)>) -> usize {
        let (now, asker) = (Time(1), NodeId(1));
        self.nodes[0].handle_link(now, asker, LinkEvent::Up);
        let lacking = Body::Versions(Versions { scope: Scope::Lacking, versions });
        self.nodes[0].handle_message(now, asker, message(lacking));
        let entries = |message: &Message| match &message.body {
            Body::Delta { entries, .. } => entries.len(),
            _ => 0,
        };
        self.sent(0).iter().map(|(_, message)| entries(message)).sum()
    }

    fn sent(&mut self, place: usize) -> Vec<(Cause, Message)> {
        let peer = NodeId(1 - place as u32);
        let node = &mut self.nodes[place];
        std::iter::from_fn(|| node.poll_output())
            .filter_map(|output| match output {
                Output::Send { to, cause, message, .. } if to == peer => Some((cause, message)),
                _ => None,
            })
            .collect()
    }

    /// Whether both have the same versions of so many writers.
    pub(crate) fn agrees(&self, writers: u32) -> bool {
        let [one, two] = &self.nodes;
        (0..writers).map(NodeId).all(|writer| one.view().version(writer) == two.view().version(writer))
    }
}

fn contact(number: u32, mark: u8) -> Contact {
    Contact { id: NodeId(number), address: ([127, 0, mark, 1], 10_000).into() }
}

fn entry(writer: u32, counter: u64) -> Entry {
    Entry {
        tag: Tag::default(),
        dot: Dot { writer: NodeId(writer), counter },
        key: Arc::from("k"),
        value: Arc::from([7; 4]),
    }
}

fn message(body: Body) -> Message {
    Message { names: Names::Full, compression: Compression::None, body }
}

/// A writer by index, how many writes, and the counter.
fn name_bytes(entry: &Entry) -> usize {
    varint_len(u64::from(entry.dot.writer.0) + 1) + 1 + varint_len(entry.dot.counter)
}
