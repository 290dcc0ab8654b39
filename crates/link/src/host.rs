use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use quinn_proto::{
    ClientConfig, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, EndpointConfig, Incoming,
    ServerConfig, TransportConfig, crypto,
};
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, Event, NodeId, Protocol, Start, Time};

use crate::{
    account::Class,
    clock::Clock,
    connection::{Connection, Stage},
    directory::Directory,
    links::{LinkConfig, Links},
    table::Table,
    transport,
};

mod outgoing;
mod settle;

use outgoing::Letter;

/// Answers of the endpoint itself that wait to be sent; more are dropped.
const RESPONSES_MAX: usize = 64;

/// How a world reads who is at the other end of an established connection; `None` closes it.
pub type Identify = fn(&quinn_proto::Connection) -> Option<NodeId>;

/// What a [`Host`] is made of.
#[derive(Clone)]
pub struct HostConfig {
    /// Who the node is.
    pub start: Start,
    /// The instant that is time zero.
    pub epoch: Instant,
    /// The source of connection ids and of QUIC's own chance.
    pub seed: u64,
    /// Brings the key of stateless resets; other settings are overwritten.
    pub endpoint: EndpointConfig,
    /// Brings the cryptography of accepted connections; the transport settings are overwritten.
    pub server: ServerConfig,
    /// The cryptography of dialled connections.
    pub client: Arc<dyn crypto::ClientConfig>,
    /// The settings of [`transport`](crate::transport()).
    pub transport: Arc<TransportConfig>,
    /// Reads the peer's identity.
    pub identify: Identify,
    /// The connection policy.
    pub links: LinkConfig,
    /// See [`Directory::new`].
    pub book: Arc<[SocketAddr]>,
}

/// A UDP datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub destination: SocketAddr,
    /// How to mark it, where that can be done.
    pub ecn: Option<EcnCodepoint>,
    /// Its bytes: as many at the front of the buffer.
    pub size: usize,
    class: Class,
}

/// A gossip node with its QUIC endpoint, without I/O or clock: datagrams, timeouts and commands go in, datagrams
/// and events come out.
///
/// # Driving it
/// After any `handle_*` call, or several of one instant, call [`poll_transmit`](Self::poll_transmit) until it
/// returns `None`: this also makes the protocol hear what arrived. Then take the events, and sleep until
/// [`poll_timeout`](Self::poll_timeout) or the next input. Hand in all datagrams that wait before asking for
/// packets, so that one acknowledgement serves them all.
///
/// Inside, a connection is asked for packets before its timers run and its events are taken, as quinn's own
/// driver does; and the protocol is asked for outputs until it has none before any connection is asked for
/// packets, so that all messages to one peer that come out of one instant share packets.
pub struct Host<P: Protocol> {
    me: NodeId,
    clock: Clock,
    protocol: P,
    endpoint: Endpoint,
    client: ClientConfig,
    identify: Identify,
    /// After which an accepted handshake is given up.
    accept_timeout: Duration,
    /// Connections at once, closing ones included.
    connections_max: usize,
    /// Whether the node was told to start; until then it refuses connections, as if nobody listened.
    started: bool,
    links: Links<ConnectionHandle, Letter<Box<[u8]>>>,
    directory: Directory,
    connections: Table,
    responses: VecDeque<Response>,
    events: VecDeque<Event>,
    ledger: Ledger,
    scratch: Vec<u8>,
}

/// What the endpoint itself answers, outside any connection.
struct Response {
    transmit: Transmit,
    bytes: Vec<u8>,
}

impl<P: Protocol> Host<P> {
    /// A host of a node that has not started.
    pub fn new(config: HostConfig, protocol: &P::Config, now: Time) -> Self {
        let transport = config.transport;
        let server = transport::server(config.server, transport.clone());
        Self {
            me: config.start.me,
            clock: Clock::new(config.epoch),
            protocol: P::new(protocol, &config.start, now),
            endpoint: Endpoint::new(
                transport::endpoint(&config.endpoint, config.seed),
                Some(server),
                false,
                None,
            ),
            client: transport::client(config.client, transport, config.seed),
            identify: config.identify,
            accept_timeout: config.links.dial_timeout,
            connections_max: config.links.connections,
            started: false,
            links: Links::new(config.start.me, config.links),
            directory: Directory::new(config.book),
            connections: Table::default(),
            responses: VecDeque::new(),
            events: VecDeque::new(),
            ledger: Ledger::default(),
            scratch: Vec::new(),
        }
    }

