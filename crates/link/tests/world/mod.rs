//! Hosts in virtual time: real QUIC and TLS over a network that is a queue of packets.

mod identity;
mod puppet;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
pub(crate) use puppet::{Heard, Note, Puppet, Strings};
use quinn_proto::EndpointConfig;
use rumormill_link::{Host, HostConfig, LinkConfig, transport};
use rumormill_protocol::{Cause, Channel, Command, Contact, LinkEvent, NodeId, Output, Start, Time};

pub(crate) const LATENCY: Duration = Duration::from_millis(10);
pub(crate) const IDLE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) hosts: Vec<Host<Puppet>>,
    pub(crate) strings: Vec<Strings>,
    /// UDP payload bytes and packets that left each host.
    pub(crate) sent: Vec<(u64, u64)>,
    /// Hosts whose packets, in both directions, are lost.
    pub(crate) deaf: BTreeSet<usize>,
    flying: BTreeMap<(Time, u64), Packet>,
    sequence: u64,
    buffer: Vec<u8>,
}

struct Packet {
    from: SocketAddr,
    to: usize,
    data: BytesMut,
}

pub(crate) fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1_000 + node as u16))
}

impl World {
    /// A world of `nodes` hosts that know each other's addresses.
    pub(crate) fn new(nodes: usize) -> Self {
        Self::with(nodes, &LinkConfig::default())
    }

    /// The same under another connection policy.
    pub(crate) fn with(nodes: usize, links: &LinkConfig) -> Self {
        let authority = identity::Authority::new();
        #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing reads it")]
        let (epoch, transport) = (Instant::now(), transport(IDLE));
        let book: Arc<[SocketAddr]> = (0..nodes).map(address).collect();
        let strings: Vec<Strings> = (0..nodes).map(|_| Strings::default()).collect();
        let host = |node: usize| {
            let me = NodeId(node as u32);
            let (server, client) = authority.node(me);
            let config = HostConfig {
                start: Start { me, address: address(node), generation: 0, seed: 1 },
                epoch,
                seed: node as u64,
                endpoint: EndpointConfig::default(),
                server,
                client,
                transport: transport.clone(),
                identify: identity::identify,
                links: links.clone(),
                book: book.clone(),
            };
            Host::new(config, &strings[node], Time::ZERO)
        };
        let hosts: Vec<_> = (0..nodes).map(host).collect();
        let mut world = Self {
            now: Time::ZERO,
            hosts,
            sent: vec![(0, 0); nodes],
            strings,
            deaf: BTreeSet::new(),
            flying: BTreeMap::new(),
            sequence: 0,
            buffer: Vec::new(),
        };
        let seeds: Vec<_> =
            (0..nodes).map(|node| Contact { id: NodeId(node as u32), address: address(node) }).collect();
        for node in 0..nodes {
            world.command(node, Command::Join { seeds: seeds.clone() });
        }
        world
    }

    /// Makes a node's protocol want things, all in one drain, and lets its packets fly.
    pub(crate) fn want(&mut self, node: usize, outputs: impl IntoIterator<Item = Output<Note>>) {
        self.strings[node].pull(outputs);
        self.command(node, Command::Leave);
    }

    pub(crate) fn command(&mut self, node: usize, command: Command) {
        self.hosts[node].handle_command(self.now, command);
        self.launch(node);
    }

    pub(crate) fn run_until(&mut self, until: Time) {
        loop {
            let arrival = self.flying.keys().next().map(|&(time, _)| time);
            let timeouts =
                self.hosts.iter().enumerate().filter_map(|(node, host)| Some((host.poll_timeout()?, node)));
            let timeout = timeouts.min();
            let next = arrival.into_iter().chain(timeout.map(|(time, _)| time)).min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                self.land();
            } else if let Some((_, node)) = timeout {
                self.hosts[node].handle_timeout(self.now);
                self.launch(node);
            }
        }
        self.now = until;
    }

    /// A packet from nowhere.
    pub(crate) fn inject(&mut self, node: usize, data: &[u8]) {
        let from = SocketAddr::from(([10, 9, 9, 9], 9));
        self.hosts[node].handle_datagram(self.now, from, None, BytesMut::from(data));
        self.launch(node);
    }

    /// How often a node heard this of a peer.
    pub(crate) fn heard_link(&self, node: usize, peer: usize, link: LinkEvent) -> usize {
        let heard = Heard::Link(NodeId(peer as u32), link);
        self.strings[node].heard().iter().filter(|&other| *other == heard).count()
    }

    /// The messages that a node got from a peer.
    pub(crate) fn heard_notes(&self, node: usize, peer: usize) -> Vec<Vec<u8>> {
        let from = NodeId(peer as u32);
        let notes = self.strings[node].heard().into_iter().filter_map(|heard| match heard {
            Heard::Note(sender, note) if sender == from => Some(note.0),
            _ => None,
        });
        notes.collect()
    }

    /// Delivers what arrives at one host at this instant, all before it answers.
    fn land(&mut self) {
        let Some(first) = self.flying.first_entry() else { return };
        let (time, node) = (first.key().0, first.get().to);
        let batch: Vec<_> = self
            .flying
            .range((time, 0)..=(time, u64::MAX))
            .filter(|(_, packet)| packet.to == node)
            .map(|(&key, _)| key)
            .collect();
        for key in batch {
            let packet = self.flying.remove(&key).expect("its key was just read");
            self.hosts[node].handle_datagram(self.now, packet.from, None, packet.data);
        }
        self.launch(node);
    }

    fn launch(&mut self, node: usize) {
        while let Some(transmit) = self.hosts[node].poll_transmit(self.now, &mut self.buffer) {
            assert_eq!(transmit.size, self.buffer.len());
            assert!(transmit.size <= usize::from(rumormill_link::MAX_PACKET_BYTES));
            self.sent[node].0 += transmit.size as u64;
            self.sent[node].1 += 1;
            let to = usize::from(transmit.destination.port()).wrapping_sub(1_000);
            if self.deaf.contains(&node) || self.deaf.contains(&to) || to >= self.hosts.len() {
                continue;
            }
            self.sequence += 1;
            let packet = Packet { from: address(node), to, data: BytesMut::from(&self.buffer[..]) };
            self.flying.insert((self.now + LATENCY, self.sequence), packet);
        }
    }
}

pub(crate) fn connect(to: u32) -> Output<Note> {
    Output::Connect(NodeId(to))
}

pub(crate) fn send(to: u32, channel: Channel, bytes: Vec<u8>) -> Output<Note> {
    Output::Send { to: NodeId(to), channel, cause: Cause::Other, message: Note(bytes) }
}
