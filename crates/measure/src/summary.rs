use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Histogram;

/// What a [`Histogram`] comes to: whole microseconds, all 0 when nothing was recorded.
///
/// A percentile is the smallest recorded time that at least that share of all times does not exceed. Like the
/// histogram, it is exact to 3 significant digits, and where it is not exact it errs upwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many times were recorded.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// The arithmetic mean, rounded.
    pub mean: u64,
    /// The median.
    pub p50: u64,
    /// The 90th percentile.
    pub p90: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Histogram {
    /// The eight figures that stand for this histogram in a result.
    pub fn summary(&self) -> Summary {
        let counts = self.counts();
        if counts.is_empty() {
            return Summary::default();
        }
        Summary {
            count: counts.len(),
            min: counts.min(),
            mean: counts.mean().round() as u64,
            p50: counts.value_at_quantile(0.5),
            p90: counts.value_at_quantile(0.9),
            p99: counts.value_at_quantile(0.99),
            p999: counts.value_at_quantile(0.999),
            max: counts.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn recorded(times_us: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for us in times_us {
            histogram.record(Duration::from_micros(us));
        }
        histogram
    }

    #[test]
    fn an_empty_histogram_comes_to_nothing_but_zeros() {
        assert_eq!(recorded([]).summary(), Summary::default());
    }

    #[test]
    fn the_first_thousand_numbers_have_the_percentiles_of_the_closed_form() {
        let summary = recorded(1..=1_000).summary();
        let expected =
            Summary { count: 1_000, min: 1, mean: 501, p50: 500, p90: 900, p99: 990, p999: 999, max: 1_000 };
        assert_eq!(summary, expected);
    }

    #[test]
    fn a_single_time_is_every_figure_to_three_digits() {
        let us = 7_654_321;
        let Summary { count, min, mean, p50, p90, p99, p999, max } = recorded([us]).summary();
        assert_eq!(count, 1);
        for figure in [min, mean, p50, p90, p99, p999, max] {
            assert!(figure.abs_diff(us) * 1_000 <= us, "{figure} is not {us} to 3 digits");
        }
        assert!(min <= us && us <= p50 && p50 == max);
    }

    #[test]
    fn adding_counts_equals_recording_together() {
        let (slow, fast) = (recorded((1..500).map(|n| n * 1_000)), recorded(1..10_000));
        let mut sum = slow;
        sum.add(&fast);
        let together = recorded((1..500).map(|n| n * 1_000).chain(1..10_000));
        assert_eq!(sum.summary(), together.summary());
    }
}
