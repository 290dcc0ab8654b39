use std::{fmt, time::Duration};

use rumormill_measure::Histogram;
use rumormill_protocol::Time;

use crate::{Census, stop::Stop};

/// Between two ticks.
const TICK: Duration = Duration::from_secs(1);

/// Who is told how far a run is.
pub trait Progress {
    /// A phase begins; `lasts` is how long it is, or at most is, where that is known.
    fn phase(&mut self, phase: Phase, lasts: Option<Duration>);

    /// About a second has passed.
    fn tick(&mut self, snapshot: &Snapshot);

    /// Whether the run is to end now. It keeps what it has measured, and is invalid.
    fn interrupted(&self) -> bool {
        false
    }
}

/// The parts of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nodes become a cluster.
    Boot,
    /// Traffic becomes steady.
    Settle,
    /// The workload begins.
    WarmUp,
    /// What happens counts.
    Measure,
    /// What was begun comes to its end.
    CoolDown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "boot",
            Self::Settle => "settle",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::CoolDown => "cool-down",
        })
    }
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// The time of the run.
    pub at: Time,
    /// The phase it is in.
    pub phase: Phase,
    /// How long it has been in it.
    pub elapsed: Duration,
    /// How long the phase lasts, where that is known.
    pub lasts: Option<Duration>,
    /// Nodes that have not crashed.
    pub nodes_up: usize,
    /// Connections that stand, each counted once.
    pub links_up: usize,
    /// Bytes sent by a live node in a second, on average since the last snapshot.
    pub wire_bytes_per_node_per_second: f64,
    /// How late nodes were woken since the last snapshot, 99th percentile.
    pub lag_p99_us: u64,
}

/// Makes snapshots out of censuses, one a second.
pub(crate) struct Ticker<'a> {
    progress: &'a mut dyn Progress,
    phase: Phase,
    began: Time,
    lasts: Option<Duration>,
    last: Time,
    last_wire_bytes: u64,
    last_lag: Histogram,
}

impl<'a> Ticker<'a> {
    pub(crate) fn new(progress: &'a mut dyn Progress, now: Time) -> Self {
        Self {
            progress,
            phase: Phase::Boot,
            began: now,
            lasts: None,
            last: now,
            last_wire_bytes: 0,
            last_lag: Histogram::default(),
        }
    }

    pub(crate) fn begin(&mut self, phase: Phase, now: Time, lasts: Option<Duration>) {
        (self.phase, self.began, self.lasts) = (phase, now, lasts);
        self.progress.phase(phase, lasts);
    }

    /// Ends the run when that is wanted.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.progress.interrupted() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// Whether a census is wanted.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        now - self.last >= TICK
    }

    pub(crate) fn tick(&mut self, now: Time, census: &Census) {
        let nodes_up = census.nodes.iter().filter(|node| !node.crashed).count();
        let wire_bytes: u64 = census.nodes.iter().map(|node| node.ledger.wire_bytes()).sum();
        let node_seconds = nodes_up as f64 * (now - self.last).as_secs_f64();
        let sent = wire_bytes.saturating_sub(self.last_wire_bytes) as f64;
        self.progress.tick(&Snapshot {
            at: now,
            phase: self.phase,
            elapsed: now - self.began,
            lasts: self.lasts,
            nodes_up,
            // Each end counts its own.
            links_up: census.nodes.iter().map(|node| node.links_up).sum::<usize>() / 2,
            wire_bytes_per_node_per_second: if node_seconds > 0.0 { sent / node_seconds } else { 0.0 },
            lag_p99_us: census.lag.since(&self.last_lag).summary().p99,
        });
        (self.last, self.last_wire_bytes, self.last_lag) = (now, wire_bytes, census.lag.clone());
    }
}

#[cfg(test)]
mod tests {
    use rumormill_measure::Ledger;

    use super::*;
    use crate::NodeCensus;

    #[derive(Default)]
    struct Seen(Vec<Snapshot>);

    impl Progress for Seen {
        fn phase(&mut self, _: Phase, _: Option<Duration>) {}

        fn tick(&mut self, snapshot: &Snapshot) {
            self.0.push(*snapshot);
        }
    }

    fn census(packets: u64) -> Census {
        let ledger = Ledger { packets, ..Ledger::default() };
        let live = NodeCensus { ledger, links_up: 1, ..NodeCensus::default() };
        let crashed = NodeCensus { crashed: true, ..NodeCensus::default() };
        Census { nodes: vec![live.clone(), live, crashed], ..Census::default() }
    }

    #[test]
    fn a_snapshot_counts_what_was_sent_since_the_last_and_a_link_once() {
        let mut seen = Seen::default();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut ticker = Ticker::new(&mut seen, at(0));
        assert!(!ticker.is_due(at(0)) && ticker.is_due(at(1)));
        ticker.tick(at(2), &census(10));
        ticker.tick(at(4), &census(30));
        // A packet without content is 28 bytes of headers.
        let rates: Vec<_> = seen.0.iter().map(|snapshot| snapshot.wire_bytes_per_node_per_second).collect();
        assert_eq!(rates, [28.0 * 10.0 / 2.0, 28.0 * 20.0 / 2.0]);
        assert_eq!((seen.0[1].nodes_up, seen.0[1].links_up), (2, 1));
    }
}
