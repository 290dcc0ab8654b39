use std::collections::VecDeque;

/// How fast two clocks may drift apart, in parts of a million: crystals keep to 50 each.
const DRIFT_PPM: u64 = 100;

/// Pings remembered: a minute of them.
const SAMPLES_MAX: usize = 256;

/// How far another clock is ahead of ours, by ping-pong.
///
/// An answer was stamped some time between the ping's leaving and the answer's coming, so half of the round trip bounds the
/// error, and the shortest round trip bounds it best; with its age the bound widens by what clocks may drift.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ns: u64,
    offset_ns: i64,
    round_trip_ns: u64,
}

/// What is known at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Theirs less ours.
    pub(crate) offset_ns: i64,
    /// The most by which that may be wrong.
    pub(crate) uncertainty_ns: u64,
    pub(crate) round_trip_ns: u64,
}

impl Clock {
    /// A ping left and its answer came at these times of ours, and was answered at that time of theirs.
    pub(crate) fn add(&mut self, sent_ns: u64, theirs_ns: u64, received_ns: u64) {
        if received_ns < sent_ns {
            return;
        }
        let at_ns = sent_ns.midpoint(received_ns);
        let offset_ns = theirs_ns.wrapping_sub(at_ns).cast_signed();
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at_ns, offset_ns, round_trip_ns: received_ns - sent_ns });
    }

    pub(crate) fn estimate(&self, now_ns: u64) -> Option<Estimate> {
        let estimates = self.samples.iter().map(|sample| Estimate {
            offset_ns: sample.offset_ns,
            // Odd round trips are not halved to less than half.
            uncertainty_ns: sample.round_trip_ns.div_ceil(2)
                + now_ns.abs_diff(sample.at_ns) / (1_000_000 / DRIFT_PPM),
            round_trip_ns: sample.round_trip_ns,
        });
        estimates.min_by_key(|estimate| estimate.uncertainty_ns)
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of a clock that is 250 ms ahead and gains 30 parts of a million, over ways of any lengths: the truth lies
    /// within the bound at all times.
    #[test]
    fn the_truth_is_within_the_uncertainty() {
        let theirs = |ns: u64| ns + 250_000_000 + ns * 30 / 1_000_000;
        let mut clock = Clock::default();
        assert_eq!(clock.estimate(0), None);
        let mut random = 1_u64;
        for ping in 0..1_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [there, back] = [random >> 50, (random >> 30) & 0x3fff].map(|way| 20_000 + way * 100);
            let sent = ping * 250_000_000;
            clock.add(sent, theirs(sent + there), sent + there + back);
            let now = sent + there + back + 100_000_000;
            let estimate = clock.estimate(now).expect("there was a ping");
            let truth = (theirs(now) - now).cast_signed();
            assert!(truth.abs_diff(estimate.offset_ns) <= estimate.uncertainty_ns, "{ping}: {estimate:?}");
        }
        assert_eq!(clock.len(), SAMPLES_MAX);
    }

    #[test]
    fn the_shortest_round_trip_counts_until_it_is_old() {
        let mut clock = Clock::default();
        clock.add(0, 1_000_050, 100);
        clock.add(1_000, 1_009_000, 11_000);
        let estimate = clock.estimate(11_000).expect("there were pings");
        assert_eq!((estimate.offset_ns, estimate.uncertainty_ns), (1_000_000, 50 + 1));
        clock.add(1_000_000_000, 1_001_000_000 + 1_500, 1_000_003_000);
        assert_eq!(clock.estimate(1_000_003_000).map(|estimate| estimate.round_trip_ns), Some(3_000));
        clock.add(9, 9, 8);
        assert_eq!(clock.len(), 3, "an answer from before its ping is none");
    }
}
