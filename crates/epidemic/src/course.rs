/// The shares of all nodes, in percent, of which a [`Course`] says when they knew.
pub const MILESTONES_PERCENT: [u32; 4] = [50, 90, 99, 100];

/// What one repetition of an epidemic came to. Times are in rounds from when the source knew; with rounds, what is
/// learnt in the first arrives at 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// When each of [`MILESTONES_PERCENT`] knew, the source included; nothing where so many never did.
    pub reached: [Option<f64>; MILESTONES_PERCENT.len()],
    /// How many nodes knew at the end, the source included.
    pub knew: u32,
    /// Copies of the rumor sent until the last arrival; with rounds, in the whole of its round.
    pub copies_until_last: u64,
    /// Copies of the rumor sent until the epidemic ended.
    pub copies: u64,
    /// The mean time of arrival at the nodes that learnt the rumor; 0 when none did.
    pub mean_arrival: f64,
    /// When the last of them learnt it; 0 when none did.
    pub last_arrival: f64,
}

/// Keeps the times of arrivals while an epidemic runs.
pub(crate) struct Arrivals {
    /// How many nodes each milestone takes.
    wanted: [u32; MILESTONES_PERCENT.len()],
    reached: [Option<f64>; MILESTONES_PERCENT.len()],
    knew: u32,
    copies_until_last: u64,
    sum: f64,
    last: f64,
}

impl Arrivals {
    pub(crate) fn new(nodes: u32) -> Self {
        Self {
            wanted: MILESTONES_PERCENT.map(|percent| share(nodes, percent)),
            reached: [None; MILESTONES_PERCENT.len()],
            knew: 0,
            copies_until_last: 0,
            sum: 0.0,
            last: 0.0,
        }
    }

    /// So many nodes more know at this time, by when so many copies were sent.
    pub(crate) fn note(&mut self, now: f64, count: u32, copies: u64) {
        self.knew += count;
        self.copies_until_last = copies;
        self.sum += now * f64::from(count);
        self.last = now;
        for (reached, &wanted) in self.reached.iter_mut().zip(&self.wanted) {
            if self.knew >= wanted {
                reached.get_or_insert(now);
            }
        }
    }

    pub(crate) fn into_course(self, copies: u64) -> Course {
        Course {
            reached: self.reached,
            knew: self.knew,
            copies_until_last: self.copies_until_last,
            copies,
            // The source did not learn.
            mean_arrival: self.sum / f64::from((self.knew - 1).max(1)),
            last_arrival: self.last,
        }
    }
}

/// The fewest nodes that are at least this share of all.
pub(crate) fn share(nodes: u32, percent: u32) -> u32 {
    (u64::from(nodes) * u64::from(percent)).div_ceil(100) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_reached_by_the_first_count_that_is_not_less() {
        let mut arrivals = Arrivals::new(7);
        arrivals.note(0.0, 1, 0);
        arrivals.note(1.0, 2, 3);
        arrivals.note(2.0, 1, 6);
        arrivals.note(4.0, 2, 10);
        let course = arrivals.into_course(17);
        // Half of 7 are 4, 90 % are 7.
        assert_eq!(course.reached, [Some(2.0), None, None, None]);
        assert_eq!((course.knew, course.copies_until_last, course.copies), (6, 10, 17));
        assert_eq!((course.mean_arrival, course.last_arrival), (12.0 / 5.0, 4.0));
    }
}
