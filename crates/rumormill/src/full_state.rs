//! Whether this machine carries it when the whole state, or the versions of it, is sent again and again: an estimate, and
//! what fits.

use std::time::Duration;

use humantime::format_duration;
use rumormill_lab::{Scenario, StateMode};
use rumormill_measure::{Reduction, units};

use crate::needs;

/// Bytes of full state a second that one core carries while it is so busy. docs/METHOD.md says where it comes from.
pub(crate) const BYTES_PER_SECOND_PER_CORE: f64 = 25e6;
const BUSY_SHARE: f64 = 0.6;

/// What is left for it of all cores at least, however much else they do.
const LEFT_SHARE_LEAST: f64 = 0.05;

/// What an entry takes beside its value: its key, writer and version.
const ENTRY_OVERHEAD_BYTES: usize = 24;

/// What a version in a digest takes, and as how many bytes the packets of an exchange of digests count.
const VERSION_BYTES: f64 = 2.0;
const EXCHANGE_BYTES: f64 = 5_000.0;

/// What has to be sent less often for so many cores to carry the scenario; nothing when they carry it as it is.
pub(crate) fn reduction(scenario: &Scenario, cores: usize) -> Option<Reduction> {
    let asked_bytes_per_second = bytes_per_second(scenario)?;
    let fitting_bytes_per_second = carried_bytes_per_second(scenario, cores);
    let (bytes_per_interval, asked) = (bytes_per_interval(scenario), scenario.node.full_interval);
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

/// What all nodes together send of the whole state, or of its versions, in a second, where that is done again and again.
pub(crate) fn bytes_per_second(scenario: &Scenario) -> Option<f64> {
    let interval = scenario.node.full_interval.as_secs_f64();
    (scenario.node.state != StateMode::Delta).then(|| bytes_per_interval(scenario) / interval)
}

/// What so many cores carry of it, beside everything else that nodes do.
pub(crate) fn carried_bytes_per_second(scenario: &Scenario, cores: usize) -> f64 {
    let cores = cores as f64;
    let left = cores - needs::cores(scenario) / BUSY_SHARE;
    left.max(LEFT_SHARE_LEAST * cores) * BYTES_PER_SECOND_PER_CORE
}

/// Why a scenario is refused, with the arithmetic and what fits.
pub(crate) fn refusal(scenario: &Scenario, reduction: &Reduction) -> String {
    let (cluster, asked) = (&scenario.cluster, format_duration(scenario.node.full_interval));
    let nodes = cluster.nodes;
    let what = if scenario.node.state == StateMode::Full {
        format!(
            "node.state is full, so each of {nodes} nodes pushes the state of all, {nodes} × {} keys of {} bytes and \
             {ENTRY_OVERHEAD_BYTES} besides",
            cluster.keys_per_node, cluster.value_bytes,
        )
    } else {
        format!(
            "node.state is digest, so each of {nodes} nodes tells another the versions of all, {nodes} × \
             {VERSION_BYTES} bytes and {EXCHANGE_BYTES} for their packets"
        )
    };
    format!(
        "{what}, every {asked}: about {} in the whole cluster, but this machine is taken to carry {}: set \
         node.full_interval={}, ask for fewer nodes, keys or bytes, use --on sim, or give --force to try it",
        units::bytes_per_second(reduction.asked_bytes_per_second),
        units::bytes_per_second(reduction.fitting_bytes_per_second),
        format_duration(used_interval(reduction)),
    )
}

/// The interval that fits.
pub(crate) const fn used_interval(reduction: &Reduction) -> Duration {
    Duration::from_micros(reduction.used_interval_us)
}

/// All nodes together send this in each interval: every node the entries of every node, or their versions.
fn bytes_per_interval(scenario: &Scenario) -> f64 {
    let cluster = &scenario.cluster;
    if scenario.node.state == StateMode::Digest {
        let nodes = cluster.nodes as f64;
        return nodes * (EXCHANGE_BYTES + nodes * VERSION_BYTES);
    }
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
    fn two_cores_carry_the_default_state_of_201_nodes_every_second() {
        // 8 keys of 128 + 24 bytes are 1,216 bytes a node; 201² · 1,216 = 49.1 MB and 202² · 1,216 = 49.6 MB. Two cores carry
        // 50 MB/s, and 0.8 MB/s less beside 202 nodes of 93 µs a second.
        assert_eq!(reduction(&full(201, "1s"), 2), None);
        let reduction = reduction(&full(202, "1s"), 2).expect("too much");
        assert_eq!((reduction.asked_interval_us, reduction.used_interval_us), (1_000_000, 2_000_000));
        assert_eq!(reduction.asked_bytes_per_second, 202.0 * 202.0 * 1_216.0);
        assert!((49.1e6..49.3e6).contains(&reduction.fitting_bytes_per_second), "{reduction:?}");
    }

    #[test]
    fn digests_of_ten_thousand_nodes_are_exchanged_less_often_and_of_a_thousand_as_asked() {
        let digests = |nodes| {
            let mut scenario = full(nodes, "1s");
            scenario.node.state = StateMode::Digest;
            scenario
        };
        assert_eq!(reduction(&digests(1_000), 2), None);
        let reduction = reduction(&digests(10_000), 2).expect("too much");
        // 10,000 times 25 kB, and 0.45 cores are left for it.
        assert_eq!(reduction.asked_bytes_per_second, 250e6);
        assert_eq!(used_interval(&reduction), Duration::from_secs(23));
        let sentence = refusal(&digests(10_000), &reduction);
        assert!(sentence.contains("the versions of all, 10000 × 2 bytes and 5000 for"), "{sentence}");
    }

    #[test]
    fn the_interval_that_fits_is_the_next_whole_second_and_fits() {
        for (nodes, seconds) in [(300, 3), (1_000, 27), (10_000, 11_083)] {
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
            "46.1 MB/s",
            "node.full_interval=27s",
            "--force",
        ] {
            assert!(sentence.contains(part), "{sentence} lacks {part}");
        }
    }
}
