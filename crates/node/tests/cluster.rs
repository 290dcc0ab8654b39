//! A small cluster in virtual time, on a network that delays every message by 5 ms and loses what it is told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rumormill_node::{Body, Config, Message, Node, StateTransfer};
use rumormill_protocol::{
    Command, Contact, Dot, Entry, Event, LinkEvent, NodeId, Output, Protocol, Purpose, Start, Status, Time,
    WarmBoot, Wire, stream,
};

const DELAY: Duration = Duration::from_millis(5);

/// What the network carries.
enum Parcel {
    Message(NodeId, Vec<u8>),
    Link(NodeId, LinkEvent),
}

struct World {
    nodes: Vec<Option<Node>>,
    links: BTreeSet<(NodeId, NodeId)>,
    under_way: BTreeMap<(Time, u64), (NodeId, Parcel)>,
    sent: u64,
    now: Time,
    events: Vec<(Time, NodeId, Event)>,
    meets: usize,
}

impl World {
    fn silent(count: u32, config: &Config) -> Self {
        let node = |number| {
            let me = NodeId(number);
            let seed = stream(1, Purpose::Protocol, Some(me));
            let start = Start { me, address: contact(number).address, generation: 0, seed };
            Some(Node::new(config, &start, Time::ZERO))
        };
        Self {
            nodes: (0..count).map(node).collect(),
            links: BTreeSet::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            now: Time::ZERO,
            events: Vec::new(),
            meets: 0,
        }
    }

    fn warm(count: u32, config: &Config) -> Self {
        let mut world = Self::silent(count, config);
        let entries =
            (0..count).flat_map(|writer| (1..=3).map(move |counter| entry(writer, counter))).collect();
        let warm = Arc::new(WarmBoot { roster: (0..count).map(contact).collect(), entries });
        for number in 0..count {
            world.command(NodeId(number), Command::Warm(Arc::clone(&warm)));
        }
        world
    }

    fn command(&mut self, node: NodeId, command: Command) {
        let now = self.now;
        if let Some(live) = &mut self.nodes[node.index()] {
            live.handle_command(now, command);
        }
        self.drain(node);
    }

    /// Lets a connection's ends both hear of it, once more if it stands already.
    fn link(&mut self, one: NodeId, two: NodeId) {
        self.links.insert((one.min(two), one.max(two)));
        self.post(one, Parcel::Link(two, LinkEvent::Up));
        self.post(two, Parcel::Link(one, LinkEvent::Up));
    }

    fn post(&mut self, to: NodeId, parcel: Parcel) {
        self.sent += 1;
        self.under_way.insert((self.now + DELAY, self.sent), (to, parcel));
    }

    fn drain(&mut self, from: NodeId) {
        while let Some(output) = self.nodes[from.index()].as_mut().and_then(Node::poll_output) {
            match output {
                Output::Connect(to) | Output::Send { to, .. }
                    if self.nodes[to.index()].is_some()
                        && !self.links.contains(&(from.min(to), from.max(to))) =>
                {
                    self.link(from, to);
                    if let Output::Send { message, .. } = output {
                        self.carry(from, to, &message);
                    }
                }
                Output::Send { to, message, .. } => self.carry(from, to, &message),
                Output::Event(event) => self.events.push((self.now, from, event)),
                Output::Connect(_) | Output::Disconnect(_) | Output::Introduce { .. } => {}
            }
        }
    }

    fn carry(&mut self, from: NodeId, to: NodeId, message: &Message) {
        self.meets += usize::from(matches!(message.body, Body::Meet(_)));
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        self.post(to, Parcel::Message(from, bytes));
    }

    fn run(&mut self, lasts: Duration) {
        let end = self.now + lasts;
        loop {
            let timer = (0u32..)
                .zip(&self.nodes)
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
                if let Some(node) = &mut self.nodes[to.index()] {
                    match parcel {
                        Parcel::Link(peer, link) => node.handle_link(now, peer, link),
                        Parcel::Message(from, bytes) => {
                            let message = Message::decode(&bytes).expect("what a node encodes decodes");
                            node.handle_message(now, from, message);
                        }
                    }
                }
                to
            };
            self.drain(woken);
        }
        self.now = end;
    }

    fn crash(&mut self, victim: NodeId) {
        self.nodes[victim.index()] = None;
        self.links.retain(|(one, two)| *one != victim && *two != victim);
    }

    fn live(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }
}

fn contact(number: u32) -> Contact {
    let address = ([127, 0, 0, 1], 10_000 + number as u16).into();
    Contact { id: NodeId(number), address }
}

fn entry(writer: u32, counter: u64) -> Entry {
    let key = Arc::from(format!("k{counter}"));
    Entry { dot: Dot { writer: NodeId(writer), counter }, key, value: Arc::from([writer as u8; 100]) }
}

fn put(key: &str) -> Command {
    Command::Put { key: Arc::from(key), value: Arc::from([1; 64]) }
}

