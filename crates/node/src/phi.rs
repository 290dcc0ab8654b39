//! How suspicious a silence is, by the times at which a member's heartbeats used to arrive (Hayashibara, Défago,
//! Yared, Katayama: "The φ Accrual Failure Detector", SRDS 2004), in the two simplifications that are in wide use.

use std::{f64::consts::LOG10_E, time::Duration};

/// Inter-arrival times that count, in both implementations (`SAMPLE_SIZE`, `sampling_window_size`).
const WINDOW: u16 = 1_000;

/// A formula of φ, with its rules of which inter-arrival times count.
///
/// Both take arrivals for a Poisson process, so that the silence t since the last of them is longer with probability
/// e^(−t/mean), and φ is linear in t. They differ in the logarithm: the same threshold of 8 is a silence of 18.4 mean
/// intervals in one and of 8 in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phi {
    /// φ = (t / mean) / ln 10, which is −log10 of that probability: `PHI_FACTOR * phi` in Cassandra's
    /// `gms/FailureDetector.java`. The first heartbeat counts as an interval of 2 gossip intervals
    /// (`INITIAL_VALUE_NANOS`), and intervals longer than that do not count (`MAX_INTERVAL_IN_NANO`).
    Cassandra,
    /// φ = t / mean, where the mean starts as 5 intervals of 5 s that no arrival takes away (`AdditiveSmoothing`), in
    /// chitchat 0.13's `failure_detector.rs`. Intervals longer than 10 s do not count, and a death empties the window. At
    /// the gossip interval of 1 s that Quickwit sets; here both scale with the protocol period.
    Chitchat,
}

/// chitchat's `prior_weight`.
const PRIOR_WEIGHT: f64 = 5.0;

impl Phi {
    /// φ of a silence, where heartbeats arrived at a mean interval. Both in the same unit.
    pub fn of(self, silence: f64, mean: f64) -> f64 {
        match self {
            Self::Cassandra => silence / mean * LOG10_E,
            Self::Chitchat => silence / mean,
        }
    }

    /// What the interval is taken to be before any was seen.
    fn initial(self, period: Duration) -> Duration {
        match self {
            Self::Cassandra => period * 2,
            Self::Chitchat => period * 5,
        }
    }

    /// Longer intervals do not count.
    fn longest(self, period: Duration) -> Duration {
        match self {
            Self::Cassandra => self.initial(period),
            Self::Chitchat => self.initial(period) * 2,
        }
    }
}

/// The inter-arrival times of one member's heartbeats, as their mean: exact for the first [`WINDOW`] of them, from
/// then on exponentially weighted with the weight that one has in such a window. A window itself would take 4 kB for
/// each member at each node; this takes 6 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Arrivals {
    mean_ms: f32,
    samples: u16,
}

impl Arrivals {
    /// The first heartbeat of a member arrived: there is no interval before it.
    pub(crate) fn first(&mut self, phi: Phi, period: Duration) {
        if phi == Phi::Cassandra {
            self.count(milliseconds(phi.initial(period)));
        }
    }

    /// A heartbeat arrived so long after the one before.
    pub(crate) fn add(&mut self, interval_ms: f64, phi: Phi, period: Duration) {
        if interval_ms <= milliseconds(phi.longest(period)) {
            self.count(interval_ms);
        }
    }

    /// The member was declared dead.
    pub(crate) fn died(&mut self, phi: Phi) {
        if phi == Phi::Chitchat {
            *self = Self::default();
        }
    }

    /// The mean interval in milliseconds; more than zero.
    pub(crate) fn mean_ms(&self, phi: Phi, period: Duration) -> f64 {
        let (initial, mean) = (milliseconds(phi.initial(period)), f64::from(self.mean_ms));
        let samples = f64::from(self.samples);
        match phi {
            Phi::Cassandra if self.samples == 0 => initial,
            // Two heartbeats may arrive within a millisecond.
            Phi::Cassandra => mean.max(1.0),
            Phi::Chitchat => samples.mul_add(mean, PRIOR_WEIGHT * initial) / (samples + PRIOR_WEIGHT),
        }
    }

