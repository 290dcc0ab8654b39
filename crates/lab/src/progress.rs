use std::{
    fmt,
    time::{Duration, Instant},
};

use rumormill_measure::{
    BUSY_SATURATED_SHARE, BUSY_WARNING_SHARE, DROPS_SATURATED_SHARE, Histogram, IpVersion, LAG_SATURATED_US,
    LAG_WARNING_US, LoadReport, STALLED_SATURATED_SHARE, STALLED_WARNING_SHARE, Sample, Series,
};
use rumormill_protocol::{NodeId, NodeSet, Time};

use crate::{Cluster, ClusterError, Look, NodeLook, Scenario, machine::Gauge, stop::Stop};

/// Between two ticks.
const TICK: Duration = Duration::from_secs(1);

/// To look at thousands of real nodes is work that they have to wait for: at most one part in so many of the time goes into it.
const LOOK_SHARE: u32 = 50;

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

impl Phase {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Settle => "settle",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::CoolDown => "cool-down",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
    /// Nodes that are there: none that crashed, left, or has not come yet.
    pub nodes_up: usize,
    /// Connections that stand, each counted once.
    pub links_up: usize,
    /// Bytes sent by a live node in a second, on average since the last snapshot.
    pub wire_bytes_per_node_per_second: f64,
    /// How late nodes were woken since the last snapshot, 99th percentile.
    pub lag_p99_us: u64,
    /// Nodes that are up and take just as many for alive as are.
    pub nodes_agreed: usize,
    /// What is left of this phase and the later ones, at most; nothing before the warm-up.
    pub left: Option<Duration>,
    /// How the machine carries it; nothing in virtual time.
    pub strain: Option<Strain>,
}

/// How the machine carried a cluster since the last snapshot, by the limits of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strain {
    /// How late nodes were woken.
    pub lag: Light,
    /// How busy the cores were.
    pub cpu: Light,
    /// What the kernel dropped.
    pub drops: Light,
    /// Whether anything waited for memory.
    pub memory: Light,
}

/// What a verdict would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// Nothing.
    Good,
    /// A warning.
    Warning,
    /// That the machine is saturated.
    Saturated,
}

impl Light {
    fn of(value: f64, warning: f64, saturated: f64) -> Self {
        match value {
            value if value > saturated => Self::Saturated,
            value if value > warning => Self::Warning,
            _ => Self::Good,
        }
    }
}

impl Strain {
    fn of(lag_p99_us: u64, load: &LoadReport, dropped_share: f64) -> Self {
        let swapped_in = load.swapped_in_pages.is_some_and(|pages| pages > 0);
        let stalled = load.memory_stalled_share.unwrap_or(0.0);
        Self {
            lag: Light::of(lag_p99_us as f64, LAG_WARNING_US as f64, LAG_SATURATED_US as f64),
            cpu: Light::of(load.machine_busy_share.unwrap_or(0.0), BUSY_WARNING_SHARE, BUSY_SATURATED_SHARE),
            drops: Light::of(dropped_share, 0.0, DROPS_SATURATED_SHARE),
            memory: match swapped_in {
                true => Light::Saturated,
                false => Light::of(stalled, STALLED_WARNING_SHARE, STALLED_SATURATED_SHARE),
            },
        }
    }
}

/// Makes snapshots out of censuses, one a second.
pub(crate) struct Ticker<'a> {
    progress: &'a mut dyn Progress,
    phase: Phase,
    began: Time,
    lasts: Option<Duration>,
    /// How long the phases after the settling are.
    phases: [(Phase, Duration); 3],
    last: Time,
    last_wire_bytes: u64,
    last_packets: u64,
    last_drops: u64,
    last_lag: Histogram,
    /// What the last look took of the cluster's own time.
    look_took: Duration,
    /// Nodes that have not come yet, or have left: they are no more up than crashed ones.
    absent: NodeSet,
    series: Series,
    ip: IpVersion,
    wall: Instant,
    /// Where the cluster's time is the machine's.
    gauge: Option<Gauge>,
}

