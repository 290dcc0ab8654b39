use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::RngExt;
use rumormill_measure::Ledger;
use rumormill_protocol::{NodeId, NodeSet, Random, Time, generator};

use super::{
    NetworkConfig,
    line::Line,
    loss::{Bursts, chance},
};

/// The least by which a packet that others may overtake is held back.
const HOLD_BACK_MIN: Duration = Duration::from_millis(1);

/// Floors that are kept before those that have passed are looked for.
const FLOORS_KEPT_LEAST: usize = 8;

/// What the packets of one sender meet between leaving it and arriving, faults included: it draws the fate of each
/// and carries none.
#[derive(Debug)]
pub struct Conditions {
    /// Shared by all senders of a process.
    config: Arc<NetworkConfig>,
    perfect: bool,
    random: Random,
    bursts: Bursts,
    line: Option<Line>,
    /// By fault: as many as there are faults at once.
    impairments: BTreeMap<u32, Impairment>,
    /// The arrival before which nothing that is sent later arrives, by destination. Those that have passed mean nothing.
    floors: BTreeMap<Option<NodeId>, Time>,
    /// How many floors there may be before those that have passed are dropped.
    floors_max: usize,
    mishaps: Mishaps,
}

/// What befell packets, as [`Ledger`] counts it: much smaller than a whole one.
#[derive(Debug, Default)]
struct Mishaps {
    lost_packets: u64,
    lost_quic_bytes: u64,
    copied_packets: u64,
    copied_quic_bytes: u64,
    send_refused: u64,
}

/// What becomes of one packet. The default is that it is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When it arrives; nothing when it is lost.
    pub arrival: Option<Time>,
    /// When its second copy arrives, if there is one.
    pub copy: Option<Time>,
}

/// What a fault does to the packets.
#[derive(Debug)]
struct Impairment {
    /// For these destinations; for all where there is no set.
    toward: Option<Arc<NodeSet>>,
    loss: f64,
    delay: Duration,
}

impl Conditions {
    /// The network as one sender meets it. `seed` is the sender's own, so that what others send changes nothing.
    pub fn new(config: impl Into<Arc<NetworkConfig>>, seed: u64) -> Self {
        let config = config.into();
        let mut random = generator(seed);
        Self {
            perfect: config.is_perfect(),
            bursts: Bursts::new(config.loss, config.burst, &mut random),
            line: config.rate_bits_per_second.map(|rate| Line::new(rate, config.ip)),
            config,
            random,
            impairments: BTreeMap::new(),
            floors: BTreeMap::new(),
            floors_max: FLOORS_KEPT_LEAST,
            mishaps: Mishaps::default(),
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

    /// Whether a packet sent now would arrive at once, unless it is held up by one before it.
    pub fn is_perfect(&self) -> bool {
        self.perfect && self.impairments.is_empty()
    }

    /// A packet leaves, `bytes` long as UDP payload, for this node, or for a stranger.
    pub fn send(&mut self, now: Time, to: Option<NodeId>, bytes: usize) -> Fate {
        let departure = match &mut self.line {
            Some(line) => line.pass(now, bytes),
            None => Some(now),
        };
        let Some(departure) = departure.filter(|_| !self.loses(to)) else {
            self.lose(bytes);
            return Fate::default();
        };
        let copied = chance(self.config.duplicate, &mut self.random);
        let arrival = Some(self.arrival(now, departure, to));
        let copy = copied.then(|| self.arrival(now, departure, to));
        if copied {
            self.mishaps.copied_packets += 1;
            self.mishaps.copied_quic_bytes += bytes as u64;
        }
        Fate { arrival, copy }
    }

    /// So many packets leave one after the other, together `bytes` long: when the last one that is not lost arrives,
    /// and how many are lost.
    pub fn send_many(
        &mut self,
        now: Time,
        to: Option<NodeId>,
        packets: usize,
        bytes: usize,
    ) -> (Option<Time>, usize) {
        let certain = self.config.loss == 0.0 && self.config.duplicate == 0.0 && self.impairments.is_empty();
        if certain && self.line.is_none() {
            return (self.send(now, to, bytes).arrival, 0);
        }
        let (mut last, mut lost) = (None, 0);
        for number in 0..packets {
            // What is left over by the division is the last packet's.
            let size = bytes / packets + if number + 1 == packets { bytes % packets } else { 0 };
            let fate = self.send(now, to, size);
            lost += usize::from(fate.arrival.is_none());
            last = last.max(fate.arrival);
        }
        (last, lost)
    }

    /// A packet that was to arrive is lost after all.
    pub fn lose(&mut self, bytes: usize) {
        self.mishaps.lost_packets += 1;
        self.mishaps.lost_quic_bytes += bytes as u64;
    }

    /// A second copy that was to arrive is lost after all.
    pub(super) fn lose_copy(&mut self, bytes: usize) {
        self.mishaps.copied_packets -= 1;
        self.mishaps.copied_quic_bytes -= bytes as u64;
    }

    /// A packet was not taken by the operating system: it is lost after all.
    pub(super) fn refused(&mut self, bytes: usize) {
        self.mishaps.send_refused += 1;
        self.lose(bytes);
    }

    /// Adds what was lost, copied and refused here to a ledger: the sender's own.
    pub const fn count_in(&self, ledger: &mut Ledger) {
        ledger.lost_packets += self.mishaps.lost_packets;
        ledger.lost_quic_bytes += self.mishaps.lost_quic_bytes;
        ledger.copied_packets += self.mishaps.copied_packets;
        ledger.copied_quic_bytes += self.mishaps.copied_quic_bytes;
        ledger.send_refused += self.mishaps.send_refused;
    }

    fn loses(&mut self, to: Option<NodeId>) -> bool {
        let mut lost = self.config.loss > 0.0 && self.bursts.next(&mut self.random);
        for impairment in self.impairments.values().filter(|impairment| impairment.meets(to)) {
            lost |= chance(impairment.loss, &mut self.random);
        }
        lost
    }

    fn arrival(&mut self, now: Time, departure: Time, to: Option<NodeId>) -> Time {
        let impaired = self.impairments.values().filter(|impairment| impairment.meets(to));
        let delay = impaired.fold(Duration::ZERO, |delay, impairment| delay.saturating_add(impairment.delay));
        let floor = self.floors.get(&to).copied().unwrap_or(Time::ZERO);
        let mut arrival = floor.max(departure + delay + self.travel());
        if chance(self.config.reorder, &mut self.random) {
            arrival += self.travel().max(HOLD_BACK_MIN);
        } else if arrival > departure {
            self.raise_floor(now, to, arrival);
        }
        arrival
    }

    fn raise_floor(&mut self, now: Time, to: Option<NodeId>, arrival: Time) {
        if self.floors.len() >= self.floors_max {
            self.floors.retain(|_, floor| *floor > now);
            self.floors_max = (2 * self.floors.len()).max(FLOORS_KEPT_LEAST);
        }
        self.floors.insert(to, arrival);
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
