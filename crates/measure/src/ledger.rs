use rumormill_protocol::{Cause, Sizes};

use crate::IpVersion;

const CAUSES: usize = Cause::ALL.len();
const OTHERS: usize = 18;

/// What one node **sent**, each byte counted once, at its sender. Counts only grow: a phase is the difference of
/// two copies.
///
/// Layers, from the inside: payload → compressed → quic → wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Messages by cause, in the order of [`Cause::ALL`].
    pub messages: [u64; CAUSES],
    /// Direct liveness checks that the protocol asked for, whether or not a connection stood: unlike `messages`, also
    /// those that waited for one and were dropped in the end.
    pub checks: u64,
    /// Encoded bytes by cause, before compression.
    pub payload: [u64; CAUSES],
    /// Bytes by cause as handed to the transport: after compression.
    pub compressed: [u64; CAUSES],
    /// UDP payload bytes of all packets.
    pub quic_bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Of `quic_bytes`: packets sent while a handshake was under way, padding included.
    pub handshake_bytes: u64,
    /// Of `quic_bytes`: packets that carried acknowledgements and nothing else of use.
    pub ack_bytes: u64,
    /// Of `quic_bytes`: packets that closed a connection.
    pub close_bytes: u64,
    /// Connections dialled.
    pub dials: u64,
    /// Packets received.
    pub packets_received: u64,
    /// UDP payload bytes received.
    pub quic_bytes_received: u64,
    /// Packets that the modelled network lost: sent, in `packets`, and never handed to the kernel.
    pub lost_packets: u64,
    /// Their UDP payload bytes.
    pub lost_quic_bytes: u64,
    /// Second copies of packets that the modelled network made, handed to the kernel and not in `packets`.
    pub copied_packets: u64,
    /// Their UDP payload bytes.
    pub copied_quic_bytes: u64,
    /// Packets the operating system would not take; they are lost and not in `packets`.
    pub send_refused: u64,
    /// Packets received that belong to no connection and open none.
    pub garbage_packets: u64,
    /// Messages received that could not be decoded.
    pub garbage_messages: u64,
    /// Connections closed because the peer did not keep up with its stream.
    pub overflows: u64,
    /// Handshakes that ended in an error, dialled or accepted.
    pub handshakes_failed: u64,
}

impl Ledger {
    /// Counts a message.
    pub fn message(&mut self, cause: Cause, sizes: Sizes) {
        let at = cause.index();
        self.messages[at] += 1;
        self.payload[at] += sizes.payload as u64;
        self.compressed[at] += sizes.compressed as u64;
    }

    /// Bytes on the wire: UDP payloads and their headers, of this version of IP.
    pub const fn wire_bytes(&self, ip: IpVersion) -> u64 {
        self.quic_bytes + self.packets * ip.header_bytes()
    }

    /// Bytes that reached the kernel: what was sent, less what the modelled network lost, and its second copies.
    pub const fn kernel_bytes(&self, ip: IpVersion) -> u64 {
        let packets = (self.packets + self.copied_packets).saturating_sub(self.lost_packets);
        let quic_bytes = (self.quic_bytes + self.copied_quic_bytes).saturating_sub(self.lost_quic_bytes);
        quic_bytes + packets * ip.header_bytes()
    }

