use rumormill_measure::{Histograms, Span};

/// What of a run's recording exporters take: of one variant, and whether it was just measured or read from files.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The distributions behind the summaries; of an old result there are none.
    pub histograms: Histograms,
    /// How the run went, in the order of time.
    pub spans: Vec<Span>,
    /// What the literature says of its convergence, where it says something.
    pub theory: Option<Theory>,
}

/// A curve that the convergence is held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Theory {
    /// What it assumes, in a line.
    pub model: String,
    /// Seconds since the write, and the share of the other nodes that know by then; both grow.
    pub points: Vec<(f64, f64)>,
}

impl Theory {
    /// The share that knows after so many seconds, between two points on the line that joins them.
    pub(crate) fn share_at(&self, seconds: f64) -> f64 {
        let after = self.points.partition_point(|&(at, _)| at <= seconds);
        let Some(&(left, low)) = after.checked_sub(1).and_then(|place| self.points.get(place)) else {
            return 0.0;
        };
        let Some(&(right, high)) = self.points.get(after) else { return low };
        low + (high - low) * (seconds - left) / (right - left)
    }
}