impl<'a> Ticker<'a> {
    pub(crate) fn new(
        progress: &'a mut dyn Progress,
        now: Time,
        scenario: &Scenario,
        real_time: bool,
    ) -> Self {
        let (phases, ip) = (&scenario.phases, scenario.network.ip);
        Self {
            progress,
            phases: [
                (Phase::WarmUp, phases.warm_up),
                (Phase::Measure, phases.measure),
                (Phase::CoolDown, phases.cool_down),
            ],
            phase: Phase::Boot,
            began: now,
            lasts: None,
            last: now,
            last_wire_bytes: 0,
            last_packets: 0,
            last_drops: 0,
            last_lag: Histogram::default(),
            look_took: Duration::ZERO,
            absent: NodeSet::default(),
            series: Series::new(ip),
            ip,
            wall: Instant::now(),
            gauge: real_time.then(Gauge::start),
        }
    }

    pub(crate) fn begin(&mut self, phase: Phase, now: Time, lasts: Option<Duration>) {
        (self.phase, self.began, self.lasts) = (phase, now, lasts);
        if phase == Phase::Measure {
            self.series.measure_from(now - Time::ZERO);
        }
        self.progress.phase(phase, lasts);
    }

    /// These nodes are not there from now on, or are.
    pub(crate) fn note(&mut self, nodes: impl IntoIterator<Item = NodeId>, there: bool) {
        for node in nodes {
            if there {
                self.absent.remove(node);
            } else {
                self.absent.insert(node);
            }
        }
    }

    /// Ends the run when that is wanted.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.progress.interrupted() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// Whether a snapshot is due.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        now - self.last >= self.pause(TICK)
    }

    /// How long it is to the next look, where there is time for one after `pause`.
    pub(crate) fn pause(&self, pause: Duration) -> Duration {
        pause.max(self.look_took * LOOK_SHARE)
    }

    /// Sees how a cluster stands.
    pub(crate) fn look(&mut self, cluster: &mut dyn Cluster) -> Result<Look, ClusterError> {
        let began = cluster.now();
        let look = cluster.look()?;
        self.look_took = cluster.now() - began;
        Ok(look)
    }

    /// Those that are there.
    fn live<'b>(&self, look: &'b Look) -> impl Iterator<Item = &'b NodeLook> {
        let there = |(number, node): &(usize, &NodeLook)| {
            !node.crashed && !self.absent.contains(NodeId(*number as u32))
        };
        look.nodes.iter().enumerate().filter(there).map(|(_, node)| node)
    }

    /// Whether all that are there take just as many for alive.
    pub(crate) fn all_agree(&self, look: &Look) -> bool {
        let nodes_up = self.live(look).count();
        self.live(look).all(|node| node.alive == nodes_up)
    }

    /// Shows what a look found.
    pub(crate) fn tick(&mut self, now: Time, look: &Look) {
        let live: Vec<&NodeLook> = self.live(look).collect();
        let nodes_up = live.len();
        let wire_bytes = look.sent.wire_bytes(self.ip);
        let node_seconds = nodes_up as f64 * (now - self.last).as_secs_f64();
        let new_bytes = wire_bytes.saturating_sub(self.last_wire_bytes) as f64;
        let packets = look.sent.packets;
        let lag_p99_us = look.lag.since(&self.last_lag).summary().p99;
        let (new_packets, new_drops) =
            (packets.saturating_sub(self.last_packets), look.kernel_drops.saturating_sub(self.last_drops));
        let dropped_share = new_drops as f64 / new_packets.max(1) as f64;
        // Each end counts its own.
        let links_up = look.nodes.iter().map(|node| node.links_up).sum::<usize>() / 2;
        let known_pairs = live.iter().map(|node| node.alive as u64).sum();
        let nodes_agreed = live.iter().filter(|node| node.alive == nodes_up).count();
        self.series.look(Sample {
            at: now - Time::ZERO,
            wall: self.wall.elapsed(),
            phase: self.phase.name(),
            sent: look.sent.clone(),
            nodes_up: nodes_up as u64,
            links_up: links_up as u64,
            known_pairs,
            lag_p99_us,
        });
        self.progress.tick(&Snapshot {
            at: now,
            phase: self.phase,
            elapsed: now - self.began,
            lasts: self.lasts,
            nodes_up,
            links_up,
            wire_bytes_per_node_per_second: if node_seconds > 0.0 { new_bytes / node_seconds } else { 0.0 },
            lag_p99_us,
            nodes_agreed,
            left: self.left(now),
            strain: self.gauge.as_mut().map(|gauge| Strain::of(lag_p99_us, &gauge.look(), dropped_share)),
        });
        (self.last, self.last_wire_bytes, self.last_lag) = (now, wire_bytes, look.lag.clone());
        (self.last_packets, self.last_drops) = (packets, look.kernel_drops);
    }

    /// How the run went.
    pub(crate) fn into_series(self) -> Series {
        self.series
    }

    fn left(&self, now: Time) -> Option<Duration> {
        let later = self.phases.iter().filter(|(phase, _)| *phase > self.phase).map(|(_, lasts)| *lasts);
        Some(self.lasts?.saturating_sub(now - self.began) + later.sum::<Duration>())
    }
}

