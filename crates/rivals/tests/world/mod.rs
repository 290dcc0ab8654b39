//! A small cluster of any protocol in virtual time: every message takes 1 ms, and none is lost but at a cut.

// Each test binary uses a part of it.
#![allow(dead_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rumormill_protocol::{
    Cause, Command, Contact, Dot, Entry, Event, LinkEvent, NodeId, Output, Protocol, Purpose, Start, Status,
    Tag, Time, WarmBoot, Wire, stream,
};

pub(crate) const DELAY: Duration = Duration::from_millis(1);
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// Writes that each node booted with.
pub(crate) const BOOTED: u64 = 3;

enum Parcel {
    Message(NodeId, Vec<u8>),
    Link(NodeId, LinkEvent),
}

pub(crate) struct World<P: Protocol> {
    pub(crate) nodes: Vec<Option<P>>,
    pub(crate) now: Time,
    pub(crate) events: Vec<(Time, NodeId, Event)>,
    /// Messages that protocols asked to send, by cause, whether or not there was a connection.
    pub(crate) asked: [usize; Cause::ALL.len()],
    config: P::Config,
    seed: u64,
    /// Which life of each node applied which writes.
    applied: BTreeSet<(NodeId, u32, Dot)>,
    lives: BTreeMap<NodeId, u32>,
    links: BTreeSet<(NodeId, NodeId)>,
    pins: BTreeSet<(NodeId, NodeId)>,
    /// Who hears nothing and is heard by nobody.
    cut_off: BTreeSet<NodeId>,
    under_way: BTreeMap<(Time, u64), (NodeId, Parcel)>,
    sent: u64,
}

