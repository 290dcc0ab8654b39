use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rumormill_node::{
    Ask, Body, Compression, Config, Detector, Dissemination, Meet, Message, Names, Node, Peers, Silence,
    StateTransfer,
};
use rumormill_protocol::{
    Command, Contact, Dot, Entry, LinkEvent, MAX_MESSAGE_BYTES, NodeId, Output, Protocol, Reader, Start, Tag,
    Time, WarmBoot, Wire,
};

/// The node under test is one of so many.
const ROSTER: u32 = 8;
/// Others that talk to it: of the roster and not.
const PEERS: u32 = 80;
/// What one input may bring about besides an output or two for each thing it names: tables and news for each peer.
const OUTPUTS_BESIDES: usize = 64 * 1_024;
/// Operations that one run looks at.
const OPERATIONS: usize = 200;

/// A node to which anything is done in any order: messages of any content from many peers, connections that come and
/// go, writes, time that passes. It does not panic, says nothing that others would refuse, and answers one input with
/// a bounded number of outputs.
pub(crate) fn operations(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let Ok(settings) = reader.u8() else { return };
    let mut rig = Rig::new(settings);
    for _ in 0..OPERATIONS {
        if rig.step(&mut reader).is_none() {
            return;
        }
    }
}

struct Rig {
    node: Node,
    now: Time,
    up: BTreeSet<NodeId>,
    /// What the node said last to each.
    said: BTreeMap<NodeId, Body>,
}

impl Rig {
    fn new(settings: u8) -> Self {
        let config = Config {
            peers: if settings & 1 == 0 { Peers::Sticky } else { Peers::Uniform },
            dissemination: match settings >> 1 & 3 {
                0 => Dissemination::Push,
                1 => Dissemination::Tree,
                2 => Dissemination::Pull,
                _ => Dissemination::PushPull,
            },
            state: match settings >> 3 & 1 {
                0 => StateTransfer::Delta,
                _ => StateTransfer::Full { every: Duration::from_secs(1) },
            },
            detector: match settings >> 5 & 1 {
                0 => Detector::Swim,
                _ => Detector::Heartbeat(Silence::Fixed { fail_after: Duration::from_secs(5) }),
            },
            compression: Compression::None,
            rotate_every: Duration::from_secs(20),
            ..Config::default()
        };
        let start = Start { me: NodeId(0), address: contact(0).address, generation: 0, seed: 7 };
        let mut rig = Self {
            node: Node::new(&Arc::new(config), &start, Time::ZERO),
            now: Time::ZERO,
            up: BTreeSet::new(),
            said: BTreeMap::new(),
        };
        let begin = if settings >> 4 & 1 == 0 {
            let entries = (0..ROSTER).map(|writer| Entry {
                dot: Dot { writer: NodeId(writer), counter: 1 },
                key: Arc::from("k"),
                value: Arc::from([writer as u8; 9]),
                tag: Tag::default(),
            });
            Command::Warm(Arc::new(WarmBoot::new((0..ROSTER).map(contact).collect(), entries.collect())))
        } else {
            Command::Join { seeds: vec![contact(1)] }
        };
        rig.node.handle_command(rig.now, begin);
        rig.drain(0);
        rig
    }

    /// Does the next operation; none at the end of the bytes.
    fn step(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let operation = reader.u8().ok()?;
        let peer = NodeId(1 + u32::from(reader.u8().ok()?) % (PEERS - 1));
        match operation % 8 {
            0 | 1 => {
                let length = usize::from(u16::from_be_bytes(reader.array().ok()?));
                let bytes = reader.take(length.min(reader.remaining())).ok()?;
                let Ok(message) = Message::decode(bytes) else { return Some(()) };
                self.hear(peer, message.body);
            }
            // The peer agrees: two nodes that hold the same say the same, which no chance would hit upon.
            2 => {
                let Some(said) = self.said.get(&peer).cloned() else { return Some(()) };
                let body = match said {
                    Body::Meet(meet) => Body::Meet(Meet { answer: true, ..meet }),
                    Body::Ping { seq, .. } => Body::Ack { seq, news: Vec::new() },
                    other => other,
                };
                self.hear(peer, body);
            }
            3 => {
                self.node.handle_link(self.now, peer, LinkEvent::Up);
                self.up.insert(peer);
                self.drain(0);
            }
            4 if self.up.remove(&peer) => {
                self.node.handle_link(self.now, peer, LinkEvent::Down);
                self.drain(0);
            }
            5 => {
                let key = Arc::from(format!("k{}", peer.0));
                self.node.handle_command(self.now, Command::Put { key, value: Arc::from([9; 20]) });
                self.drain(0);
            }
            6 => self.pass(Duration::from_millis(u64::from(peer.0) * 50)),
            7 => {
                let due = self.node.poll_timeout()?;
                self.pass(Duration::from_nanos(due.nanos().saturating_sub(self.now.nanos())));
            }
            _ => {
                self.node.handle_link(self.now, peer, LinkEvent::DialFailed);
                self.drain(0);
            }
        }
        Some(())
    }

    fn hear(&mut self, from: NodeId, body: Body) {
        let things = things(&body);
        let message = Message { names: Names::Full, compression: Compression::None, body };
        self.node.handle_message(self.now, from, message);
        self.drain(things);
    }

    /// Time passes, and the node's deadlines with it, a few late.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        for _ in 0..20 {
            if self.node.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
            self.node.handle_timeout(self.now);
            self.drain(0);
        }
        assert!(
            self.node.poll_timeout().is_none_or(|due| due > self.now),
            "a deadline that was met stays due"
        );
    }

    /// Takes what the node says after an input that named so many things.
    fn drain(&mut self, things: usize) {
        let mut outputs = 0;
        while let Some(output) = self.node.poll_output() {
            outputs += 1;
            let Output::Send { to, message, .. } = output else { continue };
            assert_ne!(to, NodeId(0), "nobody talks to itself");
            let mut bytes = Vec::new();
            let sizes = message.encode(&mut bytes);
            assert!(sizes.payload <= MAX_MESSAGE_BYTES, "{sizes:?}");
            assert_eq!(sizes.payload, message.sizes().payload);
            let read = Message::decode(&bytes).map(|message| message.body);
            assert_eq!(read.as_ref(), Ok(&message.body), "others can read what it says");
            self.said.insert(to, message.body);
        }
        assert!(outputs <= 2 * things + OUTPUTS_BESIDES, "{outputs} outputs for {things}");
    }
}

/// Members and writes that a message names.
fn things(body: &Body) -> usize {
    match body {
        Body::Ping { news, .. } | Body::Ack { news, .. } | Body::PingRequest { news, .. } => news.len(),
        Body::News(records) => records.len(),
        Body::Members { dense, records, .. } => dense.len() + records.len(),
        Body::Digest(digest) => digest.versions.iter().count(),
        Body::Versions(said) => said.versions.len(),
        Body::Ask(Ask::Writes(writes)) => writes.len(),
        Body::Delta { entries, .. } | Body::Rumors(entries) => entries.len(),
        Body::FullState(part) => part.entries().count(),
        Body::Announce(dots) => dots.len(),
        Body::Graft { have, .. } => have.len(),
        Body::Heartbeats(heartbeats) => heartbeats.beats.len(),
        _ => 0,
    }
}

fn contact(number: u32) -> Contact {
    Contact { id: NodeId(number), address: ([127, 0, 0, 1], 10_000 + number as u16).into() }
}