#[cfg(test)]
mod tests {
    use rumormill_measure::Ledger;

    use super::*;
    use crate::{Census, NodeCensus};

    fn scenario() -> Scenario {
        crate::Draft::preset("idle").and_then(crate::Draft::finish).expect("a preset")
    }

    #[derive(Default)]
    struct Seen(Vec<Snapshot>);

    impl Progress for Seen {
        fn phase(&mut self, _: Phase, _: Option<Duration>) {}

        fn tick(&mut self, snapshot: &Snapshot) {
            self.0.push(*snapshot);
        }
    }

    fn look(packets: u64) -> Look {
        let ledger = Ledger { packets, ..Ledger::default() };
        let live = NodeCensus { ledger, links_up: 1, alive: 2, ..NodeCensus::default() };
        let crashed = NodeCensus { crashed: true, ..NodeCensus::default() };
        Look::from(Census { nodes: vec![live.clone(), live, crashed], ..Census::default() })
    }

    #[test]
    fn a_snapshot_counts_what_was_sent_since_the_last_and_a_link_once() {
        let mut seen = Seen::default();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut ticker = Ticker::new(&mut seen, at(0), &scenario(), false);
        assert!(!ticker.is_due(at(0)) && ticker.is_due(at(1)));
        ticker.tick(at(2), &look(10));
        ticker.tick(at(4), &look(30));
        // A packet without content is 28 bytes of headers.
        let rates: Vec<_> = seen.0.iter().map(|snapshot| snapshot.wire_bytes_per_node_per_second).collect();
        assert_eq!(rates, [28.0 * 10.0 / 2.0, 28.0 * 20.0 / 2.0]);
        assert_eq!((seen.0[1].nodes_up, seen.0[1].links_up, seen.0[1].nodes_agreed), (2, 1, 2));
        assert_eq!((seen.0[1].left, seen.0[1].strain), (None, None));
    }

    #[test]
    fn what_is_left_is_the_rest_of_the_phase_and_the_later_ones() {
        let mut seen = Seen::default();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let scenario = scenario();
        let phases = &scenario.phases;
        let mut ticker = Ticker::new(&mut seen, at(0), &scenario, true);
        ticker.begin(Phase::Measure, at(10), Some(phases.measure));
        ticker.tick(at(12), &look(10));
        assert_eq!(seen.0[0].left, Some(phases.measure - Duration::from_secs(2) + phases.cool_down));
        assert!(seen.0[0].strain.is_some());
    }

    #[test]
    fn lights_follow_the_limits_of_the_verdict() {
        let load = |busy| LoadReport { machine_busy_share: Some(busy), ..LoadReport::default() };
        let good = Strain { lag: Light::Good, cpu: Light::Good, drops: Light::Good, memory: Light::Good };
        assert_eq!(Strain::of(25_000, &load(0.65), 0.0), good);
        let warned = Strain { lag: Light::Warning, cpu: Light::Warning, drops: Light::Warning, ..good };
        assert_eq!(Strain::of(100_000, &load(0.9), 0.001), warned);
        let swapping = LoadReport { swapped_in_pages: Some(1), ..load(0.91) };
        let all = Light::Saturated;
        assert_eq!(
            Strain::of(100_001, &swapping, 0.002),
            Strain { lag: all, cpu: all, drops: all, memory: all }
        );
    }
}
