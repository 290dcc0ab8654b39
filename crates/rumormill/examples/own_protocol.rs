//! A protocol of one's own beside those that come with rumormill, as simple as it gets: once a period each node tells
//! everyone that it is there and what it wrote last. Who is not heard of for three periods is suspected, and dead after
//! three more. Left out for brevity are joining, leaving and second lives: `crates/rivals` has them.
//!
//!     cargo run --release --example own_protocol -- compare --protocols rumormill,mine --nodes 50 --on sim
//!     cargo run --release --example own_protocol -- run --preset crash --protocol mine --nodes 20 --on local

use std::{collections::BTreeMap, collections::VecDeque, mem, process::ExitCode, time::Duration};

use rumormill::{Registry, protocol::*};

fn main() -> ExitCode {
    let mut registry = Registry::standard();
    registry.add::<Mine>("mine", |scenario, _| scenario.node.protocol_period);
    rumormill::run(&registry)
}

struct Mine {
    start: Start,
    period: Duration,
    /// When this node acts next, once it has started.
    next: Option<Time>,
    /// What each member is thought to be, up to which of its writes this node is, and when it was last heard of.
    members: BTreeMap<NodeId, (Status, u64, Time)>,
    values: BTreeMap<(NodeId, Key), Value>,
    /// What this node wrote last, the newest first. However long they are, 15 writes are less than a megabyte.
    own: VecDeque<(u64, Key, Value)>,
    outputs: VecDeque<Output<Told>>,
}

const OWN_MAX: usize = 15;
const VALUES_MAX: usize = 1 << 20;

impl Protocol for Mine {
    type Config = Duration;
    type Message = Told;

    fn new(period: &Duration, start: &Start, _: Time) -> Self {
        let (members, values, own, outputs) = Default::default();
        Self { start: *start, period: *period, next: None, members, values, own, outputs }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        let Start { me, seed, .. } = self.start;
        match (command, self.next) {
            (Command::Warm(warm), None) => {
                // Nodes that boot together must not act together.
                self.next = Some(now + self.period.mul_f64(seed as f64 / u64::MAX as f64));
                let version = |id| warm.log(id).last().map_or(0, |entry| entry.dot.counter);
                let ids = || warm.roster.iter().map(|contact| contact.id);
                self.members = ids().map(|id| (id, (Status::Alive, version(id), now))).collect();
                // Of each two one dials, and the other holds on to the connection when it is there.
                self.outputs.extend(ids().filter(|id| *id > me).map(Output::Connect));
            }
            (Command::Put { key, value }, Some(_)) => {
                let counter = self.version(me) + 1;
                self.own.push_front((counter, key.clone(), value.clone()));
                self.own.truncate(OWN_MAX);
                self.take(me, counter, key, value);
            }
            _ => {}
        }
    }

    fn handle_link(&mut self, _: Time, peer: NodeId, link: LinkEvent) {
        self.outputs.extend((link == LinkEvent::Up).then_some(Output::Connect(peer)));
    }

    fn handle_message(&mut self, now: Time, from: NodeId, Told(writes): Told) {
        let Some((status, _, heard)) = self.members.get_mut(&from) else { return };
        *heard = now;
        let is_news = mem::replace(status, Status::Alive) != Status::Alive;
        self.outputs.extend(is_news.then_some(Output::Event(Event::Alive(from))));
        writes.into_iter().for_each(|(counter, key, value)| self.take(from, counter, key, value));
    }

    fn handle_timeout(&mut self, now: Time) {
        let Some(due) = self.next.filter(|due| *due <= now) else { return };
        // Who was asleep itself cannot tell whose the silence was.
        let slept = now - due > self.period;
        self.next = Some(if slept { now } else { due } + self.period);
        let told = Told(self.own.iter().rev().cloned().collect());
        for (&to, (status, _, heard)) in self.members.iter_mut().filter(|(id, _)| **id != self.start.me) {
            *heard = if slept { now } else { *heard };
            let (then, event) = match (*status, now - *heard) {
                (Status::Alive, silent) if silent > self.period * 3 => {
                    (Status::Suspect, Event::Suspected(to))
                }
                (Status::Suspect, silent) if silent > self.period * 6 => {
                    (Status::Dead, Event::DeclaredDead(to))
                }
                (same, _) => (same, Event::Alive(to)),
            };
            let is_news = mem::replace(status, then) != then;
            self.outputs.extend(is_news.then_some(Output::Event(event)));
            let (channel, cause, message) = (Channel::Stream, Cause::Probe, told.clone());
            self.outputs.push_back(Output::Send { to, channel, cause, message });
        }
    }

    fn poll_output(&mut self) -> Option<Output<Told>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.next
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl Mine {
    /// Takes a write that it does not have. Those of one writer come in order.
    fn take(&mut self, writer: NodeId, counter: u64, key: Key, value: Value) {
        let Some((_, version, _)) = self.members.get_mut(&writer) else { return };
        if counter > *version && self.values.len() < VALUES_MAX {
            let (dot, is_own) = (Dot { writer, counter }, writer == self.start.me);
            self.outputs.push_back(Output::Event(if is_own {
                Event::Wrote(dot)
            } else {
                Event::Applied(dot)
            }));
            self.values.insert((writer, key), value);
            *version = counter;
        }
    }
}

impl View for Mine {
    fn status(&self, member: NodeId) -> Status {
        self.members.get(&member).map_or(Status::Unknown, |(status, ..)| *status)
    }

    fn life(&self, _: NodeId) -> u32 {
        0
    }

    fn alive(&self) -> usize {
        self.members.values().filter(|(status, ..)| *status != Status::Dead).count()
    }

    fn version(&self, writer: NodeId) -> u64 {
        self.members.get(&writer).map_or(0, |(_, version, _)| *version)
    }
}

/// What a node tells: the numbers, keys and values of its last writes.
#[derive(Clone)]
struct Told(Vec<(u64, Key, Value)>);

impl Wire for Told {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let start = out.len();
        for (counter, key, value) in &self.0 {
            put_varint(out, *counter);
            put_bytes(out, key.as_bytes());
            put_bytes(out, value);
        }
        Sizes { payload: out.len() - start, compressed: out.len() - start }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut reader, mut writes) = (Reader::new(bytes), Vec::new());
        while reader.remaining() > 0 {
            let (counter, key) = (reader.varint()?, reader.bytes(MAX_KEY_BYTES)?);
            let key = std::str::from_utf8(key).map_err(|_| DecodeError::Text)?.into();
            writes.push((counter, key, reader.bytes(MAX_VALUE_BYTES)?.into()));
        }
        Ok(Self(writes))
    }
}
