use crate::{Histograms, Series};

/// What the figures of a variant rest on, as far as it is kept: too much for a result, and written beside it.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The distributions behind the summaries.
    pub histograms: Histograms,
    /// How the run went.
    pub series: Series,
}