    fn count(&mut self, interval_ms: f64) {
        self.samples = (self.samples + 1).min(WINDOW);
        self.mean_ms += (interval_ms as f32 - self.mean_ms) / f32::from(self.samples);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    /// The longest silence, in milliseconds, whose φ does not exceed 8.
    fn tolerated_ms(arrivals: &Arrivals, phi: Phi) -> f64 {
        let mean = arrivals.mean_ms(phi, PERIOD);
        let silence = 8.0 * mean / phi.of(1.0, 1.0);
        assert!(phi.of(silence * 0.999_999, mean) < 8.0 && phi.of(silence * 1.000_001, mean) > 8.0);
        silence
    }

    #[test]
    fn at_constant_intervals_cassandra_convicts_after_eighteen_of_them_and_chitchat_after_eight() {
        for interval_ms in [200.0, 1_000.0, 1_500.0] {
            let (mut cassandra, mut chitchat) = (Arrivals::default(), Arrivals::default());
            cassandra.first(Phi::Cassandra, PERIOD);
            chitchat.first(Phi::Chitchat, PERIOD);
            for _ in 0..20_000 {
                cassandra.add(interval_ms, Phi::Cassandra, PERIOD);
                chitchat.add(interval_ms, Phi::Chitchat, PERIOD);
            }
            let silence = tolerated_ms(&cassandra, Phi::Cassandra);
            assert!((silence / interval_ms - 8.0 * 10f64.ln()).abs() < 1e-3, "{silence} at {interval_ms}");
            // The prior never goes: (1000 m + 5 · 5 s) / 1005.
            let mean = (1_000.0 * interval_ms + 25_000.0) / 1_005.0;
            let silence = tolerated_ms(&chitchat, Phi::Chitchat);
            assert!((silence / mean - 8.0).abs() < 1e-3, "{silence} at {interval_ms}");
        }
    }

    #[test]
    fn before_any_interval_was_seen_both_are_patient() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.mean_ms(Phi::Cassandra, PERIOD), 2_000.0);
        assert_eq!(arrivals.mean_ms(Phi::Chitchat, PERIOD), 5_000.0);
        arrivals.first(Phi::Cassandra, PERIOD);
        arrivals.add(1_000.0, Phi::Cassandra, PERIOD);
        assert_eq!(arrivals.mean_ms(Phi::Cassandra, PERIOD), 1_500.0, "the first counts as one of 2 s");
        let mut arrivals = Arrivals::default();
        arrivals.first(Phi::Chitchat, PERIOD);
        arrivals.add(1_000.0, Phi::Chitchat, PERIOD);
        assert!((arrivals.mean_ms(Phi::Chitchat, PERIOD) - 26_000.0 / 6.0).abs() < 1e-6);
    }

    #[test]
    fn long_gaps_do_not_count() {
        let mut arrivals = Arrivals::default();
        arrivals.add(2_000.0, Phi::Cassandra, PERIOD);
        arrivals.add(2_001.0, Phi::Cassandra, PERIOD);
        assert_eq!(arrivals.mean_ms(Phi::Cassandra, PERIOD), 2_000.0);
        let before = arrivals;
        arrivals.add(10_001.0, Phi::Chitchat, PERIOD);
        assert_eq!(arrivals, before);
        arrivals.died(Phi::Cassandra);
        assert_eq!(arrivals, before, "Cassandra keeps a dead member's window");
        arrivals.died(Phi::Chitchat);
        assert_eq!(arrivals, Arrivals::default());
    }

    proptest! {
        /// Against the window itself.
        #[test]
        fn the_mean_is_that_of_a_window_until_it_is_full_and_near_it_later(
            intervals in proptest::collection::vec(100.0f64..2_000.0, 1..3_000),
        ) {
            let (mut arrivals, mut window) = (Arrivals::default(), VecDeque::new());
            for interval in &intervals {
                arrivals.add(*interval, Phi::Cassandra, PERIOD);
                window.push_back(*interval);
                if window.len() > usize::from(WINDOW) {
                    window.pop_front();
                }
            }
            let exact = window.iter().sum::<f64>() / window.len() as f64;
            let mean = arrivals.mean_ms(Phi::Cassandra, PERIOD);
            let allowed = if intervals.len() <= usize::from(WINDOW) { 1e-4 } else { 0.1 };
            prop_assert!((mean / exact - 1.0).abs() < allowed, "{mean} against {exact}");
        }
    }
}
