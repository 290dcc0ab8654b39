use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rumormill_measure::Ledger;
use rumormill_protocol::{NodeId, NodeSet, Time};

use super::{Conditions, NetworkConfig};

/// Packets of one sender that may be under way at once, second copies included: 20 MB of the largest. What comes on
/// top is lost.
pub const PACKETS_UNDER_WAY_MAX: usize = 16_384;

/// The packets of one sender on their way, under its [`Conditions`]. `P` is a packet as its owner knows it.
///
/// # Driving it
/// While [`is_perfect`](Self::is_perfect), packets need not pass through here at all. Otherwise
/// [`send`](Self::send) each; then, and at [`poll_timeout`](Self::poll_timeout), take those that arrive from
/// [`poll_due`](Self::poll_due) until it returns `None`.
#[derive(Debug)]
pub struct Egress<P> {
    conditions: Conditions,
    /// By arrival, those of one instant in the order in which they were sent.
    under_way: BTreeMap<(Time, u64), P>,
    sent: u64,
}

impl<P: Clone> Egress<P> {
    /// See [`Conditions::new`].
    pub fn new(config: impl Into<Arc<NetworkConfig>>, seed: u64) -> Self {
        Self { conditions: Conditions::new(config, seed), under_way: BTreeMap::new(), sent: 0 }
    }

    /// See [`Conditions::impair`].
    pub fn impair(&mut self, fault: u32, toward: Option<Arc<NodeSet>>, loss: f64, delay: Duration) {
        self.conditions.impair(fault, toward, loss, delay);
    }

    /// See [`Conditions::repair`].
    pub fn repair(&mut self, fault: u32) {
        self.conditions.repair(fault);
    }

    /// Whether a packet sent now would arrive at once, after all that were sent before it.
    pub fn is_perfect(&self) -> bool {
        self.conditions.is_perfect() && self.under_way.is_empty()
    }

    /// A packet leaves, `bytes` long as UDP payload, for this node, or for a stranger.
    pub fn send(&mut self, now: Time, to: Option<NodeId>, bytes: usize, packet: P) {
        let fate = self.conditions.send(now, to, bytes);
        let copy = fate.copy.map(|at| (at, packet.clone()));
        if fate.arrival.is_some_and(|at| !self.launch(at, packet)) {
            self.conditions.lose(bytes);
        }
        if copy.is_some_and(|(at, copy)| !self.launch(at, copy)) {
            self.conditions.lose_copy(bytes);
        }
    }

    /// The next packet that has arrived by `now`, in the order of arrival.
    pub fn poll_due(&mut self, now: Time) -> Option<P> {
        let first = self.under_way.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// When the next packet arrives.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|(&(arrival, _), _)| arrival)
    }

    /// A packet of [`poll_due`](Self::poll_due) was not taken by the operating system: it is lost after all.
    pub fn refused(&mut self, bytes: usize) {
        self.conditions.refused(bytes);
    }

    /// What was lost, copied and refused here, and nothing else: to be added to the sender's own ledger.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        self.conditions.count_in(&mut ledger);
        ledger
    }

    /// Says whether there was room for one more packet.
    fn launch(&mut self, arrival: Time, packet: P) -> bool {
        if self.under_way.len() >= PACKETS_UNDER_WAY_MAX {
            return false;
        }
        self.under_way.insert((arrival, self.sent), packet);
        self.sent += 1;
        true
    }
}
