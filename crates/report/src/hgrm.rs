//! A percentile distribution as HdrHistogram's own tools write it and its plotters read it, in milliseconds.

use rumormill_measure::Histogram;

use crate::distribution::Distribution;

/// Lines between two halvings of what is left to 100 %, as HdrHistogram's tools have it.
const TICKS_PER_HALF_DISTANCE: f64 = 5.0;

/// Microseconds in a millisecond.
const SCALE: f64 = 1_000.0;

pub(crate) fn write(histogram: &Histogram) -> String {
    let (counts, distribution) = (histogram.counts(), Distribution::of(histogram));
    let total = distribution.count();
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let line = |us: u64, percent: f64, until: u64| {
        format!("{:12.3} {:2.12} {until:10}", us as f64 / SCALE, percent / 100.0)
    };
    // In percent, as in those tools: its first steps are whole then, and sums of them exact.
    let mut percent = 0.0;
    for &(us, until) in distribution.steps() {
        while 100.0 * until as f64 / total as f64 >= percent {
            text += &format!("{} {:14.2}\n", line(us, percent, until), 100.0 / (100.0 - percent));
            percent = next(percent);
            if until == total {
                break;
            }
        }
    }
    // The last line has no inverse, and the plotters leave it out.
    text += &(line(distribution.max_us(), 100.0, total) + "\n");
    let (mean, deviation, max) = (counts.mean() / SCALE, counts.stdev() / SCALE, counts.max() as f64 / SCALE);
    text += &format!("#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n");
    text + &format!("#[Max     = {max:12.3}, Total count    = {total:12}]\n")
}

/// The percentile after this one: steps become half as long with each halving of what is left.
fn next(percent: f64) -> f64 {
    let halvings = (100.0 / (100.0 - percent)).log2().floor() + 1.0;
    percent + 100.0 / (TICKS_PER_HALF_DISTANCE * halvings.exp2())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thousand_times_have_the_lines_that_the_reference_writes() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|us| histogram.record(Duration::from_micros(us)));
        let text = write(&histogram);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[2], "       0.001 0.000000000000          1           1.00");
        assert_eq!(lines[3], "       0.100 0.100000000000        100           1.11");
        assert!(lines.contains(&"       0.500 0.500000000000        500           2.00"), "{text}");
        assert!(lines.contains(&"       0.750 0.750000000000        750           4.00"), "{text}");
        assert!(lines.contains(&"       1.000 1.000000000000       1000"), "{text}");
        assert_eq!(lines[lines.len() - 1], "#[Max     =        1.000, Total count    =         1000]");
    }
}
