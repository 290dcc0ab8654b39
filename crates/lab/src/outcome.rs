use std::{collections::BTreeMap, time::Duration};

use rumormill_measure::{
    Bandwidth, Boot, Conditions, Conflicts, Consensus, Convergence, Detection, Election, FaultReport, Fleet,
    IpVersion, KernelCount, Ledger, LoadReport, Membership, Metric, Part, RealTime, Recording, Staleness,
    Transport, Turnover, Variant, bandwidth_errors, judge,
};
use rumormill_protocol::Time;

use crate::{Census, FaultKind, NodeCensus, Scenario};

/// What a run left to be put into figures.
pub(crate) struct Outcome {
    pub(crate) interrupted: bool,
    pub(crate) boot: Boot,
    /// Whether traffic was steady when the warm-up began.
    pub(crate) steady: bool,
    /// Whether the cluster's time is the machine's.
    pub(crate) real_time: bool,
    /// At the beginning of the measured phase.
    pub(crate) before: (Time, Census),
    /// In its middle, if it got that far.
    pub(crate) half: Option<(Time, Census)>,
    /// At its end.
    pub(crate) after: (Time, Census),
    /// What was sent in each part of it, where it got to its end.
    pub(crate) parts: Vec<Part>,
    /// How far times may be off by chance, by their paths in the variant.
    pub(crate) errors: BTreeMap<String, f64>,
    /// How long each node lived in the measured phase.
    pub(crate) live_seconds: Vec<f64>,
    /// Nodes that ended although no fault had ended them.
    pub(crate) lost: u64,
    pub(crate) load: LoadReport,
    pub(crate) convergence: Convergence,
    pub(crate) staleness: Option<Staleness>,
    pub(crate) conflicts: Option<Conflicts>,
    pub(crate) detection: Detection,
    pub(crate) turnover: Turnover,
    pub(crate) membership: Membership,
    pub(crate) faults: Vec<FaultReport>,
    pub(crate) election: Option<Election>,
    pub(crate) consensus: Option<Consensus>,
    pub(crate) recording: Recording,
    pub(crate) fleet: Option<Fleet>,
    /// See [`Census`], at the end of the run.
    pub(crate) event_hash: Option<String>,
    pub(crate) packet_hash: Option<String>,
}

impl Outcome {
    /// The result of a variant, and what it rests on.
    pub(crate) fn into_variant(
        mut self,
        scenario: &Scenario,
        name: &str,
        protocol: &str,
    ) -> (Variant, Recording) {
        let ((start, before), (end, after)) = (&self.before, &self.after);
        let ip = scenario.network.ip;
        let ledgers = since(&after.nodes, &before.nodes);
        let transport = Transport::from_ledgers(
            &ledgers,
            after.kernel_drops.saturating_sub(before.kernel_drops),
            messages_dropped(after).saturating_sub(messages_dropped(before)),
        );
        let mut bandwidth = Bandwidth::from_ledgers(&ledgers, &self.live_seconds, ip);
        match kernel_wire_bytes(before, after, self.real_time) {
            Ok(bytes) => bandwidth.kernel_wire_bytes = Some(bytes),
            Err(why) => bandwidth.kernel_wire_bytes_reason = Some(why),
        }
        let scheduler_lag_us =
            self.recording.histograms.keep(Metric::SchedulerLag, after.lag.since(&before.lag));
        bandwidth.writes_applied = self.parts.iter().map(|part| part.applied).sum();
        let mut standard_errors = self.errors;
        standard_errors.extend(bandwidth_errors(&self.parts, self.live_seconds.iter().sum(), ip));
        if scenario.node.writes_share_a_tree() {
            // They take the same way, which is the chance of the run: the times of its writes do not tell how far it goes.
            standard_errors.retain(|path, _| !path.starts_with("convergence."));
        }
        let measured_seconds = (*end - *start).as_secs_f64();
        let verdict = judge(&Conditions {
            measured_seconds,
            packets: transport.packets_sent,
            nodes: scenario.cluster.nodes as u64,
            booted: self.boot.nodes_up,
            lost: self.lost,
            interrupted: self.interrupted,
            writes_asked: scenario.workload.writes_per_second > 0.0,
            writes: self.convergence.writes,
            failures: self.detection.failures,
            send_refused: transport.send_refused,
            overflows: transport.overflows,
            unsettled: self.boot.last_change.filter(|_| !self.steady),
            // Most faults change what is sent for a while; a crash of few hardly does.
            drift: self.half.as_ref().filter(|_| !changes_traffic(scenario)).and_then(|(middle, half)| {
                let first = wire_bytes_per_second(before, half, *middle - *start, ip);
                drift(first, wire_bytes_per_second(half, after, *end - *middle, ip))
            }),
            kernel: bandwidth
                .kernel_wire_bytes
                .map(|counted| KernelCount { counted, handed_over: bandwidth.handed_over_wire_bytes }),
            real_time: self.real_time.then_some(RealTime {
                lag_p99_us: scheduler_lag_us.p99,
                kernel_drops: transport.kernel_drops,
                load: self.load,
            }),
        });
        let variant = Variant {
            name: name.to_owned(),
            protocol: protocol.to_owned(),
            world: None,
            fidelity: None,
            ip,
            nodes: scenario.cluster.nodes as u64,
            measured_seconds,
            verdict,
            boot: self.boot,
            bandwidth,
            convergence: self.convergence,
            staleness: self.staleness,
            conflicts: self.conflicts,
            detection: self.detection,
            turnover: self.turnover,
            membership: self.membership,
            faults: self.faults,
            election: self.election,
            consensus: self.consensus,
            checks_per_period: checks_per_period(&ledgers, measured_seconds, scenario.node.protocol_period),
            scheduler_lag_us,
            transport,
            load: self.load,
            standard_errors,
            event_hash: self.event_hash,
            packet_hash: self.packet_hash,
            epidemic: None,
            fleet: self.fleet.map(|fleet| with_bytes(fleet, before, after, &ledgers, ip)),
        };
        (variant, self.recording)
    }
}

