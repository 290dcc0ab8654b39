use rumormill_measure::{Metric, Variant, units};

use super::{
    Chart, Size, VARIANTS_MAX,
    bytes::cut,
    colour,
    frame::time,
    scale::Scale,
    svg::{Anchor, Svg, extent},
};
use crate::{Record, distribution::Distribution};

const ROW: f64 = 84.0;
/// Below the rows, for labels and the name of the axis.
const BOTTOM: f64 = 36.0;

/// When live nodes declared failed ones dead: a histogram for each variant, over one axis of time.
pub(crate) fn detection(variants: &[Variant], records: &[Record]) -> Option<Chart> {
    let rows = variants.iter().zip(records).take(VARIANTS_MAX).enumerate();
    let rows: Vec<_> = rows
        .filter_map(|(place, (variant, record))| {
            Some((place, variant, Distribution::of(record.histograms.of(Metric::DetectionPairs)?)))
        })
        .collect();
    let largest = rows.iter().map(|(.., times)| times.max_us()).max()? as f64 / 1e6;
    let smallest = rows
        .iter()
        .map(|(_, variant, times)| match variant.detection.first_suspect_us.count {
            0 => times.min_us(),
            _ => times.min_us().min(variant.detection.first_suspect_us.p50),
        })
        .min()?
        .max(1) as f64
        / 1e6;
    let scale = if largest / smallest > 50.0 {
        Scale::Log(smallest * 0.8, largest * 1.2)
    } else {
        Scale::up_to(largest)
    };
    let chart = Chart {
        kind: "detection",
        title: "When failures were noticed".into(),
        caption: "Pairs of a live node and a failure that it declared dead, by the time since the failure, in bars of equal \
                  width. Upright lines: medians over failures."
            .into(),
        legend: [("mark m0", "first suspicion"), ("mark m1", "first declared dead"), ("mark m2", "declared dead by all")]
            .map(|(class, what)| (class.to_owned(), what.to_owned()))
            .into(),
        ..Chart::default()
    };
    Some(chart.drawn(|size| draw(size, scale, &rows)))
}

fn draw(size: Size, scale: Scale, rows: &[(usize, &Variant, Distribution)]) -> String {
    let (width, bottom) = (size.width(), ROW * rows.len() as f64);
    let mut svg = Svg::new(width, bottom + BOTTOM);
    let mut end = f64::NEG_INFINITY;
    for tick in scale.ticks(if size == Size::Wide { 8 } else { 5 }) {
        let (x, label) = (scale.place(tick) * width, time(tick));
        svg.line("grid", (x, 22.0), (x, bottom));
        let (left, right) = extent(Anchor::Middle, x, &label);
        let moved = (right - width).max(0.0) + left.min(0.0);
        if left - moved > end + 10.0 {
            svg.text("tick", Anchor::Middle, (x, bottom + 14.0), &label);
            end = right - moved;
        }
    }
    svg.text("name", Anchor::End, (width, bottom + 32.0), "time since the failure");
    let bins = if size == Size::Wide { 52 } else { 34 };
    for (row, (place, variant, times)) in rows.iter().enumerate() {
        let (top, base) = (ROW * row as f64, ROW * (row + 1) as f64);
        let pairs = format!("{} pairs", units::count(times.count()));
        svg.text("label", Anchor::Start, (0.0, top + 14.0), &cut(&variant.name, width - 120.0));
        svg.text("tick", Anchor::End, (width, top + 14.0), &pairs);
        let until = |bin: usize| times.count_until(scale.value(bin as f64 / bins as f64) * 1e6 + 0.5);
        let counts: Vec<_> = (0..bins)
            .map(|bin| if bin + 1 == bins { times.count() - until(bin) } else { until(bin + 1) - until(bin) })
            .collect();
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let step = width / bins as f64;
        for (bin, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = ((base - top - 30.0) * count as f64 / most).max(1.0);
            let [from, to] = [bin, bin + 1].map(|edge| time(scale.value(edge as f64 / bins as f64)));
            let title = format!("{}: {} pairs from {from} to {to}", variant.name, units::count(count));
            let at = (step * bin as f64 + 0.5, base - height);
            svg.rect(&format!("fill {}", colour(*place)), at, (step - 1.0, height), &title);
        }
        svg.line("axis", (0.0, base), (width, base));
        let detection = &variant.detection;
        for (class, summary) in [
            ("m0", &detection.first_suspect_us),
            ("m1", &detection.first_dead_us),
            ("m2", &detection.all_dead_us),
        ] {
            if summary.count > 0 {
                let x = scale.place(summary.p50 as f64 / 1e6) * width;
                svg.line(&format!("mark {class}"), (x, top + 22.0), (x, base));
            }
        }
    }
    svg.finish("histograms: time from a failure until nodes declared it dead")
}
