//! A small cluster in virtual time, on a network that delays every message by 5 ms and loses what it is told to.

// Each test binary uses a part of it.
#![allow(dead_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rand::RngExt;
use rumormill_node::{Body, Config, Message, Node};
use rumormill_protocol::{
    Cause, Channel, Command, Contact, Dot, Entry, Event, LinkEvent, NodeId, Output, Protocol, Purpose,
    Random, Start, Tag, Time, WarmBoot, Wire, generator, mix, stream,
};

const DELAY: Duration = Duration::from_millis(5);
/// How long a dial that nobody answers takes to fail.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// What the network carries.
enum Parcel {
    /// As bytes, or as it was said where the world does not encode.
    Message(NodeId, Result<Vec<u8>, Message>),
    Link(NodeId, LinkEvent),
}

/// Whether the blocked node sent it, the other end, and what was said.
type Waiting = (bool, NodeId, Result<Vec<u8>, Message>);

pub(crate) struct World {
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) now: Time,
    pub(crate) events: Vec<(Time, NodeId, Event)>,
    pub(crate) meets: usize,
    /// Writes that were sent with their values.
    pub(crate) values: usize,
    /// Encoded messages and their bytes before compression, by cause.
    pub(crate) bytes: BTreeMap<Cause, (usize, usize)>,
    /// The probability that a datagram is lost.
    pub(crate) loss: f64,
    /// Whether messages are passed on as they are said, without encoding them.
    pub(crate) typed: bool,
    config: Config,
    links: BTreeSet<(NodeId, NodeId)>,
    /// Who holds which links.
    pins: BTreeSet<(NodeId, NodeId)>,
    /// Ways on which nothing arrives.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Nodes that are asleep, and what arrives at them meanwhile.
    asleep: BTreeSet<NodeId>,
    slept_through: Vec<(NodeId, Parcel)>,
    /// What waits for such a way to open, as a stream's bytes do.
    held: Vec<(NodeId, NodeId, Result<Vec<u8>, Message>)>,
    /// Whose messages wait, and those that do: by whether it sent them, and the other end.
    blocked: BTreeMap<NodeId, Vec<Waiting>>,
    under_way: BTreeMap<(Time, u64), (NodeId, Parcel)>,
    sent: u64,
    random: Random,
    /// A hash of all outputs in their order: who, when, what, byte by byte.
    pub(crate) trace: u64,
}

