use rumormill_measure::Histogram;

/// A histogram as a function: which share of all times is how short. Reads off the same values as the histogram does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution {
    /// Each recorded time in microseconds, the longest that it stands for, and how many were not longer.
    steps: Vec<(u64, u64)>,
}

impl Distribution {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let counts = histogram.counts();
        let mut until = 0;
        let steps = counts.iter_recorded().map(|step| {
            until += step.count_at_value();
            (step.value_iterated_to(), until)
        });
        Self { steps: steps.collect() }
    }

    pub(crate) fn steps(&self) -> &[(u64, u64)] {
        &self.steps
    }

    pub(crate) fn count(&self) -> u64 {
        self.steps.last().map_or(0, |&(_, until)| until)
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.steps.last().map_or(0, |&(value, _)| value)
    }

    pub(crate) fn min_us(&self) -> u64 {
        self.steps.first().map_or(0, |&(value, _)| value)
    }

    /// How many times were not longer than this.
    pub(crate) fn count_until(&self, us: f64) -> u64 {
        let after = self.steps.partition_point(|&(value, _)| value as f64 <= us);
        after.checked_sub(1).map_or(0, |place| self.steps[place].1)
    }

    /// The shortest time that this share of all times, from 0 to 1, does not exceed.
    pub(crate) fn quantile_us(&self, share: f64) -> u64 {
        let wanted = ((share * self.count() as f64).ceil() as u64).max(1);
        let place = self.steps.partition_point(|&(_, until)| until < wanted);
        self.steps.get(place).map_or_else(|| self.max_us(), |&(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let mut histogram = Histogram::default();
        let mut us = 17_u64;
        for _ in 0..5_000 {
            us = us.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            histogram.record(Duration::from_micros(us % 10_000_000));
        }
        let (summary, distribution) = (histogram.summary(), Distribution::of(&histogram));
        for (share, expected) in [
            (0.5, summary.p50),
            (0.9, summary.p90),
            (0.99, summary.p99),
            (0.999, summary.p999),
            (1.0, summary.max),
        ] {
            assert_eq!(distribution.quantile_us(share), expected, "{share}");
        }
        assert_eq!((distribution.count(), distribution.max_us()), (summary.count, summary.max));
        assert!(distribution.count_until(summary.p50 as f64) >= 2_500);
        assert!(distribution.count_until(summary.p50 as f64 - 1.0) < 2_500);
        assert_eq!(distribution.count_until(0.0), 0);
        assert_eq!(Distribution::default().quantile_us(0.5), 0);
    }
}
