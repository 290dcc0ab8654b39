//! QUIC fidelity: each connection runs QUIC's own state machines, and each packet is one event.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use bytes::BytesMut;
use quinn_proto::{EndpointConfig, TransportConfig};
use rumormill_crypto::Credentials;
use rumormill_link::{Host, HostConfig, Identify, LinkConfig};
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, Event, NodeId, Protocol, Purpose, Start, Time, View, stream};

use crate::{
    cluster::node_at,
    machine::{Machine, Outbox, life_seed},
};

/// What QUIC hosts are made from.
pub struct QuicMold<C> {
    /// The run's seed.
    pub seed: u64,
    /// The protocol's settings.
    pub config: C,
    /// The connection policy.
    pub links: LinkConfig,
    /// The settings of [`rumormill_link::transport`].
    pub transport: Arc<TransportConfig>,
    /// The instant that is time zero: QUIC's state machines only look at differences.
    pub epoch: Instant,
    /// Brings the key of stateless resets.
    pub endpoint: EndpointConfig,
    /// What each node proves its identity with.
    pub credentials: Box<dyn Fn(NodeId) -> Credentials + Send + Sync>,
    /// Reads a peer's identity.
    pub identify: Identify,
    /// The addresses of all nodes, by number.
    pub book: Arc<[SocketAddr]>,
}

/// The host of real nodes, as it is, on the simulated network.
pub struct QuicHost<P: Protocol> {
    host: Host<P>,
    book: Arc<[SocketAddr]>,
}

impl<P> Machine for QuicHost<P>
where
    P: Protocol + Send,
    P::Config: Send,
{
    type Mold = QuicMold<P::Config>;
    type Packet = BytesMut;

    const EVERY_PACKET: bool = true;

    fn new(mold: &Self::Mold, me: NodeId, generation: u32, now: Time) -> Self {
        let seed = |purpose| life_seed(stream(mold.seed, purpose, Some(me)), generation);
        let credentials = (mold.credentials)(me);
        let config = HostConfig {
            start: Start { me, address: mold.book[me.index()], generation, seed: seed(Purpose::Protocol) },
            epoch: mold.epoch,
            seed: seed(Purpose::Network),
            endpoint: mold.endpoint.clone(),
            server: credentials.server,
            client: credentials.client,
            transport: mold.transport.clone(),
            identify: mold.identify,
            links: mold.links.clone(),
            book: mold.book.clone(),
        };
        Self { host: Host::new(config, &mold.config, now), book: mold.book.clone() }
    }

    fn handle_packet(&mut self, now: Time, from: NodeId, packet: BytesMut) {
        self.host.handle_datagram(now, self.book[from.index()], None, packet);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.host.handle_timeout(now);
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        self.host.handle_command(now, command);
    }

    fn handle_blocked(&mut self, now: Time, blocked: bool) {
        self.host.handle_blocked(now, blocked);
    }

    fn transmit(&mut self, now: Time, outbox: &mut Outbox<'_, BytesMut>) {
        let mut packet = std::mem::take(outbox.scratch());
        while let Some(transmit) = self.host.poll_transmit(now, &mut packet) {
            if let Some(to) = node_at(transmit.destination) {
                // What is lost is QUIC's own affair.
                let _ = outbox.send(to, 1, transmit.size, BytesMut::from(&packet[..transmit.size]));
            }
        }
        *outbox.scratch() = packet;
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.host.poll_event()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.host.poll_timeout()
    }

    fn count_in(&self, _now: Time, sent: &mut Ledger) {
        sent.add(self.host.ledger());
    }

    fn links_up(&self) -> usize {
        self.host.links_up()
    }

    fn links_pending(&self) -> usize {
        self.host.links_pending()
    }

    fn messages_dropped(&self) -> u64 {
        self.host.messages_dropped()
    }

    fn view(&self) -> &dyn View {
        self.host.protocol().view()
    }
}
