use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quinn_proto::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout, NoneTokenStore,
    ServerConfig, TransportConfig, VarInt, crypto,
};
use rumormill_protocol::{Purpose, stream};

/// The largest UDP payload sent or accepted: the least that QUIC allows, so that no path needs discovery.
pub const MAX_PACKET_BYTES: u16 = 1_200;

/// Bytes of datagrams that wait on one connection, in each direction; the oldest give way.
const DATAGRAM_BUFFER_BYTES: usize = 16 * 1024;
/// Bytes of one stream that a peer may send ahead of its reader, and that wait for acknowledgement at a sender.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// A connection carries one long-lived stream in each direction.
const STREAMS: u32 = 1;

/// The transport settings of every connection, shared by all hosts of a process.
///
/// `idle` closes a connection on which nothing arrives: make it longer than any pause of the protocol, since
/// nothing is sent to keep a connection alive.
///
/// # Panics
/// When `idle` is over 2⁶² ms.
pub fn transport(idle: Duration) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(Some(IdleTimeout::try_from(idle).expect("an idle time within 2^62 ms")))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .send_window(u64::from(STREAM_WINDOW_BYTES))
        .initial_mtu(MAX_PACKET_BYTES)
        .min_mtu(MAX_PACKET_BYTES)
        .mtu_discovery_config(None)
        .keep_alive_interval(None)
        .allow_spin(false)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        // One UDP datagram per transmit: counters of packets and of the kernel then agree.
        .enable_segmentation_offload(false);
    Arc::new(config)
}

/// The settings of an endpoint: those of `base`, which brings the key of stateless resets, and ours.
pub(crate) fn endpoint(base: &EndpointConfig, seed: u64) -> Arc<EndpointConfig> {
    let mut config = base.clone();
    config
        .max_udp_payload_size(MAX_PACKET_BYTES)
        .expect("1200 is the least payload size that QUIC allows")
        .cid_generator(move || Box::new(Ids::new(seed)))
        .rng_seed(Some(endpoint_seed(seed)));
    Arc::new(config)
}

/// The settings for accepted connections: those of `base`, which brings the cryptography, and ours.
pub(crate) fn server(mut base: ServerConfig, transport: Arc<TransportConfig>) -> Arc<ServerConfig> {
    base.transport_config(transport).migration(false);
    base.validation_token.sent(0);
    Arc::new(base)
}

/// The settings for dialled connections.
pub(crate) fn client(
    crypto: Arc<dyn crypto::ClientConfig>,
    transport: Arc<TransportConfig>,
    seed: u64,
) -> ClientConfig {
    let mut config = ClientConfig::new(crypto);
    let ids = Ids::new(stream(seed, Purpose::Network, None));
    config
        .transport_config(transport)
        .token_store(Arc::new(NoneTokenStore))
        .initial_dst_cid_provider(Arc::new(move || ids.next()));
    config
}

fn endpoint_seed(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&stream(seed ^ (place as u64 + 1) << 56, Purpose::Network, None).to_le_bytes());
    }
    bytes
}

/// Connection ids of 8 bytes, drawn from a seed and not from the system, so that a run repeats exactly.
struct Ids {
    seed: u64,
    drawn: AtomicU64,
}

impl Ids {
    const BYTES: usize = 8;

    const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }

    fn next(&self) -> ConnectionId {
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        ConnectionId::new(&stream(self.seed.wrapping_add(draw), Purpose::Network, None).to_be_bytes())
    }
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.next()
    }

    fn cid_len(&self) -> usize {
        Self::BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
