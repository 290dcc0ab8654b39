use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::RngExt;
use rumormill_measure::Ledger;
use rumormill_protocol::{NodeId, NodeSet, Random, Time, generator};

use super::{
    NetworkConfig,
    line::Line,
    loss::{Bursts, chance},
};

/// Packets of one sender that may be under way at once, second copies included: 20 MB of the largest. What comes on
/// top is lost.
pub const PACKETS_UNDER_WAY_MAX: usize = 16_384;

/// The least by which a packet that others may overtake is held back.
const HOLD_BACK_MIN: Duration = Duration::from_millis(1);

/// What the packets of one sender meet between leaving it and arriving, faults included. `P` is a packet as its
/// owner knows it.
///
/// # Driving it
/// While [`is_perfect`](Self::is_perfect), packets need not pass through here at all. Otherwise
/// [`send`](Self::send) each; then, and at [`poll_timeout`](Self::poll_timeout), take those that arrive from
/// [`poll_due`](Self::poll_due) until it returns `None`.
#[derive(Debug)]
pub struct Egress<P> {
    config: NetworkConfig,
    perfect: bool,
    random: Random,
    bursts: Bursts,
    line: Option<Line>,
    /// By fault: as many as there are faults at once.
    impairments: BTreeMap<u32, Impairment>,
    /// By arrival, those of one instant in the order in which they were sent.
    under_way: BTreeMap<(Time, u64), Flight<P>>,
    /// The arrival before which nothing that is sent later arrives, by destination, while it is still to come.
    floors: BTreeMap<Option<NodeId>, Time>,
    sent: u64,
    ledger: Ledger,
}

/// What a fault does to the packets.
#[derive(Debug)]
struct Impairment {
    /// For these destinations; for all where there is no set.
    toward: Option<Arc<NodeSet>>,
    loss: f64,
    delay: Duration,
}

#[derive(Debug)]
struct Flight<P> {
    to: Option<NodeId>,
    packet: P,
}

impl<P: Clone> Egress<P> {
    /// The network as one sender meets it. `seed` is the sender's own, so that what others send changes nothing.
    pub fn new(config: NetworkConfig, seed: u64) -> Self {
        let mut random = generator(seed);
        Self {
            perfect: config.is_perfect(),
            bursts: Bursts::new(config.loss, config.burst, &mut random),
            line: config.rate_bits_per_second.map(Line::new),
            config,
            random,
            impairments: BTreeMap::new(),
            under_way: BTreeMap::new(),
            floors: BTreeMap::new(),
            sent: 0,
            ledger: Ledger::default(),
        }
    }

    /// From now on packets for the nodes of `toward`, or for anyone where there is no set, are lost with the
    /// probability `loss` and arrive later by `delay`, besides what else they meet. Replaces what this fault did
    /// before.
    pub fn impair(&mut self, fault: u32, toward: Option<Arc<NodeSet>>, loss: f64, delay: Duration) {
        self.impairments.insert(fault, Impairment { toward, loss, delay });
    }

    /// The fault does nothing more. What it delayed stays late, and what follows does not overtake it.
    pub fn repair(&mut self, fault: u32) {
        self.impairments.remove(&fault);
    }

    /// Whether a packet sent now would arrive at once, after all that were sent before it.
    pub fn is_perfect(&self) -> bool {
        self.perfect && self.impairments.is_empty() && self.under_way.is_empty()
    }

    /// A packet leaves, `bytes` long as UDP payload, for this node, or for a stranger.
    pub fn send(&mut self, now: Time, to: Option<NodeId>, bytes: usize, packet: P) {
        let departure = match &mut self.line {
            Some(line) => line.pass(now, bytes),
            None => Some(now),
        };
        let Some(departure) = departure.filter(|_| !self.loses(to)) else {
            self.lose(bytes);
            return;
        };
        let copy = chance(self.config.duplicate, &mut self.random).then(|| packet.clone());
        if !self.launch(departure, to, packet) {
            self.lose(bytes);
        } else if copy.is_some_and(|copy| self.launch(departure, to, copy)) {
            self.ledger.copied_packets += 1;
            self.ledger.copied_quic_bytes += bytes as u64;
        }
    }

    /// The next packet that has arrived by `now`, in the order of arrival.
    pub fn poll_due(&mut self, now: Time) -> Option<P> {
        let first = self.under_way.first_entry().filter(|first| first.key().0 <= now)?;
        let ((arrival, _), Flight { to, packet }) = first.remove_entry();
        if self.floors.get(&to).is_some_and(|&floor| floor <= arrival) {
            self.floors.remove(&to);
        }
        Some(packet)
    }

    /// When the next packet arrives.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|(&(arrival, _), _)| arrival)
    }

    /// A packet of [`poll_due`](Self::poll_due) was not taken by the operating system: it is lost after all.
    pub fn refused(&mut self, bytes: usize) {
        self.ledger.send_refused += 1;
        self.lose(bytes);
    }

    /// What was lost and copied here, and nothing else: to be added to the sender's own ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn loses(&mut self, to: Option<NodeId>) -> bool {
        let mut lost = self.config.loss > 0.0 && self.bursts.next(&mut self.random);
        for impairment in self.impairments.values().filter(|impairment| impairment.meets(to)) {
            lost |= chance(impairment.loss, &mut self.random);
        }
        lost
    }

    fn lose(&mut self, bytes: usize) {
        self.ledger.lost_packets += 1;
        self.ledger.lost_quic_bytes += bytes as u64;
    }

    /// Says whether there was room for one more packet.
    fn launch(&mut self, departure: Time, to: Option<NodeId>, packet: P) -> bool {
        if self.under_way.len() >= PACKETS_UNDER_WAY_MAX {
            return false;
        }
        let impaired = self.impairments.values().filter(|impairment| impairment.meets(to));
        let delay = impaired.fold(Duration::ZERO, |delay, impairment| delay.saturating_add(impairment.delay));
        let floor = self.floors.get(&to).copied().unwrap_or(Time::ZERO);
        let mut arrival = floor.max(departure + delay + self.travel());
        if chance(self.config.reorder, &mut self.random) {
            arrival += self.travel().max(HOLD_BACK_MIN);
        } else if arrival > departure {
            self.floors.insert(to, arrival);
        }
        self.under_way.insert((arrival, self.sent), Flight { to, packet });
        self.sent += 1;
        true
    }

    fn travel(&mut self) -> Duration {
        let jitter = u64::try_from(self.config.jitter.as_nanos()).unwrap_or(u64::MAX);
        let share = if jitter == 0 { 0 } else { self.random.random_range(0..jitter) };
        self.config.latency.saturating_add(Duration::from_nanos(share))
    }
}

impl Impairment {
    fn meets(&self, to: Option<NodeId>) -> bool {
        let Some(set) = &self.toward else { return true };
        to.is_some_and(|to| set.contains(to))
    }
}
