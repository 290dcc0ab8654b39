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

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// The underlying histogram, for exporters.
    pub const fn counts(&self) -> &Hdr<u64> {
        &self.counts
    }
}
