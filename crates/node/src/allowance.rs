use std::time::Duration;

use rumormill_protocol::Time;

/// Messages of news that may go at once after quiet.
const BURST: u32 = 4;

/// How many messages a node sends for nothing but news of members: some at once, and one in a protocol period in the long
/// run. What exceeds it waits for probes and their answers, on which news rides for nothing. A single failure is told at
/// once, and many at a time cost no more messages than a few: a message takes a packet and its acknowledgement, whatever
/// is in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// When all of the burst is there again.
    whole_at: Time,
}

impl Allowance {
    /// Takes one message, if there is one.
    pub(crate) fn take(&mut self, now: Time, period: Duration) -> bool {
        if self.next(period) > now {
            return false;
        }
        self.whole_at = self.whole_at.max(now) + period;
        true
    }

    /// From when on there is one.
    pub(crate) fn next(&self, period: Duration) -> Time {
        let burst = (period * (BURST - 1)).as_nanos() as u64;
        Time(self.whole_at.nanos().saturating_sub(burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_then_one_in_a_period() {
        let mut allowance = Allowance::default();
        let mut now = Time::ZERO + Duration::from_secs(100);
        let taken = |allowance: &mut Allowance, now| (0..9).filter(|_| allowance.take(now, PERIOD)).count();
        assert_eq!(taken(&mut allowance, now), BURST as usize);
        assert_eq!(allowance.next(PERIOD), now + PERIOD);
        for _ in 0..3 {
            now += PERIOD;
            assert_eq!(taken(&mut allowance, now), 1);
        }
        now += PERIOD * BURST;
        assert_eq!(taken(&mut allowance, now), BURST as usize);
    }
}
