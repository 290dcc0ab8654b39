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

    /// The underlying histogram, for exporters.
    pub const fn counts(&self) -> &Hdr<u64> {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