    /// What was counted since `earlier`, a copy of this ledger.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut gone = self.clone();
        gone.combine(earlier, u64::saturating_sub);
        gone
    }

    /// Adds another ledger's counts to these.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |one, two| one + two);
    }

    /// All counts, in an order of their own: what crosses between processes.
    pub fn counts(&self) -> Vec<u64> {
        let mut copy = self.clone();
        let (by_cause, others) = copy.counts_mut();
        by_cause.into_iter().flatten().chain(others).map(|count| *count).collect()
    }

    /// Adds to some counts, by their places in [`counts`](Self::counts). A place that there is not is ignored.
    pub fn add_counts(&mut self, more: impl IntoIterator<Item = (usize, u64)>) {
        let (by_cause, others) = self.counts_mut();
        let mut counts: Vec<&mut u64> = by_cause.into_iter().flatten().chain(others).collect();
        for (place, more) in more {
            if let Some(count) = counts.get_mut(place) {
                **count = count.saturating_add(more);
            }
        }
    }

    fn combine(&mut self, other: &Self, join: impl Fn(u64, u64) -> u64) {
        // A copy on the stack, since counts are only named where they can be changed.
        let mut other = other.clone();
        let ((by_cause, others), (by_their_cause, their_others)) = (self.counts_mut(), other.counts_mut());
        for (mine, theirs) in by_cause.into_iter().zip(by_their_cause) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = join(*mine, *theirs));
        }
        others.into_iter().zip(their_others).for_each(|(mine, theirs)| *mine = join(*mine, *theirs));
    }

    /// Those by cause, and the others.
    const fn counts_mut(&mut self) -> ([&mut [u64; CAUSES]; 3], [&mut u64; OTHERS]) {
        let by_cause = [&mut self.messages, &mut self.payload, &mut self.compressed];
        let others = [
            &mut self.checks,
            &mut self.quic_bytes,
            &mut self.packets,
            &mut self.handshake_bytes,
            &mut self.ack_bytes,
            &mut self.close_bytes,
            &mut self.dials,
            &mut self.packets_received,
            &mut self.quic_bytes_received,
            &mut self.lost_packets,
            &mut self.lost_quic_bytes,
            &mut self.copied_packets,
            &mut self.copied_quic_bytes,
            &mut self.send_refused,
            &mut self.garbage_packets,
            &mut self.garbage_messages,
            &mut self.overflows,
            &mut self.handshakes_failed,
        ];
        (by_cause, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(scale: u64) -> Ledger {
        let mut ledger = Ledger {
            checks: 9 * scale,
            quic_bytes: 1_000 * scale,
            packets: 10 * scale,
            handshake_bytes: 11 * scale,
            ack_bytes: 12 * scale,
            close_bytes: 13 * scale,
            dials: 14 * scale,
            packets_received: 15 * scale,
            quic_bytes_received: 16 * scale,
            lost_packets: 22 * scale,
            lost_quic_bytes: 23 * scale,
            copied_packets: 24 * scale,
            copied_quic_bytes: 25 * scale,
            send_refused: 17 * scale,
            garbage_packets: 18 * scale,
            garbage_messages: 19 * scale,
            overflows: 20 * scale,
            handshakes_failed: 21 * scale,
            ..Ledger::default()
        };
        for cause in Cause::ALL {
            for _ in 0..scale {
                let payload = 100 + cause.index();
                ledger.message(cause, Sizes { payload, compressed: payload / 2 });
            }
        }
        ledger
    }

    #[test]
    fn every_packet_adds_28_bytes_to_the_wire_on_ipv4_and_48_on_ipv6() {
        assert_eq!(ledger(1).wire_bytes(IpVersion::V4), 1_000 + 28 * 10);
        assert_eq!(ledger(1).wire_bytes(IpVersion::V6), 1_000 + 48 * 10);
        assert_eq!(Ledger { packets: 3, ..Ledger::default() }.kernel_bytes(IpVersion::V6), 144);
    }

    #[test]
    fn a_phase_is_the_difference_of_two_copies() {
        assert_eq!(ledger(7).since(&ledger(3)), ledger(4));
        assert_eq!(ledger(7).since(&ledger(7)), Ledger::default());
    }

    #[test]
    fn counts_that_travel_by_their_places_add_up_to_the_same() {
        let mut there = ledger(3);
        let more = ledger(7).since(&there).counts();
        there.add_counts(more.into_iter().enumerate().chain([(1_000, 5)]));
        assert_eq!(there, ledger(7));
    }

    #[test]
    fn adding_undoes_the_difference() {
        let mut sum = ledger(3);
        sum.add(&ledger(4));
        assert_eq!(sum, ledger(7));
    }
}
