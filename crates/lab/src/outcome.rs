use std::time::Duration;

use rumormill_measure::{
    Bandwidth, Boot, Conditions, Convergence, Detection, FaultReport, KernelCount, Ledger, LoadReport,
    Membership, RealTime, Transport, Variant, judge,
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
    /// How long each node lived in the measured phase.
    pub(crate) live_seconds: Vec<f64>,
    /// Nodes that ended although no fault had ended them.
    pub(crate) lost: u64,
    pub(crate) load: LoadReport,
    pub(crate) convergence: Convergence,
    pub(crate) detection: Detection,
    pub(crate) membership: Membership,
    pub(crate) faults: Vec<FaultReport>,
    /// See [`Census`], at the end of the run.
    pub(crate) event_hash: Option<String>,
    pub(crate) packet_hash: Option<String>,
}

impl Outcome {
    /// The result of a variant.
    pub(crate) fn into_variant(self, scenario: &Scenario, name: &str, protocol: &str) -> Variant {
        let ((start, before), (end, after)) = (&self.before, &self.after);
        let ledgers = since(&after.nodes, &before.nodes);
        let transport = Transport::from_ledgers(
            &ledgers,
            after.kernel_drops.saturating_sub(before.kernel_drops),
            messages_dropped(after).saturating_sub(messages_dropped(before)),
        );
        let mut bandwidth = Bandwidth::from_ledgers(&ledgers, &self.live_seconds);
        match kernel_wire_bytes(before, after, self.real_time) {
            Ok(bytes) => bandwidth.kernel_wire_bytes = Some(bytes),
            Err(why) => bandwidth.kernel_wire_bytes_reason = Some(why),
        }
        let scheduler_lag_us = after.lag.since(&before.lag).summary();
        let measured_seconds = (*end - *start).as_secs_f64();
        let verdict = judge(&Conditions {
            measured_seconds,
            packets: transport.packets_sent,
            nodes: after.nodes.len() as u64,
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
                let first = wire_bytes_per_second(before, half, *middle - *start);
                drift(first, wire_bytes_per_second(half, after, *end - *middle))
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
        Variant {
            name: name.to_owned(),
            protocol: protocol.to_owned(),
            world: None,
            fidelity: None,
            nodes: after.nodes.len() as u64,
            measured_seconds,
            verdict,
            boot: self.boot,
            bandwidth,
            convergence: self.convergence,
            detection: self.detection,
            membership: self.membership,
            faults: self.faults,
            checks_per_period: checks_per_period(&ledgers, measured_seconds, scenario.node.protocol_period),
            scheduler_lag_us,
            transport,
            load: self.load,
            event_hash: self.event_hash,
            packet_hash: self.packet_hash,
            epidemic: None,
        }
    }
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
            "{others} may have used the loopback interface too; run in a network namespace of its own to have it"
        )),
    }
}

fn messages_dropped(census: &Census) -> u64 {
    census.nodes.iter().map(|node| node.messages_dropped).sum()
}

fn since(later: &[NodeCensus], earlier: &[NodeCensus]) -> Vec<Ledger> {
    later.iter().zip(earlier).map(|(later, earlier)| later.ledger.since(&earlier.ledger)).collect()
}

fn wire_bytes_per_second(earlier: &Census, later: &Census, time: Duration) -> f64 {
    let bytes: u64 = since(&later.nodes, &earlier.nodes).iter().map(Ledger::wire_bytes).sum();
    bytes as f64 / time.as_secs_f64()
}

/// Whether a fault makes the halves of the measured phase unlike each other.
fn changes_traffic(scenario: &Scenario) -> bool {
    scenario.faults.iter().any(|fault| !matches!(fault.kind, FaultKind::Crash))
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
        assert!(why.is_err_and(|why| why.starts_with("2 sockets may have used the loopback interface too")));
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