    /// A UDP datagram arrived.
    pub fn handle_datagram(
        &mut self,
        now: Time,
        from: SocketAddr,
        ecn: Option<EcnCodepoint>,
        data: BytesMut,
    ) {
        self.ledger.packets_received += 1;
        self.ledger.quic_bytes_received += data.len() as u64;
        // Only a datagram with a short header can be answered by a stateless reset.
        let short_header = data.first().is_some_and(|first| first & 0x80 == 0);
        let mut answer = Vec::new();
        match self.endpoint.handle(self.clock.instant(now), from, None, ecn, data, &mut answer) {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = self.connections.at(handle) {
                    connection.quic.handle_event(event);
                    self.connections.mark(handle);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(now, incoming),
            Some(DatagramEvent::Response(transmit)) if short_header => {
                self.ledger.garbage_packets += 1;
                self.respond(&transmit, Class::Close, answer);
            }
            Some(DatagramEvent::Response(transmit)) => self.respond(&transmit, Class::Handshake, answer),
            None => self.ledger.garbage_packets += 1,
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.protocol.poll_timeout().is_some_and(|timeout| timeout <= now) {
            self.protocol.handle_timeout(now);
        }
        self.links.handle_timeout(now);
        self.connections.mark_due(now);
        self.drain(now);
    }

    /// From now on the world holds up what is sent, or no longer; see [`Protocol::handle_blocked`].
    pub fn handle_blocked(&mut self, now: Time, blocked: bool) {
        self.protocol.handle_blocked(now, blocked);
    }

    /// The world asks something of the node.
    pub fn handle_command(&mut self, now: Time, command: Command) {
        self.started |= matches!(command, Command::Warm(_) | Command::Join { .. });
        match &command {
            Command::Warm(boot) => self.directory.warm(boot.clone()),
            Command::Join { seeds } => {
                for seed in seeds {
                    self.directory.introduce(seed.id, seed.address);
                }
            }
            Command::Leave | Command::Put { .. } | Command::Delete { .. } | Command::Propose { .. } => {}
        }
        self.protocol.handle_command(now, command);
        self.drain(now);
    }

    /// The next UDP datagram to send, written to `buf` in place of what was there; `None` when nothing is left to
    /// do at `now`.
    pub fn poll_transmit(&mut self, now: Time, buf: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            buf.clear();
            if let Some(transmit) = self.next_packet(now, buf) {
                return Some(transmit);
            }
            while let Some(handle) = self.connections.next_to_settle() {
                self.settle(now, handle);
            }
            self.drain(now);
            self.connections.sender()?;
        }
    }

    /// The next thing that happened inside the node.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When the host next wants [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Time> {
        let timeouts = [self.protocol.poll_timeout(), self.links.poll_timeout(), self.connections.deadline()];
        timeouts.into_iter().flatten().min()
    }

    /// A packet of [`poll_transmit`](Self::poll_transmit) was not taken by the operating system: it was not sent
    /// after all.
    pub fn refused(&mut self, transmit: &Transmit) {
        self.ledger.send_refused += 1;
        transmit.class.discount(transmit.size, &mut self.ledger);
    }

    /// What the node sent so far.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The protocol, read only.
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Connections that stand.
    pub fn links_up(&self) -> usize {
        self.links.up()
    }

    /// Connections that the protocol wants and does not have.
    pub fn links_pending(&self) -> usize {
        self.links.pending()
    }

    /// Dials under way.
    pub const fn dials(&self) -> usize {
        self.links.dials()
    }

    /// Dials that wait for others to end, or for [`allow_dials`](Self::allow_dials).
    pub fn dials_waiting(&self) -> usize {
        self.links.dials_waiting()
    }

    /// Whether the machine has room for further dials; those that start now do so when packets are next asked for.
    pub fn allow_dials(&mut self, now: Time, may_dial: bool) {
        self.links.allow_dials(now, may_dial);
    }

    /// Messages dropped unsent: too many waited for a connection, or it could not be made.
    pub const fn messages_dropped(&self) -> u64 {
        self.links.dropped()
    }

    /// Asks the marked connections for a packet, and counts it.
    fn next_packet(&mut self, now: Time, buf: &mut Vec<u8>) -> Option<Transmit> {
        if let Some(response) = self.responses.pop_front() {
            response.transmit.class.count(response.transmit.size, &mut self.ledger);
            buf.extend_from_slice(&response.bytes);
            return Some(response.transmit);
        }
        let instant = self.clock.instant(now);
        while let Some(handle) = self.connections.sender() {
            if let Some(Connection { quic, .. }) = self.connections.at(handle) {
                let handshaking = quic.is_handshaking();
                let before = quic.stats().frame_tx;
                if let Some(transmit) = quic.poll_transmit(instant, 1, buf) {
                    let class = Class::of(handshaking, &before, &quic.stats().frame_tx);
                    class.count(transmit.size, &mut self.ledger);
                    return Some(Transmit::new(&transmit, class));
                }
            }
            self.connections.sent_all();
        }
        None
    }

    fn accept(&mut self, now: Time, incoming: Incoming) {
        let mut answer = Vec::new();
        if !self.started || self.connections.len() >= self.connections_max {
            let transmit = self.endpoint.refuse(incoming, &mut answer);
            self.respond(&transmit, Class::Handshake, answer);
            return;
        }
        match self.endpoint.accept(incoming, self.clock.instant(now), &mut answer, None) {
            Ok((handle, quic)) => {
                let stage = Stage::Accepting(now + self.accept_timeout);
                self.connections.insert(handle, Connection::new(quic, stage));
            }
            Err(error) => {
                self.ledger.handshakes_failed += 1;
                if let Some(transmit) = error.response {
                    self.respond(&transmit, Class::Handshake, answer);
                }
            }
        }
    }

    fn respond(&mut self, transmit: &quinn_proto::Transmit, class: Class, bytes: Vec<u8>) {
        if self.responses.len() < RESPONSES_MAX {
            self.responses.push_back(Response { transmit: Transmit::new(transmit, class), bytes });
        }
    }
}

impl Transmit {
    const fn new(transmit: &quinn_proto::Transmit, class: Class) -> Self {
        Self { destination: transmit.destination, ecn: transmit.ecn, size: transmit.size, class }
    }
}
