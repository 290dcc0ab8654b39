use std::{collections::BTreeMap, fmt};

use crate::{Histogram, Summary, Variant};

/// The times whose whole distribution is kept beside a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// [`Convergence::pairs_us`](crate::Convergence::pairs_us).
    ConvergencePairs,
    /// [`Convergence::t50_us`](crate::Convergence::t50_us).
    ConvergenceT50,
    /// [`Convergence::t90_us`](crate::Convergence::t90_us).
    ConvergenceT90,
    /// [`Convergence::t99_us`](crate::Convergence::t99_us).
    ConvergenceT99,
    /// [`Convergence::t100_us`](crate::Convergence::t100_us).
    ConvergenceT100,
    /// [`Detection::first_suspect_us`](crate::Detection::first_suspect_us).
    FirstSuspect,
    /// [`Detection::first_dead_us`](crate::Detection::first_dead_us).
    FirstDead,
    /// [`Detection::all_dead_us`](crate::Detection::all_dead_us).
    AllDead,
    /// [`Detection::pairs_us`](crate::Detection::pairs_us).
    DetectionPairs,
    /// [`Variant::scheduler_lag_us`].
    SchedulerLag,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ConvergencePairs,
        Self::ConvergenceT50,
        Self::ConvergenceT90,
        Self::ConvergenceT99,
        Self::ConvergenceT100,
        Self::FirstSuspect,
        Self::FirstDead,
        Self::AllDead,
        Self::DetectionPairs,
        Self::SchedulerLag,
    ];

    /// Where its summary stands in a variant of a result.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ConvergencePairs => "convergence.pairs_us",
            Self::ConvergenceT50 => "convergence.t50_us",
            Self::ConvergenceT90 => "convergence.t90_us",
            Self::ConvergenceT99 => "convergence.t99_us",
            Self::ConvergenceT100 => "convergence.t100_us",
            Self::FirstSuspect => "detection.first_suspect_us",
            Self::FirstDead => "detection.first_dead_us",
            Self::AllDead => "detection.all_dead_us",
            Self::DetectionPairs => "detection.pairs_us",
            Self::SchedulerLag => "scheduler_lag_us",
        }
    }

    /// Its summary.
    pub const fn summary(self, variant: &Variant) -> &Summary {
        match self {
            Self::ConvergencePairs => &variant.convergence.pairs_us,
            Self::ConvergenceT50 => &variant.convergence.t50_us,
            Self::ConvergenceT90 => &variant.convergence.t90_us,
            Self::ConvergenceT99 => &variant.convergence.t99_us,
            Self::ConvergenceT100 => &variant.convergence.t100_us,
            Self::FirstSuspect => &variant.detection.first_suspect_us,
            Self::FirstDead => &variant.detection.first_dead_us,
            Self::AllDead => &variant.detection.all_dead_us,
            Self::DetectionPairs => &variant.detection.pairs_us,
            Self::SchedulerLag => &variant.scheduler_lag_us,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// The distributions of one variant, whose summaries stand in its result. At most one of each [`Metric`]; each takes about
/// 220 kB, whatever was recorded in it.
#[derive(Clone, Debug, Default)]
pub struct Histograms {
    kept: BTreeMap<Metric, Histogram>,
}

impl Histograms {
    /// Keeps a distribution, unless nothing was recorded in it, and returns its summary.
    pub fn keep(&mut self, metric: Metric, histogram: Histogram) -> Summary {
        let summary = histogram.summary();
        if summary.count > 0 {
            self.kept.insert(metric, histogram);
        }
        summary
    }

    /// The distribution of a metric, if anything was recorded in it.
    pub fn of(&self, metric: Metric) -> Option<&Histogram> {
        self.kept.get(&metric)
    }

    /// All that are kept, in the order of [`Metric::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Metric, &Histogram)> {
        self.kept.iter().map(|(&metric, histogram)| (metric, histogram))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_path_leads_to_the_summary_in_the_written_variant() {
        let mut variant =
            Variant::of_epidemic("one".into(), 1, crate::Verdict::new(&[], &[]), crate::Epidemic::default());
        variant.epidemic = None;
        variant.convergence.t99_us.p50 = 99;
        variant.detection.all_dead_us.p50 = 100;
        variant.scheduler_lag_us.p50 = 7;
        let json = serde_json::to_value(&variant).expect("a variant is plain data");
        for metric in Metric::ALL {
            let written = metric.path().split('.').fold(&json, |at, key| &at[key]);
            let summary: Summary = serde_json::from_value(written.clone()).expect("a summary");
            assert_eq!(&summary, metric.summary(&variant), "{metric}");
        }
    }

    #[test]
    fn what_holds_nothing_is_not_kept() {
        let mut kept = Histograms::default();
        assert_eq!(kept.keep(Metric::FirstDead, Histogram::default()), Summary::default());
        let mut one = Histogram::default();
        one.record(Duration::from_millis(5));
        assert_eq!(kept.keep(Metric::AllDead, one.clone()), one.summary());
        assert_eq!(kept.iter().map(|(metric, _)| metric).collect::<Vec<_>>(), [Metric::AllDead]);
    }
}
