use std::time::Duration;

use rumormill_measure::{
    Bandwidth, Conditions, Convergence, Detection, Ledger, LoadReport, RealTime, Transport, Variant, judge,
};
use rumormill_protocol::{Cause, Time};

use crate::{Census, NodeCensus, Scenario};

/// What a run left to be put into figures.
pub(crate) struct Outcome {
    pub(crate) booted: usize,
    /// At the beginning, the middle and the end of the measured phase.
    pub(crate) censuses: [(Time, Census); 3],
    /// How long each node lived in the measured phase.
    pub(crate) live_seconds: Vec<f64>,
    /// Nodes that ended although no fault had ended them.
    pub(crate) lost: u64,
    pub(crate) load: LoadReport,
    pub(crate) convergence: Convergence,
    pub(crate) detection: Detection,
}

impl Outcome {
    /// The result of a variant.
    pub(crate) fn into_variant(self, scenario: &Scenario, name: &str, protocol: &str) -> Variant {
        let [(start, before), (middle, half), (end, after)] = &self.censuses;
        let ledgers = since(&after.nodes, &before.nodes);
        let mut bandwidth = Bandwidth::from_ledgers(&ledgers, &self.live_seconds);
        bandwidth.kernel_wire_bytes_reason =
            Some("not compared with the kernel's counters in this version".to_owned());
        let transport = Transport::from_ledgers(&ledgers, after.kernel_drops - before.kernel_drops);
        let scheduler_lag_us = after.lag.since(&before.lag).summary();
        let measured_seconds = (*end - *start).as_secs_f64();
        let verdict = judge(&Conditions {
            measured_seconds,
            packets: transport.packets_sent,
            nodes: after.nodes.len() as u64,
            booted: self.booted as u64,
            lost: self.lost,
            interrupted: false,
            writes_asked: scenario.workload.writes_per_second > 0.0,
            writes: self.convergence.writes,
            failures: self.detection.failures,
            send_refused: transport.send_refused,
            overflows: transport.overflows,
            drift: drift(
                wire_bytes_per_second(before, half, *middle - *start),
                wire_bytes_per_second(half, after, *end - *middle),
            ),
            real_time: Some(RealTime {
                lag_p99_us: scheduler_lag_us.p99,
                kernel_drops: transport.kernel_drops,
                load: self.load,
            }),
        });
        Variant {
            name: name.to_owned(),
            protocol: protocol.to_owned(),
            nodes: after.nodes.len() as u64,
            measured_seconds,
            verdict,
            bandwidth,
            convergence: self.convergence,
            detection: self.detection,
            checks_per_period: checks_per_period(&ledgers, &self.live_seconds, scenario.node.protocol_period),
            scheduler_lag_us,
            transport,
            load: self.load,
            event_hash: None,
            packet_hash: None,
        }
    }
}

fn since(later: &[NodeCensus], earlier: &[NodeCensus]) -> Vec<Ledger> {
    later.iter().zip(earlier).map(|(later, earlier)| later.ledger.since(&earlier.ledger)).collect()
}

fn wire_bytes_per_second(earlier: &Census, later: &Census, time: Duration) -> f64 {
    let bytes: u64 = since(&later.nodes, &earlier.nodes).iter().map(Ledger::wire_bytes).sum();
    bytes as f64 / time.as_secs_f64()
}

/// How much more the second half took than the first, relative to it.
fn drift(first: f64, second: f64) -> Option<f64> {
    Some(second / first - 1.0).filter(|drift| drift.is_finite())
}

/// Direct probes sent per node and protocol period.
fn checks_per_period(ledgers: &[Ledger], live_seconds: &[f64], period: Duration) -> f64 {
    let probes: u64 = ledgers.iter().map(|ledger| ledger.messages[Cause::Probe.index()]).sum();
    let periods = live_seconds.iter().sum::<f64>() / period.as_secs_f64();
    if periods > 0.0 { probes as f64 / periods } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Sizes;

    use super::*;

    #[test]
    fn a_node_that_probes_once_a_period_checks_once_a_period() {
        let mut ledger = Ledger::default();
        for _ in 0..20 {
            ledger.message(Cause::Probe, Sizes { payload: 1, compressed: 1 });
            ledger.message(Cause::Ack, Sizes { payload: 1, compressed: 1 });
        }
        let per_period =
            checks_per_period(&[ledger, Ledger::default()], &[10.0, 0.0], Duration::from_millis(500));
        assert_eq!(per_period, 1.0);
    }

    #[test]
    fn drift_is_relative_to_the_first_half() {
        assert_eq!([drift(100.0, 150.0), drift(100.0, 100.0)], [Some(0.5), Some(0.0)]);
        assert_eq!([drift(0.0, 1.0), drift(0.0, 0.0), drift(1.0, f64::NAN)], [None; 3]);
    }
}
