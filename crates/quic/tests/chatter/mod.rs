//! A protocol that talks: each node greets the next ones round after round, with which life it is in, and all write
//! down what they hear. A node that is told to write before it has friends breaks a moment later.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rumormill_protocol::{
    Cause, Channel, Command, DecodeError, Dot, Event, LinkEvent, NodeId, Output, Protocol, Sizes, Start,
    Status, Time, View, Wire,
};

/// A node greets this many others.
pub(crate) const FRIENDS: u32 = 3;
const ROUND: Duration = Duration::from_millis(20);

/// What all nodes heard, in order.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: NodeId,
    pub(crate) from: NodeId,
    pub(crate) heard: Heard,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Link(LinkEvent),
    Greeting(Greeting),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting(pub(crate) Vec<u8>);

pub(crate) struct Chatter {
    me: NodeId,
    generation: u32,
    diary: Diary,
    /// The life that each peer last greeted from.
    lives: BTreeMap<NodeId, u32>,
    outputs: VecDeque<Output<Greeting>>,
    friends: Vec<NodeId>,
    next_round: Option<Time>,
    rounds: u64,
}

impl Diary {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().expect("nobody panics while writing")
    }

    pub(crate) fn count(&self, at: u32, from: u32, matches: impl Fn(&Heard) -> bool) -> usize {
        let of =
            |entry: &&Entry| entry.at == NodeId(at) && entry.from == NodeId(from) && matches(&entry.heard);
        self.entries().iter().filter(of).count()
    }
}

impl Chatter {
    fn write(&self, from: NodeId, heard: Heard) {
        self.diary.entries().push(Entry { at: self.me, from, heard });
    }
}

impl Protocol for Chatter {
    type Config = Diary;
    type Message = Greeting;

    fn new(diary: &Diary, start: &Start, _: Time) -> Self {
        Self {
            me: start.me,
            generation: start.generation,
            diary: diary.clone(),
            lives: BTreeMap::new(),
            outputs: VecDeque::new(),
            friends: Vec::new(),
            next_round: None,
            rounds: 0,
        }
    }

    fn handle_message(&mut self, _: Time, from: NodeId, message: Greeting) {
        self.lives.insert(from, message.0.first().copied().map_or(0, u32::from));
        self.write(from, Heard::Greeting(message));
    }

    fn handle_link(&mut self, _: Time, peer: NodeId, link: LinkEvent) {
        self.write(peer, Heard::Link(link));
    }

    fn handle_timeout(&mut self, now: Time) {
        assert!(!self.friends.is_empty(), "a node without friends breaks");
        self.next_round = Some(now + ROUND);
        self.rounds += 1;
        self.outputs.push_back(Output::Event(Event::Wrote(Dot { writer: self.me, counter: self.rounds })));
        for &to in &self.friends {
            let channel = if self.rounds.is_multiple_of(2) { Channel::Stream } else { Channel::Datagram };
            let message = Greeting(vec![self.generation as u8; 100]);
            self.outputs.push_back(Output::Send { to, channel, cause: Cause::Probe, message });
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Warm(boot) => {
                let nodes = boot.roster.len() as u32;
                self.friends = (1..=FRIENDS).map(|step| NodeId((self.me.0 + step) % nodes)).collect();
                self.outputs.extend(self.friends.iter().map(|&friend| Output::Connect(friend)));
                self.next_round = Some(now);
            }
            Command::Leave => {
                self.friends.clear();
                self.next_round = None;
            }
            Command::Put { .. } => self.next_round = Some(now + ROUND / 2),
            Command::Join { .. } | Command::Delete { .. } | Command::Propose { .. } => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Greeting>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.next_round
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl View for Chatter {
    fn status(&self, member: NodeId) -> Status {
        if self.friends.contains(&member) { Status::Alive } else { Status::Unknown }
    }

    fn life(&self, member: NodeId) -> u32 {
        self.lives.get(&member).copied().unwrap_or(0)
    }

    fn alive(&self) -> usize {
        1 + self.friends.len()
    }

    fn version(&self, writer: NodeId) -> u64 {
        if writer == self.me { self.rounds } else { 0 }
    }
}

impl Wire for Greeting {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        out.extend_from_slice(&self.0);
        Sizes { payload: self.0.len(), compressed: self.0.len() }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(bytes.to_vec()))
    }
}
