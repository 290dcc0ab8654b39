//! How far a percentile may be off.

use crate::Histogram;

/// The fewest independent samples beyond a percentile that say how far it may be off.
const BEYOND_LEAST: f64 = 3.0;

/// The standard error of a percentile (`share` from 0 to 1) of a histogram that rests on so many independent samples,
/// however many times it holds of each: half the distance between the percentiles that lie one standard deviation of the
/// sample's share, √(q(1 − q)/n), below and above it (Woodruff 1952, Journal of the American Statistical Association 47).
/// Nothing where too few samples lie beyond it.
pub fn quantile_error(histogram: &Histogram, share: f64, samples: u64) -> Option<f64> {
    let n = samples as f64;
    if histogram.count() == 0 || n * share.min(1.0 - share) < BEYOND_LEAST {
        return None;
    }
    let deviation = (share * (1.0 - share) / n).sqrt();
    let at = |share: f64| histogram.counts().value_at_quantile(share.clamp(0.0, 1.0)) as f64;
    Some((at(share + deviation) - at(share - deviation)) / 2.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_median_of_equally_likely_times_is_off_by_the_closed_form() {
        // Uniform on 0 to L: the standard error of the median is L / (2 √n).
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        let error = quantile_error(&histogram, 0.5, 1_000).expect("enough samples");
        let expected = 1e6 / (2.0 * 1_000_f64.sqrt());
        assert!((error / expected - 1.0).abs() < 0.1, "{error} for {expected}");
        // The same times of a hundred writes each count for a hundred.
        let fewer = quantile_error(&histogram, 0.5, 10).expect("enough samples");
        assert!((fewer / expected - 10.0).abs() < 1.0, "{fewer}");
    }

    #[test]
    fn few_samples_say_nothing_about_the_far_end() {
        let mut histogram = Histogram::default();
        (1..=50).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        assert_eq!(quantile_error(&histogram, 0.99, 50), None);
        assert_eq!(quantile_error(&Histogram::default(), 0.5, 50), None);
    }
}