impl World {
    pub(crate) fn silent(count: u32, config: &Config) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            now: Time::ZERO,
            events: Vec::new(),
            meets: 0,
            values: 0,
            loss: 0.0,
            typed: false,
            config: config.clone(),
            links: BTreeSet::new(),
            pins: BTreeSet::new(),
            cut: BTreeSet::new(),
            asleep: BTreeSet::new(),
            slept_through: Vec::new(),
            bytes: BTreeMap::new(),
            held: Vec::new(),
            blocked: BTreeMap::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            random: generator(99),
            trace: 0,
        };
        world.nodes = (0..count).map(|number| Some(world.node(NodeId(number), 0))).collect();
        world
    }

    pub(crate) fn warm(count: u32, config: &Config) -> Self {
        let mut world = Self::silent(count, config);
        let entries =
            (0..count).flat_map(|writer| (1..=3).map(move |counter| entry(writer, counter))).collect();
        let warm = Arc::new(WarmBoot::new((0..count).map(contact).collect(), entries));
        for number in 0..count {
            world.command(NodeId(number), Command::Warm(Arc::clone(&warm)));
        }
        world
    }

    /// One more node, silent until it is told to join.
    pub(crate) fn enter(&mut self, number: u32) {
        let node = self.node(NodeId(number), 0);
        self.nodes.push(Some(node));
    }

    fn node(&self, me: NodeId, generation: u32) -> Node {
        let seed = stream(1, Purpose::Protocol, Some(me)) ^ u64::from(generation);
        let start = Start { me, address: contact(me.0).address, generation, seed };
        Node::new(&Arc::new(self.config.clone()), &start, self.now)
    }

    pub(crate) fn command(&mut self, node: NodeId, command: Command) {
        let now = self.now;
        if let Some(live) = &mut self.nodes[node.index()] {
            live.handle_command(now, command);
        }
        self.drain(node);
    }

    /// A node is gone; others learn of it by its silence alone.
    pub(crate) fn crash(&mut self, victim: NodeId) {
        self.nodes[victim.index()] = None;
        self.links.retain(|(one, two)| *one != victim && *two != victim);
        self.pins.retain(|(one, _)| *one != victim);
    }

    /// The next life of a crashed node, joining through `seed`. Connections of its last life end at once.
    pub(crate) fn restart(&mut self, node: NodeId, generation: u32, seed: NodeId) {
        for peer in (0..self.nodes.len() as u32).map(NodeId) {
            self.tell(peer, node, LinkEvent::Down);
        }
        self.nodes[node.index()] = Some(self.node(node, generation));
        self.command(node, Command::Join { seeds: vec![contact(seed.0)] });
    }

    /// A node stops, as a process that is not scheduled.
    pub(crate) fn sleep(&mut self, node: NodeId) {
        self.asleep.insert(node);
    }

    /// It goes on: what arrived meanwhile comes first, then its timers.
    pub(crate) fn wake(&mut self, node: NodeId) {
        self.asleep.remove(&node);
        for (to, parcel) in std::mem::take(&mut self.slept_through) {
            if to == node {
                self.post(to, Duration::ZERO, parcel);
            } else {
                self.slept_through.push((to, parcel));
            }
        }
    }

    /// Cuts the way from each of `from` to each of `to`.
    pub(crate) fn cut(&mut self, from: &[NodeId], to: &[NodeId]) {
        for &one in from {
            self.cut.extend(to.iter().map(|&two| (one, two)));
        }
    }

    /// All ways are open again, and what waited on streams arrives.
    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        for (from, to, said) in std::mem::take(&mut self.held) {
            if self.links.contains(&(from.min(to), from.max(to))) {
                self.post(to, DELAY, Parcel::Message(from, said));
            }
        }
    }

    /// From now on what a node sends and what it is sent waits.
    pub(crate) fn block(&mut self, node: NodeId) {
        self.blocked.insert(node, Vec::new());
        let now = self.now;
        self.nodes[node.index()].as_mut().expect("it lives").handle_blocked(now, true);
    }

    /// What waited goes through.
    pub(crate) fn unblock(&mut self, node: NodeId) {
        let waited = self.blocked.remove(&node).expect("it was blocked");
        for (_, to, said) in waited.iter().filter(|(sent, ..)| *sent).cloned() {
            self.post(to, DELAY, Parcel::Message(node, said));
        }
        let now = self.now;
        self.nodes[node.index()].as_mut().expect("it lives").handle_blocked(now, false);
        self.drain(node);
        for (_, from, said) in waited.into_iter().filter(|(sent, ..)| !sent) {
            self.deliver(node, Parcel::Message(from, said));
            self.drain(node);
        }
    }

    /// The numbers of all nodes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// Lets one end hear of a connection, whatever there is.
    pub(crate) fn tell(&mut self, node: NodeId, peer: NodeId, link: LinkEvent) {
        self.post(node, DELAY, Parcel::Link(peer, link));
    }

    fn post(&mut self, to: NodeId, after: Duration, parcel: Parcel) {
        self.sent += 1;
        self.under_way.insert((self.now + after, self.sent), (to, parcel));
    }

    pub(crate) fn drain(&mut self, from: NodeId) {
        while let Some(output) = self.nodes[from.index()].as_mut().and_then(Node::poll_output) {
            self.note(from, &output);
            match output {
                Output::Connect(to) => {
                    self.pins.insert((from, to));
                    self.connect(from, to);
                }
                Output::Disconnect(to) | Output::Release(to) => {
                    self.pins.remove(&(from, to));
                    let link = (from.min(to), from.max(to));
                    if !self.pins.contains(&(to, from)) && self.links.remove(&link) {
                        self.tell(from, to, LinkEvent::Down);
                        self.tell(to, from, LinkEvent::Down);
                    }
                }
                Output::Send { to, channel, message, .. } => {
                    if self.connect(from, to) {
                        self.carry(from, to, channel, message);
                    }
                }
                Output::Event(event) => self.events.push((self.now, from, event)),
                Output::Introduce { .. } => {}
            }
        }
    }

    fn note(&mut self, from: NodeId, output: &Output<Message>) {
        let mut bytes = match output {
            Output::Send { to, channel, cause, message } => {
                let mut bytes = format!("{to} {channel:?} {cause:?}").into_bytes();
                let written = message.encode(&mut bytes);
                assert_eq!(message.sizes().payload, written.payload);
                let (messages, payload) = self.bytes.entry(*cause).or_default();
                (*messages, *payload) = (*messages + 1, *payload + written.payload);
                bytes
            }
            other => format!("{other:?}").into_bytes(),
        };
        bytes.extend_from_slice(&from.0.to_le_bytes());
        bytes.extend_from_slice(&self.now.nanos().to_le_bytes());
        self.trace = bytes.into_iter().fold(self.trace, |trace, byte| mix(trace ^ u64::from(byte)));
    }

    /// Says whether there is a connection, made now if need be: both ends then hear of it.
    fn connect(&mut self, from: NodeId, to: NodeId) -> bool {
        let link = (from.min(to), from.max(to));
        if self.links.contains(&link) {
            return true;
        }
        if self.nodes[to.index()].is_none()
            || self.cut.contains(&(from, to))
            || self.cut.contains(&(to, from))
        {
            self.post(from, DIAL_TIMEOUT, Parcel::Link(to, LinkEvent::DialFailed));
            return false;
        }
        self.links.insert(link);
        self.tell(from, to, LinkEvent::Up);
        self.tell(to, from, LinkEvent::Up);
        true
    }

    fn carry(&mut self, from: NodeId, to: NodeId, channel: Channel, message: Message) {
        self.meets += usize::from(matches!(message.body, Body::Meet(_)));
        if let Body::Delta { entries, .. } | Body::Rumors(entries) = &message.body {
            self.values += entries.len();
        }
        let said = if self.typed {
            Err(message)
        } else {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            Ok(bytes)
        };
        if let Some(waiting) = self.blocked.get_mut(&from) {
            waiting.push((true, to, said));
            return;
        }
        match channel {
            Channel::Stream if self.cut.contains(&(from, to)) => self.held.push((from, to, said)),
            Channel::Datagram if self.cut.contains(&(from, to)) => {}
            Channel::Datagram if self.loss > 0.0 && self.random.random_bool(self.loss) => {}
            _ => self.post(to, DELAY, Parcel::Message(from, said)),
        }
    }

    pub(crate) fn run(&mut self, lasts: Duration) {
        let end = self.now + lasts;
        loop {
            let timer = (0u32..)
                .zip(&self.nodes)
                .filter(|(number, _)| !self.asleep.contains(&NodeId(*number)))
                .filter_map(|(number, node)| Some((node.as_ref()?.poll_timeout()?, NodeId(number))))
                .min();
            let parcel = self.under_way.keys().next().copied();
            let timer_first = match (timer, parcel) {
                (Some((at, _)), Some((arrives, _))) => at < arrives,
                (timer, _) => timer.is_some(),
            };
            let next = if timer_first { timer.map(|(at, _)| at) } else { parcel.map(|(at, _)| at) };
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            let woken = if timer_first {
                let (_, woken) = timer.expect("the timer came first");
                if let Some(node) = &mut self.nodes[woken.index()] {
                    node.handle_timeout(now);
                }
                woken
            } else {
                let (_, (to, parcel)) = self.under_way.pop_first().expect("a parcel came first");
                self.deliver(to, parcel);
                to
            };
            self.drain(woken);
        }
        self.now = end;
    }

    fn deliver(&mut self, to: NodeId, parcel: Parcel) {
        let now = self.now;
        if self.asleep.contains(&to) {
            self.slept_through.push((to, parcel));
            return;
        }
        let Some(node) = &mut self.nodes[to.index()] else { return };
        match parcel {
            Parcel::Link(peer, link) => {
                node.handle_link(now, peer, link);
                // Whoever holds a connection dials again.
                if link != LinkEvent::Up && self.pins.contains(&(to, peer)) {
                    self.connect(to, peer);
                }
            }
            Parcel::Message(from, said) => {
                if let Some(waiting) = self.blocked.get_mut(&to) {
                    waiting.push((false, from, said));
                    return;
                }
                let message = said
                    .map_or_else(|message| message, |bytes| Message::decode(&bytes).expect("it was encoded"));
                node.handle_message(now, from, message);
            }
        }
    }
}

pub(crate) fn contact(number: u32) -> Contact {
    let address = ([127, 0, 0, 1], 10_000 + number as u16).into();
    Contact { id: NodeId(number), address }
}

pub(crate) fn entry(writer: u32, counter: u64) -> Entry {
    let key = Arc::from(format!("k{counter}"));
    Entry {
        dot: Dot { writer: NodeId(writer), counter },
        key,
        value: Arc::from([writer as u8; 100]),
        tag: Tag::default(),
    }
}

pub(crate) fn put(key: &str) -> Command {
    Command::Put { key: Arc::from(key), value: Arc::from([1; 64]) }
}
