use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Ledger;

/// What became of connections and packets, over the whole cluster in the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transport {
    /// Connections dialled.
    pub dials: u64,
    /// Handshakes that ended in an error, dialled or accepted.
    pub handshakes_failed: u64,
    /// Connections closed because the peer did not keep up with its stream.
    pub overflows: u64,
    /// Messages dropped unsent: too many waited for a connection, or it could not be made.
    #[serde(default)]
    pub messages_dropped: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets received.
    pub packets_received: u64,
    /// Packets that the operating system would not take.
    pub send_refused: u64,
    /// Packets that the kernel dropped at the receiver for want of socket buffer.
    pub kernel_drops: u64,
    /// Packets received that belong to no connection and open none.
    pub garbage_packets: u64,
    /// Messages received that could not be decoded.
    pub garbage_messages: u64,
}

impl Transport {
    /// The counts of these nodes' ledgers together, of the kernel, and of the messages that were never sent.
    pub fn from_ledgers(per_node: &[Ledger], kernel_drops: u64, messages_dropped: u64) -> Self {
        let mut total = Ledger::default();
        for ledger in per_node {
            total.add(ledger);
        }
        Self {
            dials: total.dials,
            handshakes_failed: total.handshakes_failed,
            overflows: total.overflows,
            messages_dropped,
            packets_sent: total.packets,
            packets_received: total.packets_received,
            send_refused: total.send_refused,
            kernel_drops,
            garbage_packets: total.garbage_packets,
            garbage_messages: total.garbage_messages,
        }
    }
}
