use std::collections::BTreeMap;

use rumormill_protocol::Cause;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{IpVersion, Ledger, Reduction, Spread};

/// What a variant paid in bytes and packets **sent**, each counted once, at its sender, in the measured phase.
///
/// A node that crashed during the phase counts for the seconds that it lived in it. Except for the percentiles,
/// which are over nodes, every rate is all that was sent divided by all node-seconds, so that the figures add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bandwidth {
    /// Bytes on the wire.
    pub wire_bytes_per_node_per_second: Spread,
    /// The same bytes at each layer.
    pub layers_bytes_per_node_per_second: Layers,
    /// The bytes on the wire by what they were sent for: the causes of the protocol, as handed to the transport,
    /// and what the transport added. The values sum to the wire's.
    ///
    /// `quic-overhead` is what remains: headers, authentication tags and retransmissions. It is negative when
    /// messages were handed over in the phase and left after it, or travelled in a handshake's packets.
    pub by_cause_bytes_per_node_per_second: BTreeMap<String, f64>,
    /// Packets.
    pub packets_per_node_per_second: f64,
    /// Messages of the protocol.
    pub messages_per_node_per_second: f64,
    /// Bytes that the kernel counted over the same phase, for the whole cluster.
    pub kernel_wire_bytes: Option<u64>,
    /// Why there is no kernel's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_wire_bytes_reason: Option<String>,
    /// Bytes on the wire that this result reports, for the whole cluster over the whole phase.
    pub reported_wire_bytes: u64,
    /// Of those, what reached the kernel, which is what its own count is compared with: without the packets that
    /// the modelled network lost, and with its second copies.
    #[serde(default)]
    pub handed_over_wire_bytes: u64,
    /// Writes applied in the phase, each once at each node: what the bytes of writes went for.
    #[serde(default)]
    pub writes_applied: u64,
    /// What was sent less often than the scenario asks, because the machine would not have carried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<Reduction>,
}

/// Bytes per node and second at each layer, from the inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Layers {
    /// Encoded messages.
    pub payload: f64,
    /// Messages as handed to the transport, after compression.
    pub compressed: f64,
    /// UDP payloads.
    pub quic: f64,
    /// With UDP and IP headers.
    pub wire: f64,
}

/// Nodes that lived for a smaller share of the phase than this have no rate of their own.
const SHORTEST_SHARE: f64 = 0.1;

impl Bandwidth {
    /// The bandwidth of nodes from what each sent in the phase, by this version of IP, and the seconds that each lived in
    /// it. Nodes that did not live in it at all are left out, and percentiles over nodes leave out those that lived for less
    /// than a tenth of the longest life.
    ///
    /// The kernel's count and the writes are left empty.
    ///
    /// # Panics
    /// When there are not as many `seconds` as ledgers.
    pub fn from_ledgers(per_node: &[Ledger], seconds: &[f64], ip: IpVersion) -> Self {
        assert_eq!(per_node.len(), seconds.len(), "each node has a ledger and a lifetime");
        let lived = || per_node.iter().zip(seconds.iter().copied()).filter(|&(_, seconds)| seconds > 0.0);

        let mut total = Ledger::default();
        for (ledger, _) in lived() {
            total.add(ledger);
        }
        let node_seconds: f64 = lived().map(|(_, seconds)| seconds).sum();
        let rate = |count: f64| if node_seconds > 0.0 { count / node_seconds } else { 0.0 };
        let layers = Layers {
            payload: rate(total.payload.iter().sum::<u64>() as f64),
            compressed: rate(total.compressed.iter().sum::<u64>() as f64),
            quic: rate(total.quic_bytes as f64),
            wire: rate(total.wire_bytes(ip) as f64),
        };
        // Whoever came or went at the edge of the phase has no rate to speak of.
        let longest = lived().map(|(_, seconds)| seconds).fold(0.0, f64::max);
        let stayed = lived().filter(|&(_, seconds)| seconds >= longest * SHORTEST_SHARE);
        let over_nodes =
            Spread::over(stayed.map(|(ledger, seconds)| ledger.wire_bytes(ip) as f64 / seconds).collect());
        Self {
            wire_bytes_per_node_per_second: Spread { mean: layers.wire, ..over_nodes },
            layers_bytes_per_node_per_second: layers,
            by_cause_bytes_per_node_per_second: wire_bytes_by_cause(&total, ip)
                .map(|(cause, bytes)| (cause.to_owned(), rate(bytes as f64)))
                .collect(),
            packets_per_node_per_second: rate(total.packets as f64),
            messages_per_node_per_second: rate(total.messages.iter().sum::<u64>() as f64),
            kernel_wire_bytes: None,
            kernel_wire_bytes_reason: None,
            reported_wire_bytes: total.wire_bytes(ip),
            handed_over_wire_bytes: total.kernel_bytes(ip),
            writes_applied: 0,
            reduction: None,
        }
    }
}

/// The bytes on the wire by cause, but for causes without any.
pub fn bytes_by_cause(ledger: &Ledger, ip: IpVersion) -> BTreeMap<String, u64> {
    let all = wire_bytes_by_cause(ledger, ip)
        .filter_map(|(cause, bytes)| Some((cause.to_owned(), u64::try_from(bytes).ok()?)));
    all.filter(|(_, bytes)| *bytes > 0).collect()
}

