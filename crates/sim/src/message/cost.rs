//! What QUIC makes of messages, in bytes and packets, where its state machines are not simulated. The sizes are those
//! of quinn-proto with our transport settings: connection ids of 8 bytes, AES-128-GCM, packets of at most 1,200 bytes.
//! `tests/fidelity.rs` holds them against the state machines themselves.

use std::time::Duration;

use rumormill_link::{MAX_PACKET_BYTES, NetworkConfig};
use rumormill_protocol::varint_len;

/// A short header (flags, connection id, packet number) and the AEAD's tag.
pub(super) const PACKET_OVERHEAD_BYTES: usize = 1 + 8 + 1 + 16;
/// What a lost packet costs beside its repetition: its sender misses the acknowledgement and probes with two packets,
/// which the peer acknowledges (RFC 9002, section 6.2.4); and acknowledgements are lost as often as packets are.
pub(super) const PACKETS_A_LOSS: usize = 2 * (2 + 1);
/// A probe.
pub(super) const PROBE_PACKET_BYTES: usize = PACKET_OVERHEAD_BYTES + 3;
/// A packet that closes a connection.
pub(super) const CLOSE_PACKET_BYTES: usize = PACKET_OVERHEAD_BYTES + 5;
/// A stateless reset.
pub(super) const RESET_PACKET_BYTES: usize = 43;
/// The dialler's first flight: its first packet, padded.
pub(super) const HELLO: (usize, usize) = (1, 1_200);
/// The acceptor's flight: its hello and most of its handshake, and the rest.
pub(super) const WELCOME: (usize, usize) = (2, 1_200 + 138);
/// The dialler's second flight: it acknowledges and proves who it is, and the rest of that.
pub(super) const CONFIRM: (usize, usize) = (2, 1_200 + 168);
/// Of these the first packet counts as part of the handshake; with the second the handshake is over for the dialler.
pub(super) const CONFIRM_HANDSHAKE_BYTES: usize = 1_200;
/// What the acceptor then says: the handshake is done.
pub(super) const DONE: (usize, usize) = (1, 34);
/// A refusal of a first packet.
pub(super) const REFUSAL: (usize, usize) = (1, 49);

/// How long an endpoint waits before it acknowledges a single packet (RFC 9000, max_ack_delay's default).
pub(super) const ACK_DELAY: Duration = Duration::from_millis(25);
/// How long a dialler waits for a first answer before it sends again: three times QUIC's initial round trip of 333 ms
/// (RFC 9002, section 6.2.2).
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_millis(999);

/// The room of a packet for frames.
pub(super) const ROOM: usize = MAX_PACKET_BYTES as usize - PACKET_OVERHEAD_BYTES;
/// The longest ACK frame that is modelled: of one range, with four bytes for the packet's number and the delay each.
pub(super) const ACK_FRAME_MAX: usize = 1 + 4 + 4 + 1 + 1;

/// An ACK frame of one range: type, the largest packet, how long ago that came, number of ranges, first range.
pub(super) fn ack_frame(largest: u64, delay: Duration) -> usize {
    // The delay is told in units of 8 µs (RFC 9000, ack_delay_exponent's default).
    let delay = u64::try_from(delay.as_micros() / 8).unwrap_or(u64::MAX);
    1 + quic_varint_len(largest) + quic_varint_len(delay) + 1 + 1
}

/// A packet that carries an ACK frame alone, of a packet that came `delay` ago.
pub(super) fn ack_packet(largest: u64, delay: Duration) -> usize {
    PACKET_OVERHEAD_BYTES + ack_frame(largest, delay)
}

/// A DATAGRAM frame of a message.
pub(super) const fn datagram_frame(bytes: usize) -> usize {
    1 + quic_varint_len(bytes as u64) + bytes
}

/// A message as it lies in the stream.
pub(super) const fn framed(bytes: usize) -> usize {
    varint_len(bytes as u64) + bytes
}

/// What a STREAM frame of so many bytes takes beside them: type, stream, offset, length.
pub(super) const fn stream_header(offset: u64, bytes: usize) -> usize {
    let offset = if offset == 0 { 0 } else { quic_varint_len(offset) };
    1 + 1 + offset + quic_varint_len(bytes as u64)
}

/// The packets, and their bytes, that so many bytes of a stream take beside an ACK frame in the first of them. A frame
/// that fills its packet needs no length.
pub(super) const fn stream_packets(offset: u64, bytes: usize, ack_frame: usize) -> (usize, usize) {
    let header = stream_header(offset, 0) - 1;
    let packets = (bytes + ack_frame).div_ceil(ROOM - header);
    (packets, bytes + ack_frame + packets * (PACKET_OVERHEAD_BYTES + header))
}

/// The times that QUIC goes by on such a network.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// The least time from sending something to an answer.
    pub(super) round_trip: Duration,
    /// After which the acknowledgement of something sent has arrived, if the peer sends nothing else.
    pub(super) echo: Duration,
    /// After which an endpoint that has acknowledged acknowledges again with what it sends: a round trip, the peer's
    /// delay and the granularity of timers.
    pub(super) bundling: Duration,
    /// After which a sender that hears no acknowledgement sends again (RFC 9002, section 6.2.1).
    pub(super) probe_timeout: Duration,
}

impl Pace {
    pub(super) fn of(network: &NetworkConfig) -> Self {
        const GRANULARITY: Duration = Duration::from_millis(1);
        let round_trip = 2 * network.latency;
        let mean = round_trip + network.jitter;
        // The mean deviation of the sum of two uniform times is a third of one's width.
        let variation = (4 * network.jitter / 3).max(GRANULARITY);
        Self {
            round_trip,
            echo: mean + ACK_DELAY,
            bundling: mean + ACK_DELAY + GRANULARITY,
            probe_timeout: mean + variation + ACK_DELAY,
        }
    }
}

const fn quic_varint_len(number: u64) -> usize {
    match number {
        0..64 => 1,
        64..16_384 => 2,
        16_384..1_073_741_824 => 4,
        _ => 8,
    }
}