#[test]
fn a_crash_is_suspected_in_time_and_everyone_declares_it_and_nobody_else_dead() {
    let config = Config::default();
    let mut world = World::warm(40, &config);
    world.run(Duration::from_secs(20));
    assert!(world.events.is_empty(), "nothing happens in a healthy cluster: {:?}", world.events);

    let (victim, crashed_at) = (NodeId(7), world.now);
    world.crash(victim);
    world.run(Duration::from_secs(25));
    let suspected = world.events.iter().find(|(_, _, event)| *event == Event::Suspected(victim));
    let first = suspected.expect("somebody suspects it").0.since(crashed_at);
    // A partner probes it within `partners` periods and judges one period later.
    assert!(first <= Duration::from_secs(9), "{first:?}");
    let dead = world.events.iter().filter(|(_, _, event)| *event == Event::DeclaredDead(victim));
    assert_eq!(dead.clone().map(|(_, observer, _)| *observer).collect::<BTreeSet<_>>().len(), 39);
    for (at, ..) in dead {
        let waited = at.since(crashed_at) - first;
        assert!(waited >= Duration::from_secs(4 * 39f64.log10() as u64), "{waited:?}");
    }
    let others =
        |event: &Event| !matches!(event, Event::Suspected(who) | Event::DeclaredDead(who) if *who == victim);
    assert!(!world.events.iter().any(|(_, _, event)| others(event)), "nobody else is touched");
    assert!(world.live().all(|node| node.view().status(victim) == Status::Dead && node.view().alive() == 39));
}

#[test]
fn every_write_reaches_everyone_by_deltas_and_by_full_pushes() {
    for state in [StateTransfer::Delta, StateTransfer::Full { every: Duration::from_secs(1) }] {
        let mut world = World::warm(30, &Config { state, ..Config::default() });
        world.run(Duration::from_secs(2));
        for round in 0..10 {
            world.command(NodeId(round), put("k1"));
            world.command(NodeId(round), put("new"));
            world.run(Duration::from_millis(300));
        }
        world.run(Duration::from_secs(40));
        for node in world.live() {
            assert!((0..10).all(|writer| node.view().version(NodeId(writer)) == 5), "{state:?}");
        }
        let applied = world.events.iter().filter(|(_, _, event)| matches!(event, Event::Applied(_))).count();
        assert!(applied <= 20 * 29, "no write is applied twice");
    }
}

#[test]
fn those_who_join_through_one_seed_learn_all_members_and_all_state() {
    let mut world = World::silent(25, &Config::default());
    world.command(NodeId(0), Command::Join { seeds: Vec::new() });
    world.command(NodeId(0), put("k1"));
    for number in 1..25 {
        world.command(NodeId(number), Command::Join { seeds: vec![contact(0)] });
        world.command(NodeId(number), put("k1"));
    }
    world.run(Duration::from_secs(30));
    for node in world.live() {
        assert_eq!(node.view().alive(), 25);
        assert!((0..25).all(|writer| node.view().version(NodeId(writer)) == 1));
    }
    let wrong = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
    assert!(!world.events.iter().any(|(_, _, event)| wrong(event)));
}

#[test]
fn a_node_that_is_cut_off_and_declared_dead_comes_back_by_refuting() {
    let mut world = World::warm(20, &Config::default());
    world.run(Duration::from_secs(5));
    let lost = NodeId(3);
    let away = world.nodes[lost.index()].take();
    world.run(Duration::from_secs(20));
    assert!(world.live().all(|node| node.view().status(lost) == Status::Dead));

    world.nodes[lost.index()] = away;
    world.run(Duration::from_secs(20));
    assert!(world.live().all(|node| node.view().status(lost) == Status::Alive));
    assert!(world.live().all(|node| node.view().alive() == 20));
}

#[test]
fn ends_that_hear_of_their_connection_a_different_number_of_times_stop_meeting() {
    let mut world = World::warm(2, &Config::default());
    world.run(Duration::from_secs(1));
    let before = world.meets;
    // One end hears Up again, as after a dial that crossed another.
    world.post(NodeId(0), Parcel::Link(NodeId(1), LinkEvent::Up));
    world.run(Duration::from_secs(5));
    assert!(world.meets - before <= 3, "{} meets", world.meets - before);
    world.command(NodeId(0), put("k1"));
    world.command(NodeId(1), put("k1"));
    world.run(Duration::from_secs(2));
    assert!(world.live().all(|node| (0..2).all(|writer| node.view().version(NodeId(writer)) == 4)));
}

#[test]
fn a_goodbye_is_no_failure() {
    let mut world = World::warm(20, &Config::default());
    world.run(Duration::from_secs(5));
    world.command(NodeId(4), Command::Leave);
    world.run(Duration::from_secs(20));
    let stayed = || world.live().enumerate().filter(|(number, _)| *number != 4);
    assert!(
        stayed().all(|(_, node)| node.view().status(NodeId(4)) == Status::Left && node.view().alive() == 19)
    );
    let wrong = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
    assert!(!world.events.iter().any(|(_, _, event)| wrong(event)));
}