/// The bytes on the wire by every cause there is; they sum to [`Ledger::wire_bytes`] exactly.
pub fn wire_bytes_by_cause(ledger: &Ledger, ip: IpVersion) -> impl Iterator<Item = (&'static str, i128)> {
    let messages = Cause::ALL.map(|cause| (cause.name(), i128::from(ledger.compressed[cause.index()])));
    let of_transport = [
        ("quic-handshake", i128::from(ledger.handshake_bytes)),
        ("quic-ack", i128::from(ledger.ack_bytes)),
        ("quic-close", i128::from(ledger.close_bytes)),
    ];
    let known: i128 = messages.iter().chain(&of_transport).map(|&(_, bytes)| bytes).sum();
    let remainder = [
        ("quic-overhead", i128::from(ledger.quic_bytes) - known),
        ("ip-udp-headers", i128::from(ledger.packets * ip.header_bytes())),
    ];
    messages.into_iter().chain(of_transport).chain(remainder)
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Sizes;

    use super::*;

    /// A ledger of messages of two causes, 100 B each before compression and 80 B after.
    fn sent(probes: usize, deltas: usize) -> Ledger {
        let mut ledger = Ledger::default();
        for _ in 0..probes {
            ledger.message(Cause::Probe, Sizes { payload: 100, compressed: 80 });
        }
        for _ in 0..deltas {
            ledger.message(Cause::Delta, Sizes { payload: 100, compressed: 80 });
        }
        ledger.packets = (probes + deltas) as u64 + 3;
        ledger.handshake_bytes = 1_200;
        ledger.ack_bytes = 33;
        ledger.close_bytes = 41;
        ledger.quic_bytes = (probes + deltas) as u64 * 110 + 1_200 + 33 + 41;
        ledger
    }

    #[test]
    fn rates_are_totals_over_node_seconds() {
        // The first node crashed after 2 of 10 seconds.
        let bandwidth = Bandwidth::from_ledgers(&[sent(2, 0), sent(10, 5)], &[2.0, 10.0], IpVersion::V4);
        let wire = [2.0 * 110.0 + 1_274.0 + 5.0 * 28.0, 15.0 * 110.0 + 1_274.0 + 18.0 * 28.0];
        assert_eq!(bandwidth.reported_wire_bytes as f64, wire[0] + wire[1]);
        assert_eq!(bandwidth.messages_per_node_per_second, 17.0 / 12.0);
        assert_eq!(bandwidth.packets_per_node_per_second, 23.0 / 12.0);
        let layers = bandwidth.layers_bytes_per_node_per_second;
        assert_eq!(layers.payload, 1_700.0 / 12.0);
        assert_eq!(layers.compressed, 1_360.0 / 12.0);
        assert_eq!(layers.wire, (wire[0] + wire[1]) / 12.0);
        let spread = bandwidth.wire_bytes_per_node_per_second;
        assert_eq!((spread.mean, spread.max), (layers.wire, wire[0] / 2.0));
        assert_eq!(spread.p50, wire[1] / 10.0);
    }

    #[test]
    fn causes_sum_to_the_wire() {
        let ledger = sent(7, 13);
        let sum: i128 = wire_bytes_by_cause(&ledger, IpVersion::V4).map(|(_, bytes)| bytes).sum();
        assert_eq!(sum, i128::from(ledger.wire_bytes(IpVersion::V4)));
        let bandwidth = Bandwidth::from_ledgers(&[ledger], &[1.0], IpVersion::V4);
        let causes = &bandwidth.by_cause_bytes_per_node_per_second;
        assert_eq!(causes.values().sum::<f64>(), bandwidth.layers_bytes_per_node_per_second.wire);
        assert_eq!(causes["probe"], 7.0 * 80.0);
        assert_eq!(causes["delta"], 13.0 * 80.0);
        assert_eq!(causes["quic-overhead"], 20.0 * 30.0);
        assert_eq!(causes["ip-udp-headers"], 23.0 * 28.0);
    }

    #[test]
    fn bytes_that_left_after_the_phase_show_as_negative_overhead_and_the_sum_holds() {
        let mut ledger = sent(1, 1);
        ledger.quic_bytes = ledger.handshake_bytes;
        ledger.packets = 1;
        let overhead =
            wire_bytes_by_cause(&ledger, IpVersion::V4).find(|&(cause, _)| cause == "quic-overhead");
        assert_eq!(overhead, Some(("quic-overhead", -(160 + 33 + 41))));
        assert_eq!(wire_bytes_by_cause(&ledger, IpVersion::V4).map(|(_, bytes)| bytes).sum::<i128>(), 1_228);
    }

    #[test]
    fn a_node_that_did_not_live_in_the_phase_counts_nowhere() {
        let alone = Bandwidth::from_ledgers(&[sent(4, 4)], &[5.0], IpVersion::V6);
        let beside_a_dead_node =
            Bandwidth::from_ledgers(&[sent(4, 4), Ledger::default()], &[5.0, 0.0], IpVersion::V6);
        assert_eq!(alone, beside_a_dead_node);
        assert_eq!(
            Bandwidth::from_ledgers(&[], &[], IpVersion::V6).wire_bytes_per_node_per_second,
            Spread::default()
        );
    }
}
