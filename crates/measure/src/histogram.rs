use std::time::Duration;

use hdrhistogram::Histogram as Hdr;

/// The longest time a histogram tells apart, one day; longer ones are recorded as this.
const MAX_US: u64 = 86_400_000_000;

/// Times in microseconds, kept to 3 significant digits. Merged by adding counts, never by averaging percentiles.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Hdr<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: Hdr::new_with_bounds(1, MAX_US, 3).expect("constant bounds that hdrhistogram accepts"),
        }
    }
}

impl Histogram {
    /// Records one time; parts of a microsecond are cut.
    pub fn record(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counts.saturating_record(us);
    }

    /// Adds another histogram's counts.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts).expect("both have the same bounds");
    }

    /// What was recorded since `earlier`, a copy of this histogram.
    ///
    /// # Panics
    /// When `earlier` is no such copy: it holds times that this one does not.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts.clone();
        counts.subtract(&earlier.counts).expect("an earlier copy holds nothing that this one lacks");
        Self { counts }
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Takes a histogram that was exported; nothing when it was not made with the bounds of this one.
    pub fn from_counts(counts: Hdr<u64>) -> Option<Self> {
        let mut all = Self::default();
        let alike = counts.low() == all.counts.low() && counts.sigfig() == all.counts.sigfig();
        (alike && counts.max() <= MAX_US).then(|| all.counts.add(counts)).and_then(Result::ok)?;
        Some(all)
    }

    /// What was recorded, as times in microseconds and how often each: what crosses between processes.
    pub fn entries(&self) -> Vec<(u64, u64)> {
        let recorded = self.counts.iter_recorded();
        recorded.map(|value| (value.value_iterated_to(), value.count_at_value())).collect()
    }

    /// Adds times in microseconds, each as often as said; counts saturate.
    pub fn add_entries(&mut self, entries: impl IntoIterator<Item = (u64, u64)>) {
        for (us, count) in entries {
            self.counts.saturating_record_n(us, count);
        }
    }

    /// The underlying histogram, for exporters.
    pub const fn counts(&self) -> &Hdr<u64> {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_make_the_same_histogram_elsewhere() {
        let (mut here, mut there) = (Histogram::default(), Histogram::default());
        [0, 1, 77, 77, 5_000, 1_234_567, u64::from(u32::MAX)]
            .into_iter()
            .for_each(|us| here.record(Duration::from_micros(us)));
        there.add_entries(here.entries());
        assert_eq!(here.counts(), there.counts());
        assert_eq!(here.summary(), there.summary());
    }

    #[test]
    fn a_phase_is_the_difference_of_two_copies() {
        let mut all = Histogram::default();
        (1..=500).for_each(|us| all.record(Duration::from_micros(us)));
        let earlier = all.clone();
        let mut phase = Histogram::default();
        for us in [3, 1_000, 70_000] {
            all.record(Duration::from_micros(us));
            phase.record(Duration::from_micros(us));
        }
        assert_eq!(all.since(&earlier).summary(), phase.summary());
        assert_eq!(all.since(&all).count(), 0);
        assert_eq!(all.since(&Histogram::default()).summary(), all.summary());
    }
}
