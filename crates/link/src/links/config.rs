use std::time::Duration;

use rumormill_protocol::mix;

/// The bounds and times of the connection policy.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Connections of one host, handshakes and closing ones included; more are refused, and not dialled.
    pub connections: usize,
    /// Handshakes dialled at once.
    pub dials_at_once: usize,
    /// After which a dial is given up.
    pub dial_timeout: Duration,
    /// Before the first dial again of a peer that the protocol wants, on average; doubles with each failure.
    pub back_off_min: Duration,
    /// The longest such wait. A connection that stood this long starts the count anew.
    pub back_off_max: Duration,
    /// Connections kept that the protocol did not ask to hold; the least recently used give way, once no message
    /// passed for `settled`.
    pub unpinned: usize,
    /// Within this after a message a connection is in use, however many others there are: a crowd that joins through
    /// one node gets its answers.
    pub settled: Duration,
    /// After which such a connection is closed when no message passed. Longer than the pauses of a protocol in
    /// which only one end asks to hold a connection, or the other end closes it.
    pub linger: Duration,
    /// Messages that wait for one connection; the oldest give way.
    pub waiting_messages: usize,
    /// Their bytes; a single message may be longer.
    pub waiting_bytes: usize,
    /// Peers that are dialled, waited for or connected at once; beyond them dials fail and messages are dropped.
    pub peers: usize,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            connections: 256,
            dials_at_once: 4,
            dial_timeout: Duration::from_secs(3),
            back_off_min: Duration::from_secs(1),
            back_off_max: Duration::from_secs(32),
            unpinned: 32,
            settled: Duration::from_secs(1),
            linger: Duration::from_secs(20),
            waiting_messages: 16,
            waiting_bytes: 256 * 1024,
            peers: 4_096,
        }
    }
}

impl LinkConfig {
    /// The wait of one pair of nodes after this many failures before: half of it to one and a half, so that a crowd that
    /// was refused together does not come back together.
    pub(super) fn back_off(&self, failures: u32, pair: u64) -> Duration {
        let wait = self
            .back_off_min
            .saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX))
            .min(self.back_off_max);
        let chance = mix(mix(pair) ^ u64::from(failures)) as f64 / u64::MAX as f64;
        wait.mul_f64(0.5 + chance)
    }
}
