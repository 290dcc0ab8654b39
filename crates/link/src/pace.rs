use std::num::NonZeroU32;

use rumormill_protocol::Time;

/// Millionths of the right pace in the right pace.
const RIGHT: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");

/// A node's own clock, which need not run at the pace of the run's. All arithmetic is exact, so that a run repeats itself.
#[derive(Clone, Copy, Debug)]
pub struct NodeClock {
    /// When its pace last changed, on the run's clock and on its own.
    since: Time,
    own: Time,
    /// In millionths of the run's.
    pace: NonZeroU32,
}

impl Default for NodeClock {
    /// A clock that is right.
    fn default() -> Self {
        Self { since: Time::ZERO, own: Time::ZERO, pace: RIGHT }
    }
}

impl NodeClock {
    /// From now on it runs at this pace, in millionths of the run's. What it has gained or lost it keeps.
    pub fn run_at(&mut self, now: Time, pace: NonZeroU32) {
        *self = Self { since: now, own: self.read(now), pace };
    }

    /// What it shows at a time of the run that is not before its last change.
    pub fn read(&self, now: Time) -> Time {
        if self.pace == RIGHT {
            return self.own + (now - self.since);
        }
        let passed = u128::from(now.nanos().saturating_sub(self.since.nanos()));
        let own = passed * u128::from(self.pace.get()) / u128::from(RIGHT.get());
        Time(self.own.nanos().saturating_add(u64::try_from(own).unwrap_or(u64::MAX)))
    }

    /// The first time of the run at which it shows this, or its last change where that was later.
    pub fn when(&self, own: Time) -> Time {
        let left = own - self.own;
        if self.pace == RIGHT {
            return self.since + left;
        }
        let passed = (left.as_nanos() * u128::from(RIGHT.get())).div_ceil(u128::from(self.pace.get()));
        Time(self.since.nanos().saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pace(millionths: u32) -> NonZeroU32 {
        NonZeroU32::new(millionths).expect("not zero")
    }

    #[test]
    fn a_clock_gains_its_share_while_it_is_fast_and_keeps_it() {
        let mut clock = NodeClock::default();
        let s = |seconds: u64| Time::ZERO + Duration::from_secs(seconds);
        clock.run_at(s(10), pace(1_250_000));
        assert_eq!([clock.read(s(10)), clock.read(s(18))], [s(10), s(20)]);
        clock.run_at(s(18), pace(500_000));
        assert_eq!(clock.read(s(22)), s(22));
        clock.run_at(s(22), pace(1_000_000));
        assert_eq!((clock.read(s(30)), clock.when(s(30))), (s(30), s(30)));
    }

    #[test]
    fn the_first_time_that_shows_something_is_not_too_early_and_not_late() {
        for millionths in [1, 3, 100_000, 333_333, 999_999, 1_000_000, 1_000_001, 1_300_007, 2_000_000] {
            let mut clock = NodeClock::default();
            clock.run_at(Time(7_000_000_003), pace(millionths));
            for ahead in [0, 1, 2, 17, 999, 1_000_000_007] {
                let own = Time(7_000_000_003 + ahead);
                let when = clock.when(own);
                assert!(clock.read(when) >= own, "{millionths}: {own:?} at {when:?}");
                let before = Time(when.nanos() - 1);
                assert!(ahead == 0 || clock.read(before) < own, "{millionths}: {own:?} before {when:?}");
            }
        }
    }
}
