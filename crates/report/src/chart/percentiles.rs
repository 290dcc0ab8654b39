use rumormill_measure::{Metric, Variant, units};

use super::{
    Chart, VARIANTS_MAX, colour,
    frame::{Axis, Frame, percent, time},
    scale::Scale,
};
use crate::{Record, distribution::Distribution};

/// The most nines that an axis has.
const NINES_MAX: f64 = 6.0;

/// Times below this percentile of all variants lie on the lower edge.
const FIRST_SHARE: f64 = 0.05;

/// A metric by percentile, on the axis that HdrHistogram's plots have.
pub(crate) fn percentiles(
    metric: Metric,
    title: &str,
    caption: &str,
    variants: &[Variant],
    records: &[Record],
) -> Option<Chart> {
    let lines = variants.iter().zip(records).take(VARIANTS_MAX).enumerate();
    let lines: Vec<_> = lines
        .filter_map(|(place, (variant, record))| {
            Some((place, variant, Distribution::of(record.histograms.of(metric)?)))
        })
        .collect();
    let most = lines.iter().map(|(.., line)| line.count()).max().filter(|&count| count > 1)?;
    let nines = (most as f64).log10().ceil().clamp(2.0, NINES_MAX);
    let smallest =
        lines.iter().map(|(.., line)| line.quantile_us(FIRST_SHARE)).min().unwrap_or(0).max(1) as f64 / 1e6;
    let largest = lines.iter().map(|(.., line)| line.max_us()).max().unwrap_or(1) as f64 / 1e6;
    let chart = Chart {
        kind: "percentiles",
        title: title.to_owned(),
        caption: caption.to_owned(),
        legend: lines.iter().map(|(place, variant, _)| (colour(*place), variant.name.clone())).collect(),
        ..Chart::default()
    };
    Some(chart.drawn(|size| {
        let x = Axis { scale: Scale::Nines(nines), label: percent, name: "percentile" };
        let y = Axis { scale: Scale::of_times(smallest, largest), label: time, name: "not longer than" };
        let mut frame = Frame::new(size, &x, &y);
        for (place, variant, line) in &lines {
            // A share that a line has no time for ends it.
            let last = Scale::Nines(nines).place(1.0 - 1.0 / line.count() as f64);
            let points = (0..=size.points_max()).map(|step| {
                let share = Scale::Nines(nines).value(last * step as f64 / size.points_max() as f64);
                (share, line.quantile_us(share) as f64 / 1e6)
            });
            frame.path(&format!("line {}", colour(*place)), points.collect::<Vec<_>>());
            let summary = metric.summary(variant);
            for (share, key, us) in [
                (0.5, "p50", summary.p50),
                (0.9, "p90", summary.p90),
                (0.99, "p99", summary.p99),
                (0.999, "p999", summary.p999),
            ] {
                if share <= Scale::Nines(nines).value(last) {
                    let data = format!(
                        r#"data-variant="{place}" data-path="{}.{key}" data-value="{us}""#,
                        metric.path()
                    );
                    let title = format!("{}, {key}: {}", variant.name, units::duration_us(us));
                    let at = frame.at((share, us as f64 / 1e6));
                    frame.svg.dot(&format!("dot {}", colour(*place)), at, &title, &data);
                }
            }
        }
        frame.svg.finish("curves: times by percentile")
    }))
}
