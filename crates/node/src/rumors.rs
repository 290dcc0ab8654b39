use std::collections::VecDeque;

use rumormill_protocol::Time;

/// A window of time is told apart into so many parts: a write may be passed on shorter by one of them.
const PARTS: u32 = 32;

/// Which writes of the log are passed on at present to whoever comes: those applied of late (rumor mongering; Demers and
/// others, PODC 1987, section 1.4, blind and counting).
#[derive(Debug, Default)]
pub(crate) struct Rumors {
    /// Times, ascending, and where the log stood then: at most one for each part of the window, and one more.
    marks: VecDeque<(Time, u64)>,
}

impl Rumors {
    /// Writes that are applied from now on come at `position` of the log. Those of before `since` are forgotten.
    pub(crate) fn mark(&mut self, now: Time, since: Time, position: u64) {
        while self.marks.front().is_some_and(|(at, _)| *at < since) {
            self.marks.pop_front();
        }
        match self.marks.back_mut() {
            // Nothing came after that mark.
            Some((at, marked)) if *marked == position => *at = now,
            Some((at, _)) if now.since(*at) < now.since(since) / PARTS => {}
            _ => self.marks.push_back((now, position)),
        }
    }

    /// From which position on writes are passed on that were applied at `since` or later, in a log that ends at `end`.
    pub(crate) fn begin(&self, since: Time, end: u64) -> u64 {
        self.marks.iter().find(|(at, _)| *at >= since).map_or(end, |(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 3_200;

    /// A write for each of many times, now and then none for long: what is passed on is what came in the window, but for
    /// a part of it.
    #[test]
    fn what_is_passed_on_is_what_was_applied_of_late() {
        let (mut rumors, mut applied) = (Rumors::default(), Vec::new());
        let mut now = 10_000;
        for step in 0..5_000u64 {
            now += [1, 7, 40, 0][step as usize % 4] + if step % 600 == 0 { 2 * WINDOW } else { 0 };
            let since = Time(now - WINDOW);
            rumors.mark(Time(now), since, applied.len() as u64);
            if step % 3 > 0 {
                applied.push(now);
            }
            let begin = rumors.begin(since, applied.len() as u64) as usize;
            assert!(applied[begin..].iter().all(|at| *at >= since.0));
            let sure = since.0 + WINDOW / u64::from(PARTS);
            assert!(applied[..begin].iter().all(|at| *at < sure), "at {now}");
            assert!(rumors.marks.len() <= PARTS as usize + 1);
        }
    }
}
