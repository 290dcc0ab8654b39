use std::{ops::Range, time::Duration};

use rumormill_measure::{Histogram, Staleness};
use rumormill_protocol::{NodeId, Time};

use super::writes::Reach;

/// Between two moments at which the age of stale reads is looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// Adds up for how long each receiver lacked something of each writer.
///
/// A receiver is behind a writer from a write's intended time until it has the write. Who has one has all earlier ones, so
/// the earliest that it lacks is a certain write from when it was made, or from when the one before was had if that is
/// later, until it is had itself.
pub(super) struct Stale<'a> {
    measured: Range<Time>,
    receivers: &'a [Option<Time>],
    /// How many nodes write.
    writers: usize,
    total: Duration,
    ages: Histogram,
    /// The write that was seen last, and since when each receiver has it: it waits for the one before it.
    later: Option<(NodeId, Time, Vec<Option<Time>>)>,
}

impl<'a> Stale<'a> {
    pub(super) fn new(measured: Range<Time>, receivers: &'a [Option<Time>], writers: usize) -> Self {
        Self { measured, receivers, writers, total: Duration::ZERO, ages: Histogram::default(), later: None }
    }

    /// The next write: of each writer the last comes first.
    pub(super) fn add(&mut self, reach: &Reach<'_>) {
        let is_before = self.later.as_ref().is_some_and(|(writer, ..)| *writer == reach.dot.writer);
        self.settle(is_before.then_some(reach.had));
        self.later = Some((reach.dot.writer, reach.intended, reach.had.to_vec()));
    }

    /// Adds the write that waits; `before` says since when each receiver has the one before it, if there is one.
    fn settle(&mut self, before: Option<&[Option<Time>]>) {
        let Some((writer, intended, had)) = self.later.take() else { return };
        for (number, had) in had.into_iter().enumerate() {
            if self.receivers[number].is_none() || number == writer.index() {
                continue;
            }
            let Some(before) = before.map_or(Some(intended), |before| before[number]) else { continue };
            let from = before.max(intended);
            let until = had.unwrap_or(self.measured.end).min(self.measured.end);
            if from < until {
                self.total += until - from;
                self.sample(intended, from, until);
            }
        }
    }

    fn sample(&mut self, intended: Time, from: Time, until: Time) {
        let step = SAMPLE.as_nanos() as u64;
        let mut passed = (from - self.measured.start).as_nanos() as u64;
        passed = passed.next_multiple_of(step);
        while self.measured.start + Duration::from_nanos(passed) < until {
            self.ages.record(self.measured.start + Duration::from_nanos(passed) - intended);
            passed += step;
        }
    }

    pub(super) fn into_staleness(mut self) -> Staleness {
        self.settle(None);
        let receivers = self.receivers.iter().flatten().count();
        let pairs = receivers * self.writers.saturating_sub(1);
        let all_seconds = pairs as f64 * (self.measured.end - self.measured.start).as_secs_f64();
        let share = if all_seconds > 0.0 { self.total.as_secs_f64() / all_seconds } else { 0.0 };
        Staleness { share, age_us: self.ages.summary() }
    }
}
