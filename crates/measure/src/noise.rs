//! How far a run's figures may be off by chance, as the run itself tells.

use std::collections::BTreeMap;

use crate::{
    Histogram, IpVersion, Ledger,
    bandwidth::wire_bytes_by_cause,
    diff::{OF_WRITES, PACKETS, WIRE, cause_path},
    statistics::{Batch, quantile_error, standard_error},
};

/// What all nodes together sent in one of equally long parts of the measured phase.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// What was sent.
    pub ledger: Ledger,
    /// Writes applied, each once at each node: what the bytes of writes went for.
    pub applied: u64,
}

/// The standard errors of the rates of a bandwidth, by their paths in a variant, from equally long parts of its phase,
/// sent by this version of IP, and the seconds that all nodes together lived in it. What the number of writes changes is
/// no noise here: [`diff`](crate::diff) takes it out too.
pub fn bandwidth_errors(parts: &[Part], node_seconds: f64, ip: IpVersion) -> BTreeMap<String, f64> {
    if node_seconds <= 0.0 {
        return BTreeMap::new();
    }
    let mut batches = BTreeMap::<String, Vec<Batch>>::new();
    for part in parts {
        let mut add = |path: String, amount: f64, of_writes: f64| {
            let batch = Batch { amount, of_writes, writes: part.applied as f64 };
            batches.entry(path).or_default().push(batch);
        };
        let mut of_all_writes = 0.0;
        for (cause, bytes) in wire_bytes_by_cause(&part.ledger, ip) {
            let of_writes = if OF_WRITES.contains(&cause) { bytes as f64 } else { 0.0 };
            of_all_writes += of_writes;
            add(cause_path(cause), bytes as f64, of_writes);
        }
        add(WIRE.to_owned(), part.ledger.wire_bytes(ip) as f64, of_all_writes);
        add(PACKETS.to_owned(), part.ledger.packets as f64, 0.0);
    }
    let sent = |batches: &[Batch]| batches.iter().any(|batch| batch.amount != 0.0);
    batches
        .into_iter()
        .filter(|(_, batches)| sent(batches))
        .filter_map(|(path, batches)| Some((path, standard_error(&batches)? / node_seconds)))
        .collect()
}

/// The standard errors of a histogram's median and 99th percentile, where they can be told, by their paths below `path`.
/// It rests on so many independent samples.
pub fn time_errors(path: &str, histogram: &Histogram, samples: u64) -> impl Iterator<Item = (String, f64)> {
    [("p50", 0.5), ("p99", 0.99)].into_iter().filter_map(move |(name, share)| {
        Some((format!("{path}.{name}"), quantile_error(histogram, share, samples)?))
    })
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::{Cause, Sizes};

    use super::*;

    #[test]
    fn rates_that_follow_the_writes_are_known_exactly_and_others_by_how_they_change() {
        let part = |writes: u64, probes: u64| {
            let mut ledger = Ledger::default();
            for _ in 0..writes {
                ledger.message(Cause::Delta, Sizes { payload: 100, compressed: 100 });
            }
            for _ in 0..probes {
                ledger.message(Cause::Probe, Sizes { payload: 10, compressed: 10 });
            }
            Part { ledger, applied: writes }
        };
        let errors = bandwidth_errors(&[part(3, 5), part(1, 7), part(2, 3), part(4, 5)], 40.0, IpVersion::V4);
        assert!(errors[&cause_path("delta")] < 1e-9, "{errors:?}");
        assert_eq!(errors.get(&cause_path("news")), None, "what is never sent");
        // The variance of 50, 70, 30, 50 is 800/3; of their sum four times that.
        let expected = (3_200.0_f64 / 3.0).sqrt() / 40.0;
        assert!((errors[&cause_path("probe")] - expected).abs() < 1e-12, "{errors:?}");
        assert_eq!(bandwidth_errors(&[part(1, 1)], 40.0, IpVersion::V4), BTreeMap::new());
    }
}
