use std::time::Duration;

use rumormill_measure::IpVersion;
use rumormill_protocol::Time;

/// What may wait to leave, whichever is more.
const QUEUE_MAX: Duration = Duration::from_secs(1);
const QUEUE_BYTES_MAX: u64 = 256 * 1024;

/// A sender's line: packets leave it one after the other.
#[derive(Debug)]
pub(super) struct Line {
    bits_per_second: u64,
    ip: IpVersion,
    /// When the last packet will have left.
    free: Time,
}

impl Line {
    pub(super) fn new(bits_per_second: u64, ip: IpVersion) -> Self {
        Self { bits_per_second: bits_per_second.max(1), ip, free: Time::ZERO }
    }

    /// When a packet of this many bytes of UDP payload will have left; nothing when there is no room for it.
    pub(super) fn pass(&mut self, now: Time, bytes: usize) -> Option<Time> {
        let done = self.free.max(now) + self.takes(bytes as u64 + self.ip.header_bytes());
        if done - now > QUEUE_MAX.max(self.takes(QUEUE_BYTES_MAX)) {
            return None;
        }
        self.free = done;
        Some(done)
    }

    fn takes(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(self.bits_per_second);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
