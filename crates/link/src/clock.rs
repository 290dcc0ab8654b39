use std::time::{Duration, Instant};

use rumormill_protocol::Time;

/// Between the run's time and the instants that QUIC wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) const fn new(epoch: Instant) -> Self {
        Self { epoch }
    }

    pub(crate) fn instant(self, time: Time) -> Instant {
        self.epoch + Duration::from_nanos(time.nanos())
    }

    pub(crate) fn time(self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.epoch)
    }
}