/// Fills in what each agent's nodes sent, by themselves and by the kernel of their host.
fn with_bytes(mut fleet: Fleet, before: &Census, after: &Census, ledgers: &[Ledger], ip: IpVersion) -> Fleet {
    for (number, agent) in fleet.agents.iter_mut().enumerate() {
        let nodes = agent.first_node as usize..(agent.first_node + agent.nodes) as usize;
        let own = ledgers.get(nodes).unwrap_or_default();
        agent.wire_bytes = own.iter().map(|ledger| ledger.wire_bytes(ip)).sum();
        agent.handed_over_wire_bytes = own.iter().map(|ledger| ledger.kernel_bytes(ip)).sum();
        let counted = [before, after].map(|census| census.interfaces.get(number).cloned().flatten());
        if let [Some(before), Some(after)] = counted {
            agent.interface_wire_bytes = Some(after.wire_bytes.saturating_sub(before.wire_bytes));
            agent.interface_shared_with = after.others;
        }
    }
    fleet
}

/// The kernel's own count of the bytes sent between two censuses, or why there is none.
fn kernel_wire_bytes(before: &Census, after: &Census, real_time: bool) -> Result<u64, String> {
    let (Some(before), Some(after)) = (&before.interface, &after.interface) else {
        let why = if real_time {
            "the kernel's counters cannot be read here"
        } else {
            "there is no kernel in this world"
        };
        return Err(why.to_owned());
    };
    match &after.others {
        None => Ok(after.wire_bytes.saturating_sub(before.wire_bytes)),
        Some(others) => Err(format!(
            "{others} may have used the nodes' interface too; run in a network namespace of its own to have it"
        )),
    }
}

fn messages_dropped(census: &Census) -> u64 {
    census.nodes.iter().map(|node| node.messages_dropped).sum()
}

fn since(later: &[NodeCensus], earlier: &[NodeCensus]) -> Vec<Ledger> {
    later.iter().zip(earlier).map(|(later, earlier)| later.ledger.since(&earlier.ledger)).collect()
}

fn wire_bytes_per_second(earlier: &Census, later: &Census, time: Duration, ip: IpVersion) -> f64 {
    let sent = since(&later.nodes, &earlier.nodes);
    let bytes: u64 = sent.iter().map(|ledger| ledger.wire_bytes(ip)).sum();
    bytes as f64 / time.as_secs_f64()
}

/// Whether a fault, or who comes and goes, makes the halves of the measured phase unlike each other.
fn changes_traffic(scenario: &Scenario) -> bool {
    let turnover = scenario.workload.joins_per_second + scenario.workload.leaves_per_second;
    turnover > 0.0 || scenario.faults.iter().any(|fault| !matches!(fault.kind, FaultKind::Crash))
}

/// How much more the second half took than the first, relative to it.
fn drift(first: f64, second: f64) -> Option<f64> {
    Some(second / first - 1.0).filter(|drift| drift.is_finite())
}

/// Direct liveness checks asked for in a protocol period, all nodes together.
fn checks_per_period(ledgers: &[Ledger], measured_seconds: f64, period: Duration) -> f64 {
    let checks: u64 = ledgers.iter().map(|ledger| ledger.checks).sum();
    let periods = measured_seconds / period.as_secs_f64();
    if periods > 0.0 { checks as f64 / periods } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interface;

    #[test]
    fn the_kernel_counts_for_this_cluster_only_when_nobody_else_used_its_interface() {
        let census = |wire_bytes, others: Option<&str>| {
            let interface = Interface { wire_bytes, packets: 1, others: others.map(str::to_owned) };
            Census { interface: Some(interface), ..Census::default() }
        };
        assert_eq!(kernel_wire_bytes(&census(100, None), &census(350, None), true), Ok(250));
        let why = kernel_wire_bytes(&census(100, None), &census(350, Some("2 sockets")), true);
        assert!(why.is_err_and(|why| why.starts_with("2 sockets may have used the nodes' interface too")));
        let none = Census::default();
        assert!(kernel_wire_bytes(&none, &none, false).is_err_and(|why| why.contains("no kernel")));
    }

    #[test]
    fn the_checks_of_all_nodes_are_counted_together_by_the_protocol_period() {
        let checks = |checks| Ledger { checks, ..Ledger::default() };
        // Two nodes that check once in each of 20 periods, and one that is down.
        let ledgers = [checks(20), checks(20), checks(0)];
        assert_eq!(checks_per_period(&ledgers, 10.0, Duration::from_millis(500)), 2.0);
        assert_eq!(checks_per_period(&ledgers, 0.0, Duration::from_millis(500)), 0.0);
    }

    #[test]
    fn drift_is_relative_to_the_first_half() {
        assert_eq!([drift(100.0, 150.0), drift(100.0, 100.0)], [Some(0.5), Some(0.0)]);
        assert_eq!([drift(0.0, 1.0), drift(0.0, 0.0), drift(1.0, f64::NAN)], [None; 3]);
    }
}
