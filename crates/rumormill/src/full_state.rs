//! Whether this machine carries it when the whole state is pushed again and again: an estimate, and what fits.

use std::time::Duration;

use humantime::format_duration;
use rumormill_lab::{Scenario, StateMode};
use rumormill_measure::{Reduction, units};

/// Bytes of full state a second that one core carries while it is 60 % busy. docs/METHOD.md says where it comes from.
const BYTES_PER_SECOND_PER_CORE: f64 = 25e6;

/// What an entry takes beside its value: its key, writer and version.
const ENTRY_OVERHEAD_BYTES: usize = 24;

/// What has to be sent less often for so many cores to carry the scenario; nothing when they carry it as it is.
pub(crate) fn reduction(scenario: &Scenario, cores: usize) -> Option<Reduction> {
    if scenario.node.state != StateMode::Full {
        return None;
    }
    let fitting_bytes_per_second = cores as f64 * BYTES_PER_SECOND_PER_CORE;
    let bytes_per_interval = bytes_per_interval(scenario);
    let asked = scenario.node.full_interval;
    let asked_bytes_per_second = bytes_per_interval / asked.as_secs_f64();
    if asked_bytes_per_second <= fitting_bytes_per_second {
        return None;
    }
    let used = Duration::from_secs((bytes_per_interval / fitting_bytes_per_second).ceil() as u64);
    Some(Reduction {
        asked_interval_us: microseconds(asked),
        used_interval_us: microseconds(used),
        asked_bytes_per_second,
        fitting_bytes_per_second,
    })
}

/// Why a scenario is refused, with the arithmetic and what fits.
pub(crate) fn refusal(scenario: &Scenario, reduction: &Reduction) -> String {
    let (cluster, asked) = (&scenario.cluster, format_duration(scenario.node.full_interval));
    format!(
        "node.state is full, so each of {nodes} nodes pushes the state of all, {nodes} × {} keys of {} bytes and \
         {ENTRY_OVERHEAD_BYTES} besides, every {asked}: about {} in the whole cluster, but this machine is taken to \
         carry {}: set node.full_interval={}, ask for fewer nodes, keys or bytes, or give --force to try it",
        cluster.keys_per_node,
        cluster.value_bytes,
        units::bytes_per_second(reduction.asked_bytes_per_second),
        units::bytes_per_second(reduction.fitting_bytes_per_second),
        format_duration(used_interval(reduction)),
        nodes = cluster.nodes,
    )
}

/// The interval that fits.
pub(crate) const fn used_interval(reduction: &Reduction) -> Duration {
    Duration::from_micros(reduction.used_interval_us)
}

/// All nodes together push this in each interval: every node the entries of every node.
fn bytes_per_interval(scenario: &Scenario) -> f64 {
    let cluster = &scenario.cluster;
    let entry_bytes = cluster.value_bytes + ENTRY_OVERHEAD_BYTES;
    (cluster.nodes as f64).powi(2) * (cluster.keys_per_node * entry_bytes) as f64
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rumormill_lab::Draft;

    use super::*;

    fn full(nodes: usize, interval: &str) -> Scenario {
        let mut draft = Draft::preset("compare").expect("a preset");
        for setting in ["node.state=full", &format!("node.full_interval={interval}")] {
            draft.set(setting).expect("a valid setting");
        }
        draft.set(&format!("cluster.nodes={nodes}")).expect("a valid size");
        draft.finish().expect("a valid scenario")
    }

    #[test]
    fn two_cores_carry_the_default_state_of_202_nodes_every_second() {
        // 8 keys of 128 + 24 bytes are 1,216 bytes a node; 202² · 1,216 = 49.6 MB and 203² · 1,216 = 50.1 MB.
        assert_eq!(reduction(&full(202, "1s"), 2), None);
        let reduction = reduction(&full(203, "1s"), 2).expect("too much");
        assert_eq!((reduction.asked_interval_us, reduction.used_interval_us), (1_000_000, 2_000_000));
        assert_eq!(reduction.asked_bytes_per_second, 203.0 * 203.0 * 1_216.0);
        assert_eq!(reduction.fitting_bytes_per_second, 50e6);
    }

    #[test]
    fn the_interval_that_fits_is_the_next_whole_second_and_fits() {
        for (nodes, seconds) in [(300, 3), (1_000, 25), (10_000, 2_432)] {
            let reduction = reduction(&full(nodes, "250ms"), 2).expect("too much");
            assert_eq!(used_interval(&reduction), Duration::from_secs(seconds));
            let mut scenario = full(nodes, "1s");
            scenario.node.full_interval = used_interval(&reduction);
            assert_eq!(super::reduction(&scenario, 2), None);
        }
    }

    #[test]
    fn deltas_are_not_estimated() {
        let mut scenario = full(10_000, "1s");
        scenario.node.state = StateMode::Delta;
        assert_eq!(reduction(&scenario, 1), None);
    }

    #[test]
    fn a_refusal_has_the_arithmetic_and_the_ways_out() {
        let scenario = full(1_000, "1s");
        let sentence = refusal(&scenario, &reduction(&scenario, 2).expect("too much"));
        for part in [
            "1000 × 8 keys of 128 bytes",
            "every 1s",
            "1.22 GB/s",
            "50.0 MB/s",
            "node.full_interval=25s",
            "--force",
        ] {
            assert!(sentence.contains(part), "{sentence} lacks {part}");
        }
    }
}
