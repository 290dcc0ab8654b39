//! Hosts in virtual time under either cryptography, over a network that is a queue of packets.

mod puppet;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use quinn_proto::EndpointConfig;
use rumormill_crypto::{Credentials, null, real};
use rumormill_link::{Host, HostConfig, Identify, LinkConfig, Transmit, transport};
use rumormill_protocol::{Command, Contact, NodeId, Output, Start, Time, mix};

use puppet::Puppet;
pub(crate) use puppet::{Diary, Note};

const LATENCY: Duration = Duration::from_millis(10);
const IDLE: Duration = Duration::from_secs(20);

/// Which cryptography a world runs on.
pub(crate) struct Crypto {
    pub(crate) credentials: Box<dyn Fn(NodeId) -> Credentials>,
    pub(crate) endpoint: EndpointConfig,
    pub(crate) identify: Identify,
}

/// A packet that left a host: when, from whom, to whom, and its bytes.
pub(crate) type Packet = (Time, SocketAddr, SocketAddr, usize);

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) packets: Vec<Packet>,
    pub(crate) diaries: Vec<Arc<Mutex<Diary>>>,
    pub(crate) hosts: Vec<Host<Puppet>>,
    /// When each host wants to be woken.
    due: Vec<Option<Time>>,
    crypto: Crypto,
    epoch: Instant,
    seed: u64,
    loss_percent: u64,
    lives: u32,
    flying: BTreeMap<(Time, usize), (SocketAddr, usize, BytesMut)>,
    buffer: Vec<u8>,
}

impl Crypto {
    pub(crate) fn real() -> Self {
        let authority = real::Authority::seeded(1).expect("the cryptography works");
        let endpoint = authority.endpoint_config();
        let credentials = move |node| authority.credentials(node).expect("the cryptography works");
        Self { credentials: Box::new(credentials), endpoint, identify: real::identify }
    }

    pub(crate) fn null() -> Self {
        Self {
            credentials: Box::new(null::credentials),
            endpoint: null::endpoint_config(),
            identify: null::identify,
        }
    }
}

pub(crate) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1_000 + node as u16))
}

impl World {
    /// A world of hosts that were not told to start.
    pub(crate) fn new(crypto: Crypto, nodes: usize, seed: u64, loss_percent: u64) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            packets: Vec::new(),
            diaries: (0..nodes).map(|_| Arc::default()).collect(),
            hosts: Vec::new(),
            due: vec![None; nodes],
            crypto,
            #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing reads it")]
            epoch: Instant::now(),
            seed,
            loss_percent,
            lives: 0,
            flying: BTreeMap::new(),
            buffer: Vec::new(),
        };
        for node in 0..nodes {
            let host = world.life(node);
            world.hosts.push(host);
        }
        world
    }

    /// Ends a node's life without a word, and begins another that has not started.
    pub(crate) fn restart(&mut self, node: usize) {
        self.hosts[node] = self.life(node);
    }

    /// Starts a node, and tells it where all others are.
    pub(crate) fn start(&mut self, node: usize) {
        let seeds =
            (0..self.hosts.len()).map(|node| Contact { id: NodeId(node as u32), address: address(node) });
        self.command(node, Command::Join { seeds: seeds.collect() });
    }

    /// Makes a node's protocol want things, all in one drain.
    pub(crate) fn want(&mut self, node: usize, outputs: impl IntoIterator<Item = Output<Note>>) {
        self.diaries[node].lock().expect("no test panics while it holds a diary").outputs.extend(outputs);
        self.command(node, Command::Leave);
    }

    fn command(&mut self, node: usize, command: Command) {
        self.hosts[node].handle_command(self.now, command);
        self.launch(node);
    }

    /// A packet from nowhere.
    pub(crate) fn inject(&mut self, node: usize, data: &[u8]) {
        let from = SocketAddr::from(([10, 9, 9, 9], 9));
        self.hosts[node].handle_datagram(self.now, from, None, BytesMut::from(data));
        self.launch(node);
    }

    pub(crate) fn run_for(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        loop {
            let arrival = self.flying.keys().next().map(|&(time, _)| time);
            let timeouts = self.due.iter().enumerate();
            let timeout = timeouts.filter_map(|(node, &due)| Some((due?, node))).min();
            let next = arrival.into_iter().chain(timeout.map(|(time, _)| time)).min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            self.now = self.now.max(next);
            let node = if arrival == Some(next) { self.land() } else { timeout.map(|(_, node)| node) };
            let Some(node) = node else { continue };
            if self.due[node].is_some_and(|timeout| timeout <= self.now) {
                self.hosts[node].handle_timeout(self.now);
            }
            self.launch(node);
        }
        self.now = until;
    }

    fn life(&mut self, node: usize) -> Host<Puppet> {
        self.lives += 1;
        let me = NodeId(node as u32);
        let Credentials { server, client } = (self.crypto.credentials)(me);
        let seed = mix(self.seed ^ mix(u64::from(self.lives)));
        let config = HostConfig {
            start: Start { me, address: address(node), generation: self.lives, seed },
            epoch: self.epoch,
            seed,
            endpoint: self.crypto.endpoint.clone(),
            server,
            client,
            transport: transport(IDLE),
            identify: self.crypto.identify,
            links: LinkConfig::default(),
            book: (0..self.diaries.len()).map(address).collect(),
        };
        Host::new(config, &self.diaries[node], self.now)
    }

    /// Delivers the next packet, and says to whom.
    fn land(&mut self) -> Option<usize> {
        let (_, (from, to, data)) = self.flying.pop_first()?;
        self.hosts[to].handle_datagram(self.now, from, None, data);
        Some(to)
    }

    fn launch(&mut self, node: usize) {
        while let Some(Transmit { destination, size, .. }) =
            self.hosts[node].poll_transmit(self.now, &mut self.buffer)
        {
            assert_eq!(size, self.buffer.len());
            let number = self.packets.len();
            self.packets.push((self.now, address(node), destination, size));
            let to = usize::from(destination.port()).wrapping_sub(1_000);
            let lost = mix(self.seed ^ mix(number as u64)) % 100 < self.loss_percent;
            if to < self.hosts.len() && !lost {
                let packet = (address(node), to, BytesMut::from(&self.buffer[..]));
                self.flying.insert((self.now + LATENCY, number), packet);
            }
        }
        self.due[node] = self.hosts[node].poll_timeout();
    }
}
