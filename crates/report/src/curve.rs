//! The convergence curve, and `convergence.csv`: which share of the nodes knows a write so long after it, over all writes of
//! the measured phase, with the theory beside it. [`POINTS`] points a variant.

use rumormill_measure::{Metric, RunResult, Variant};

use crate::{
    Record, Theory,
    csv::{field, rows},
    distribution::Distribution,
};

/// Points of a curve, each so much later than the last by the same factor.
const POINTS: usize = 160;

/// A curve is as long at least, where everybody knew at once.
const SHORTEST_SECONDS: f64 = 1e-5;

const HEAD: &str = "variant,seconds,share,theory_share,theory";

/// A curve of one variant.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Seconds since the write, and the share of the other nodes that had it.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Curve {
    /// Nothing where no distribution was kept, or nobody can say how many nodes never got the writes.
    pub(crate) fn of(variant: &Variant, record: &Record) -> Option<Self> {
        let distribution = Distribution::of(record.histograms.of(Metric::ConvergencePairs)?);
        let convergence = &variant.convergence;
        let awaited = match convergence.awaited_pairs {
            0 if convergence.unconverged_writes > 0 => return None,
            0 => distribution.count(),
            awaited => awaited,
        };
        let theory = record.theory.as_ref().and_then(|theory| theory.points.last());
        let last = theory
            .map_or(0.0, |&(seconds, _)| seconds)
            .max(distribution.max_us() as f64 / 1e6)
            .max(SHORTEST_SECONDS);
        let first = (distribution.min_us() as f64 / 1e6).clamp(SHORTEST_SECONDS / 10.0, last);
        let factor = (last / first).powf(1.0 / (POINTS - 1) as f64);
        let share = |seconds: f64| distribution.count_until(seconds * 1e6 + 0.5) as f64 / awaited as f64;
        let points = (0..POINTS).map(|place| {
            let seconds = if place + 1 == POINTS { last } else { first * factor.powi(place as i32) };
            // As the table has it, so that what is read back is the same curve.
            let seconds = (seconds * 1e6).round() / 1e6;
            (seconds, share(seconds))
        });
        Some(Self { points: points.collect() })
    }
}

pub(crate) fn write(result: &RunResult, records: &[Record]) -> Option<String> {
    let mut table = format!("{HEAD}\n");
    let mut any = false;
    for (variant, record) in result.variants.iter().zip(records) {
        let Some(curve) = Curve::of(variant, record) else { continue };
        any = true;
        for (seconds, share) in curve.points {
            let theory = record.theory.as_ref().map_or_else(
                || ",".to_owned(),
                |theory| format!("{:.6},{}", theory.share_at(seconds), field(&theory.model)),
            );
            table += &format!("{},{seconds:.6},{share:.6},{theory}\n", field(&variant.name));
        }
    }
    any.then_some(table)
}

/// Reads the theory back, which nothing else of a run's files says.
pub(crate) fn read(text: &str, result: &RunResult, records: &mut [Record]) {
    for row in rows(text) {
        let [variant, seconds, _, share, model] = row.as_slice() else { continue };
        let names = result.variants.iter().map(|variant| &variant.name);
        let record = names
            .zip(&mut *records)
            .find_map(|(name, record)| (name == variant || field(name) == *variant).then_some(record));
        if let (Some(record), Ok(seconds), Ok(share)) = (record, seconds.parse(), share.parse()) {
            let theory =
                record.theory.get_or_insert_with(|| Theory { model: model.clone(), points: Vec::new() });
            theory.points.push((seconds, share));
        }
    }
}
