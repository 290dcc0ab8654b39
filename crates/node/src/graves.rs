use std::time::Duration;

use rand::RngExt;
use rumormill_protocol::{NodeId, Random, Time};

/// How often the cluster as a whole tries to reach each dead member, on average: a member that was only cut off is
/// then found within seconds of its return, and one that is gone for good costs a dial in this time, whatever the
/// size of the cluster.
const RETRY_EVERY: Duration = Duration::from_secs(10);

/// A member that has been dead for longer is left in peace.
const RETRY_FOR: Duration = Duration::from_secs(3_600);

/// Members that count as dead, ascending, and since which whole second: at most as many as the membership table takes.
/// Of 10,000 nodes that all hold half of the others dead, each has 5,000 of these, at 8 bytes.
#[derive(Debug, Default)]
pub(crate) struct Graves {
    since: Vec<(NodeId, u32)>,
}

impl Graves {
    pub(crate) fn add(&mut self, member: NodeId, now: Time) {
        match self.place(member) {
            Ok(at) => self.since[at].1 = seconds(now),
            Err(at) => {
                if self.since.len() == self.since.capacity() {
                    self.since.reserve_exact(1 + self.since.len() / 8);
                }
                self.since.insert(at, (member, seconds(now)));
            }
        }
    }

    pub(crate) fn remove(&mut self, member: NodeId) {
        if let Ok(at) = self.place(member) {
            self.since.remove(at);
        }
        if self.since.is_empty() {
            self.since = Vec::new();
        }
    }

    /// Once in a `period`, by each of `members`: whom to try to reach, if anyone.
    pub(crate) fn visit(
        &mut self,
        now: Time,
        period: Duration,
        members: usize,
        random: &mut Random,
    ) -> Option<NodeId> {
        let share = period.as_secs_f64() / RETRY_EVERY.as_secs_f64() / members.max(1) as f64;
        let chance = (self.since.len() as f64 * share).min(1.0);
        if chance == 0.0 || !random.random_bool(chance) {
            return None;
        }
        // Looked at only where one is drawn: to go through all of them in every period would cost more than the rest of it.
        let now = seconds(now);
        self.since.retain(|(_, since)| u64::from(now.saturating_sub(*since)) < RETRY_FOR.as_secs());
        if self.since.is_empty() {
            return None;
        }
        let at = random.random_range(0..self.since.len());
        Some(self.since[at].0)
    }

    fn place(&self, member: NodeId) -> Result<usize, usize> {
        self.since.binary_search_by_key(&member, |(dead, _)| *dead)
    }
}

/// 136 years fit.
fn seconds(time: Time) -> u32 {
    u32::try_from(time.nanos() / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::generator;

    use super::*;

    #[test]
    fn each_dead_member_is_visited_once_in_ten_seconds_by_all_together() {
        let mut graves = Graves::default();
        (0..5).for_each(|member| graves.add(NodeId(member), Time::ZERO));
        let mut random = generator(7);
        let period = Duration::from_secs(1);
        let mut visits = [0u32; 5];
        // 100 members, 2,000 periods.
        for _ in 0..100 * 2_000 {
            if let Some(member) = graves.visit(Time(1), period, 100, &mut random) {
                visits[member.index()] += 1;
            }
        }
        // 200 visits each; five standard deviations are 71.
        assert!(visits.iter().all(|count| count.abs_diff(200) < 71), "{visits:?}");
    }

    #[test]
    fn nobody_is_visited_for_ever_nor_after_coming_back() {
        let mut graves = Graves::default();
        let mut random = generator(7);
        graves.add(NodeId(1), Time::ZERO);
        let period = RETRY_EVERY;
        assert_eq!(graves.visit(Time(1), period, 1, &mut random), Some(NodeId(1)));
        assert_eq!(graves.visit(Time::ZERO + RETRY_FOR, period, 1, &mut random), None);
        graves.add(NodeId(1), Time::ZERO);
        graves.remove(NodeId(1));
        assert_eq!(graves.visit(Time(1), period, 1, &mut random), None);
    }
}
