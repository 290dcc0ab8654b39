use rumormill_measure::Variant;

use super::{
    Chart, VARIANTS_MAX, colour,
    frame::{Axis, Frame, percent, time},
    scale::Scale,
};
use crate::{Record, curve::Curve};

/// The curve is shown from the time on when one variant has come so far.
const FIRST_SHARE: f64 = 0.005;

/// Which share of the nodes knows a write so long after it, with the theory beside it.
pub(crate) fn convergence(variants: &[Variant], records: &[Record]) -> Option<Chart> {
    let curves = variants.iter().zip(records).take(VARIANTS_MAX).enumerate();
    let curves: Vec<_> = curves
        .filter_map(|(place, (variant, record))| Some((place, variant, record, Curve::of(variant, record)?)))
        .collect();
    // Before that there is nothing to see.
    let begun =
        |curve: &Curve| curve.points.iter().find(|(_, share)| *share >= FIRST_SHARE).map(|point| point.0);
    let first = curves.iter().filter_map(|(.., curve)| begun(curve)).fold(f64::INFINITY, f64::min);
    let last =
        curves.iter().filter_map(|(.., curve)| curve.points.last()).map(|point| point.0).fold(0.0, f64::max);
    if !first.is_finite() || last <= 0.0 {
        return None;
    }
    let mut legend = Vec::new();
    for (place, variant, record, _) in &curves {
        legend.push((colour(*place), variant.name.clone()));
        if let Some(theory) = &record.theory {
            legend.push(("dashed".to_owned(), format!("{} in theory: {}", variant.name, theory.model)));
        }
    }
    let chart = Chart {
        kind: "convergence",
        title: "Who knows a write".into(),
        caption: "Share of the other nodes that have a write, by the time since it was intended, over all writes of the \
                  measured phase."
            .into(),
        legend,
        ..Chart::default()
    };
    let scale = Scale::Log(first * 0.9, (last * 1.1).max(first * 2.0));
    Some(chart.drawn(|size| {
        let x = Axis { scale, label: time, name: "time since the write" };
        let y = Axis { scale: Scale::Linear(0.0, 1.0), label: percent, name: "nodes that know" };
        let mut frame = Frame::new(size, &x, &y);
        for (place, .., curve) in &curves {
            let shown = curve.points.iter().copied().filter(|&(seconds, _)| seconds >= first * 0.9);
            frame.path(&format!("line {}", colour(*place)), shown);
        }
        // On top, so that it shows where both are one.
        for (_, _, record, curve) in &curves {
            if let Some(theory) = &record.theory {
                let seconds = curve.points.iter().map(|&(seconds, _)| seconds);
                let shown = seconds.filter(|&seconds| seconds >= first * 0.9);
                frame.path("line theory", shown.map(|seconds| (seconds, theory.share_at(seconds))));
            }
        }
        frame.svg.finish("curve: share of nodes that know a write over time since it")
    }))
}
