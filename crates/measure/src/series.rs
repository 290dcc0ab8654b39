use std::time::Duration;

use crate::{IpVersion, Ledger, wire_bytes_by_cause};

/// The most samples that a series holds.
pub const SAMPLES_MAX: usize = 1_024;

/// How a variant went, in samples about a second apart, or as far as looks at many real nodes take; each time [`SAMPLES_MAX`] are reached
/// every other one is given up, and from then on they are twice as far apart. So a series of any length takes 1 MB at most.
#[derive(Clone, Debug, Default)]
pub struct Series {
    samples: Vec<Sample>,
    /// How many looks go into one sample, as a power of 2.
    looks_each: u64,
    /// Looks since the last sample.
    looks: u64,
    lag_p99_us: u64,
    measured_from: Option<Duration>,
    ip: IpVersion,
}

/// The cluster at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When, on the cluster's clock, since the run began.
    pub at: Duration,
    /// When on the wall clock.
    pub wall: Duration,
    /// The phase that the run was in.
    pub phase: &'static str,
    /// All that was sent until then, the whole cluster's.
    pub sent: Ledger,
    /// Nodes that had not crashed.
    pub nodes_up: u64,
    /// Connections that stood, each counted once.
    pub links_up: u64,
    /// Pairs of a live node and a member that it takes for alive, each node's own included.
    pub known_pairs: u64,
    /// How late nodes were woken since the last sample: the largest 99th percentile of the looks between.
    pub lag_p99_us: u64,
}

impl Series {
    /// Without samples, of a cluster whose packets go by this version of IP.
    pub fn new(ip: IpVersion) -> Self {
        Self { ip, ..Self::default() }
    }

    /// Adds a look at the cluster.
    pub fn look(&mut self, mut sample: Sample) {
        self.looks += 1;
        self.lag_p99_us = self.lag_p99_us.max(sample.lag_p99_us);
        if self.looks < self.looks_each {
            return;
        }
        sample.lag_p99_us = self.lag_p99_us;
        (self.looks, self.lag_p99_us) = (0, 0);
        self.samples.push(sample);
        if self.samples.len() == SAMPLES_MAX {
            self.thin();
        }
    }

    /// The measured phase begins, so long after the run did.
    pub fn measure_from(&mut self, at: Duration) {
        self.measured_from = Some(at);
    }

    /// Gives up every other sample; counters only grow, so those that stay lack nothing but the lag between.
    fn thin(&mut self) {
        self.looks_each = self.looks_each.max(1) * 2;
        for pair in self.samples.chunks_exact_mut(2) {
            pair[1].lag_p99_us = pair[1].lag_p99_us.max(pair[0].lag_p99_us);
        }
        let mut place = 0;
        self.samples.retain(|_| {
            place += 1;
            place % 2 == 0
        });
    }

    /// What lies between each two samples, as rates.
    pub fn spans(&self) -> Vec<Span> {
        let end = self.samples.last().map_or(Duration::ZERO, |sample| sample.at);
        let measured_from = self.measured_from.unwrap_or(end);
        let from_start = std::iter::once(None).chain(self.samples.iter().map(Some));
        from_start
            .zip(&self.samples)
            .map(|(before, sample)| Span::between(before, sample, measured_from, self.ip))
            .collect()
    }
}

/// A stretch of a run, which ends at a sample: a line of `series.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// When it ended, on the cluster's clock, since the measured phase began, before which it is negative; where none began,
    /// since the last sample.
    pub time_seconds: f64,
    /// The same since the run began.
    pub run_seconds: f64,
    /// When it ended on the wall clock.
    pub wall_seconds: f64,
    /// The phase at its end.
    pub phase: String,
    /// Bytes on the wire, the whole cluster's, per second.
    pub wire_bytes_per_second: f64,
    /// The same by cause, without causes that had none; they sum to it.
    pub by_cause_bytes_per_second: Vec<(String, f64)>,
    /// Nodes that had not crashed, at its end.
    pub nodes_up: u64,
    /// Connections that stood, at its end.
    pub links_up: u64,
    /// Pairs of a live node and a member that it takes for alive, at its end.
    pub known_pairs: u64,
    /// How late nodes were woken in it, 99th percentile.
    pub lag_p99_us: u64,
}

impl Span {
    fn between(before: Option<&Sample>, sample: &Sample, measured_from: Duration, ip: IpVersion) -> Self {
        let began = before.map_or(Duration::ZERO, |before| before.at);
        let sent = before.map_or_else(|| sample.sent.clone(), |before| sample.sent.since(&before.sent));
        let seconds = sample.at.saturating_sub(began).as_secs_f64();
        let rate = |bytes: f64| if seconds > 0.0 { bytes / seconds } else { 0.0 };
        Self {
            time_seconds: sample.at.as_secs_f64() - measured_from.as_secs_f64(),
            run_seconds: sample.at.as_secs_f64(),
            wall_seconds: sample.wall.as_secs_f64(),
            phase: sample.phase.to_owned(),
            wire_bytes_per_second: rate(sent.wire_bytes(ip) as f64),
            by_cause_bytes_per_second: wire_bytes_by_cause(&sent, ip)
                .filter(|&(_, bytes)| bytes != 0)
                .map(|(cause, bytes)| (cause.to_owned(), rate(bytes as f64)))
                .collect(),
            nodes_up: sample.nodes_up,
            links_up: sample.links_up,
            known_pairs: sample.known_pairs,
            lag_p99_us: sample.lag_p99_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64) -> Sample {
        let at = Duration::from_secs(second);
        Sample {
            at,
            wall: at / 10,
            phase: "measure",
            sent: Ledger { packets: second * 2, ..Ledger::default() },
            nodes_up: 3,
            links_up: 3,
            known_pairs: 9,
            lag_p99_us: second,
        }
    }

    #[test]
    fn rates_are_what_was_sent_between_two_samples() {
        let mut series = Series::default();
        [1, 2, 4].into_iter().for_each(|second| series.look(sample(second)));
        series.measure_from(Duration::from_secs(1));
        let spans = series.spans();
        // A packet without content is 28 bytes of headers.
        assert!(spans.iter().all(|span| span.wire_bytes_per_second == 56.0));
        for span in &spans {
            let sum: f64 = span.by_cause_bytes_per_second.iter().map(|(_, rate)| rate).sum();
            assert_eq!(sum, span.wire_bytes_per_second);
        }
        assert_eq!((spans[2].time_seconds, spans[2].wall_seconds, spans[2].lag_p99_us), (3.0, 0.4, 4));
    }

    #[test]
    fn a_long_series_stays_within_its_bound_and_evenly_apart() {
        let mut series = Series::default();
        (1..=10_000).for_each(|second| series.look(sample(second)));
        let spans = series.spans();
        assert!((SAMPLES_MAX / 2..SAMPLES_MAX).contains(&spans.len()), "{}", spans.len());
        assert!(spans.windows(2).all(|two| two[1].run_seconds - two[0].run_seconds == 16.0));
        assert!(spans.iter().all(|span| span.lag_p99_us == span.run_seconds as u64 && span.nodes_up == 3));
    }
}
