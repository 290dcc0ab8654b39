use std::time::Duration;

use rumormill_protocol::Time;

/// Messages of news that may go at once after quiet. Where each node tells two others, four in five hear at once (the
/// share s of s = 1 - e^(-2s)), and the rest by their next probes.
const BURST: u32 = 2;

/// How many messages a node sends for nothing but news of members: some at once, and one in a protocol period in the long
/// run. What exceeds it waits for probes and their answers, on which news rides for nothing. A single failure is told at
/// once, and many at a time cost no more messages than a few: a message takes a packet and its acknowledgement, whatever
/// is in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    /// When all of the burst is there again.
    whole_at: Time,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// A partner.
    Partner,
    /// All branches of the tree of writes, beside the one by which a node hears one more, on average. It counts as half a
    /// message: along a tree each brings something new, and to partners few do.
    Branches,
}

impl Allowance {
    /// Takes what this takes, if there is as much.
    pub(crate) fn take(&mut self, now: Time, period: Duration, told: Told) -> bool {
        if self.next(period, told) > now {
            return false;
        }
        self.whole_at = self.whole_at.max(now) + told.takes(period);
        true
    }

    /// From when on there is as much as this takes.
    pub(crate) fn next(&self, period: Duration, told: Told) -> Time {
        let rest = (period * BURST - told.takes(period)).as_nanos() as u64;
        Time(self.whole_at.nanos().saturating_sub(rest))
    }
}

impl Told {
    fn takes(self, period: Duration) -> Duration {
        match self {
            Self::Partner => period,
            Self::Branches => period / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_then_one_in_a_period_or_two_along_a_tree() {
        for (told, in_a_period) in [(Told::Partner, 1), (Told::Branches, 2)] {
            let mut allowance = Allowance::default();
            let mut now = Time::ZERO + Duration::from_secs(100);
            let taken = |allowance: &mut Allowance, now| {
                (0..99).filter(|_| allowance.take(now, PERIOD, told)).count() as u32
            };
            assert_eq!(taken(&mut allowance, now), BURST * in_a_period);
            assert_eq!(allowance.next(PERIOD, told), now + PERIOD / in_a_period);
            for _ in 0..3 {
                now += PERIOD;
                assert_eq!(taken(&mut allowance, now), in_a_period);
            }
            now += PERIOD * BURST;
            assert_eq!(taken(&mut allowance, now), BURST * in_a_period);
        }
    }
}
