use rumormill_measure::units;

use super::{Rows, time};

impl Rows<'_> {
    /// How much of what is read is stale, and what was refused.
    pub(super) fn staleness(&mut self) {
        self.figures("stale reads", |v| v.staleness.map(|stale| share(stale.share)));
        self.figures("  their age, p50", |v| time(&v.staleness?.age_us, |t| t.p50));
        self.figures("  their age, p99", |v| time(&v.staleness?.age_us, |t| t.p99));
        if self.variants.iter().any(|variant| variant.convergence.refused_writes > 0) {
            self.figures("refused", |v| Some(units::count(v.convergence.refused_writes)));
        }
    }

    /// Writes to shared keys that did not see each other.
    pub(super) fn conflicts(&mut self) {
        if self.variants.iter().all(|variant| variant.conflicts.is_none()) {
            return;
        }
        self.table.heading("Conflicts on shared keys, in pairs of writes");
        self.figures("writes to shared keys", |v| Some(units::count(v.conflicts?.writes)));
        self.figures("neither saw the other", |v| Some(units::count(v.conflicts?.concurrent_pairs)));
        self.figures("reported", |v| Some(units::count(v.conflicts?.reported_pairs)));
        self.figures("missed", |v| Some(units::count(v.conflicts?.missed_pairs)));
        self.figures("invented", |v| Some(units::count(v.conflicts?.invented_pairs)));
    }
}

/// A share from 0 to 1, in percent with three significant digits.
fn share(share: f64) -> String {
    format!("{} %", units::significant(100.0 * share))
}