impl<P: Protocol> World<P> {
    pub(crate) fn silent(count: u32, config: &P::Config, seed: u64) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            now: Time::ZERO,
            events: Vec::new(),
            asked: [0; Cause::ALL.len()],
            config: config.clone(),
            seed,
            applied: BTreeSet::new(),
            lives: BTreeMap::new(),
            links: BTreeSet::new(),
            pins: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            under_way: BTreeMap::new(),
            sent: 0,
        };
        world.nodes = (0..count).map(|number| Some(world.node(NodeId(number), 0))).collect();
        world
    }

    /// A cluster that booted warm and has been running for two seconds.
    pub(crate) fn warm(count: u32, config: &P::Config, seed: u64) -> Self {
        let mut world = Self::silent(count, config, seed);
        let entries = (0..count).flat_map(|writer| (1..=BOOTED).map(move |counter| entry(writer, counter)));
        let warm = Arc::new(WarmBoot::new((0..count).map(contact).collect(), entries.collect()));
        for number in 0..count {
            world.command(number, Command::Warm(Arc::clone(&warm)));
        }
        world.run(Duration::from_secs(2));
        world
    }

    fn node(&self, me: NodeId, generation: u32) -> P {
        let seed = stream(self.seed, Purpose::Protocol, Some(me)) ^ u64::from(generation);
        P::new(&self.config, &Start { me, address: contact(me.0).address, generation, seed }, self.now)
    }

    pub(crate) fn command(&mut self, node: u32, command: Command) {
        let now = self.now;
        if let Some(live) = &mut self.nodes[node as usize] {
            live.handle_command(now, command);
        }
        self.drain(NodeId(node));
    }

    pub(crate) fn put(&mut self, node: u32, key: &str) {
        self.command(node, Command::Put { key: Arc::from(key), value: Arc::from([1; 64]) });
    }

    pub(crate) fn join(&mut self, node: u32, seeds: &[u32]) {
        self.command(node, Command::Join { seeds: seeds.iter().map(|&seed| contact(seed)).collect() });
    }

    /// A node is gone; others learn of it by its silence alone.
    pub(crate) fn crash(&mut self, victim: u32) {
        let victim = NodeId(victim);
        self.nodes[victim.index()] = None;
        self.links.retain(|(one, two)| *one != victim && *two != victim);
        self.pins.retain(|(one, _)| *one != victim);
        self.under_way.retain(|_, (to, _)| *to != victim);
    }

    /// The next life of a crashed node. Connections of its last life end at once.
    pub(crate) fn restart(&mut self, node: u32, generation: u32, seeds: &[u32]) {
        for peer in (0..self.nodes.len() as u32).map(NodeId) {
            self.post(peer, DELAY, Parcel::Link(NodeId(node), LinkEvent::Down));
        }
        self.nodes[node as usize] = Some(self.node(NodeId(node), generation));
        self.lives.insert(NodeId(node), generation);
        self.join(node, seeds);
    }

    /// Nothing passes to or from a node any more; its connections end.
    pub(crate) fn cut_off(&mut self, node: u32) {
        let node = NodeId(node);
        self.cut_off.insert(node);
        let (broken, kept) = self.links.iter().partition(|(one, two)| *one == node || *two == node);
        self.links = kept;
        let broken: BTreeSet<(NodeId, NodeId)> = broken;
        for (one, two) in broken {
            self.post(one, DELAY, Parcel::Link(two, LinkEvent::Down));
            self.post(two, DELAY, Parcel::Link(one, LinkEvent::Down));
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut_off.clear();
    }

    /// A node hears a message from outside of this world.
    pub(crate) fn hear(&mut self, node: u32, from: u32, bytes: &[u8]) {
        self.post(NodeId(node), DELAY, Parcel::Message(NodeId(from), bytes.to_vec()));
    }

    fn post(&mut self, to: NodeId, after: Duration, parcel: Parcel) {
        self.sent += 1;
        self.under_way.insert((self.now + after, self.sent), (to, parcel));
    }

    fn drain(&mut self, from: NodeId) {
        while let Some(output) = self.nodes[from.index()].as_mut().and_then(Protocol::poll_output) {
            match output {
                Output::Connect(to) => {
                    self.pins.insert((from, to));
                    self.connect(from, to);
                }
                Output::Disconnect(to) | Output::Release(to) => {
                    self.pins.remove(&(from, to));
                    if !self.pins.contains(&(to, from)) && self.links.remove(&(from.min(to), from.max(to))) {
                        self.post(from, DELAY, Parcel::Link(to, LinkEvent::Down));
                        self.post(to, DELAY, Parcel::Link(from, LinkEvent::Down));
                    }
                }
                Output::Send { to, cause, message, .. } => {
                    assert!(to != from, "a node sends itself nothing");
                    self.asked[cause.index()] += 1;
                    let mut bytes = Vec::new();
                    assert_eq!(message.encode(&mut bytes), message.sizes());
                    if self.connect(from, to) {
                        self.post(to, DELAY, Parcel::Message(from, bytes));
                    }
                }
                Output::Event(event) => self.note(from, event),
                Output::Introduce { .. } => {}
            }
        }
    }

    fn note(&mut self, node: NodeId, event: Event) {
        if let Event::Applied(dot) = event {
            let life = self.lives.get(&node).copied().unwrap_or(0);
            assert!(self.applied.insert((node, life, dot)), "{node} applied {dot:?} twice");
        }
        self.events.push((self.now, node, event));
    }

    /// Says whether there is a connection, made now if need be: both ends then hear of it.
    fn connect(&mut self, from: NodeId, to: NodeId) -> bool {
        let link = (from.min(to), from.max(to));
        if self.links.contains(&link) {
            return true;
        }
        if self.nodes[to.index()].is_none() || self.cut_off.contains(&from) || self.cut_off.contains(&to) {
            self.post(from, DIAL_TIMEOUT, Parcel::Link(to, LinkEvent::DialFailed));
            return false;
        }
        self.links.insert(link);
        self.post(from, DELAY, Parcel::Link(to, LinkEvent::Up));
        self.post(to, DELAY, Parcel::Link(from, LinkEvent::Up));
        true
    }

    pub(crate) fn run(&mut self, lasts: Duration) {
        let end = self.now + lasts;
        loop {
            let timers = (0u32..).zip(&self.nodes);
            let timers =
                timers.filter_map(|(number, node)| Some((node.as_ref()?.poll_timeout()?, NodeId(number))));
            let (timer, parcel) = (timers.min(), self.under_way.keys().next().map(|(at, _)| *at));
            let next = timer.map(|(at, _)| at).into_iter().chain(parcel).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            let woken = match timer {
                Some((at, woken)) if parcel.is_none_or(|parcel| at < parcel) => {
                    let now = self.now;
                    if let Some(node) = &mut self.nodes[woken.index()] {
                        node.handle_timeout(now);
                    }
                    woken
                }
                _ => {
                    let (_, (to, parcel)) = self.under_way.pop_first().expect("a parcel came first");
                    self.deliver(to, parcel);
                    to
                }
            };
            self.drain(woken);
        }
        self.now = end;
    }

    fn deliver(&mut self, to: NodeId, parcel: Parcel) {
        let now = self.now;
        let Some(node) = &mut self.nodes[to.index()] else { return };
        match parcel {
            Parcel::Link(peer, link) => {
                node.handle_link(now, peer, link);
                // Whoever holds a connection dials again.
                if link != LinkEvent::Up && self.pins.contains(&(to, peer)) {
                    self.drain(to);
                    self.connect(to, peer);
                }
            }
            Parcel::Message(from, bytes) => {
                if let Ok(message) = P::Message::decode(&bytes) {
                    node.handle_message(now, from, message);
                }
            }
        }
    }

    /// How many messages of these causes are asked for in so long.
    pub(crate) fn count(&mut self, lasts: Duration, causes: &[Cause]) -> usize {
        let before = self.asked;
        self.run(lasts);
        causes.iter().map(|cause| self.asked[cause.index()] - before[cause.index()]).sum()
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &P)> {
        (0..).zip(&self.nodes).filter_map(|(number, node)| Some((number, node.as_ref()?)))
    }

    /// How all live nodes but `member` see it.
    pub(crate) fn statuses(&self, member: u32) -> BTreeSet<Status> {
        let others = self.live().filter(|(number, _)| *number != member);
        others.map(|(_, node)| node.view().status(NodeId(member))).collect()
    }

    /// The versions that live nodes have of a writer's writes.
    pub(crate) fn versions(&self, writer: u32) -> BTreeSet<u64> {
        self.live().map(|(_, node)| node.view().version(NodeId(writer))).collect()
    }

    /// When which observer saw this happen.
    pub(crate) fn times(&self, wanted: Event) -> BTreeMap<NodeId, Time> {
        let seen = self.events.iter().filter(|(.., event)| *event == wanted);
        seen.map(|(at, observer, _)| (*observer, *at)).collect()
    }

    /// How often any node saw a member fail.
    pub(crate) fn alarms(&self) -> usize {
        let alarm = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
        self.events.iter().filter(|(.., event)| alarm(event)).count()
    }
}

pub(crate) fn contact(number: u32) -> Contact {
    Contact { id: NodeId(number), address: ([127, 0, 0, 1], 10_000 + number as u16).into() }
}

fn entry(writer: u32, counter: u64) -> Entry {
    let key = Arc::from(format!("k{counter}"));
    Entry {
        dot: Dot { writer: NodeId(writer), counter },
        key,
        value: Arc::from([writer as u8; 100]),
        tag: Tag::default(),
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The only one of what should be all alike.
pub(crate) fn only<T: Copy + std::fmt::Debug + Ord>(all: &BTreeSet<T>) -> T {
    assert_eq!(all.len(), 1, "{all:?}");
    *all.first().expect("there is one")
}
