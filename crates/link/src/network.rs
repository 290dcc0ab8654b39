//! The modelled network: what the packets of one sender meet on their way. All worlds use the same model.

use std::time::Duration;

use rumormill_measure::IpVersion;

mod conditions;
mod egress;
mod line;
mod loss;
#[cfg(test)]
mod tests;

pub use conditions::{Conditions, Fate};
pub use egress::{Egress, PACKETS_UNDER_WAY_MAX};

/// The conditions that every packet meets. The default is a perfect network: nothing is late and nothing is lost.
///
/// A packet passes the sender's line (`rate`), then may be lost (`loss`, `burst`), and what is left arrives after
/// `latency` and a share of `jitter`. Packets of one sender to one destination arrive in the order in which they
/// were sent, but for those that `reorder` holds back.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    /// The version of IP that packets go by.
    pub ip: IpVersion,
    /// The shortest time under way.
    pub latency: Duration,
    /// Up to this much more, uniformly.
    pub jitter: Duration,
    /// The share of packets that is lost in the long run, from 0 to 1.
    pub loss: f64,
    /// How many packets of one sender, whatever their destinations, are lost in a row on average. Independent losses
    /// come in rows of 1 / (1 − `loss`); nothing less than that makes a difference.
    pub burst: f64,
    /// Bits a second, at least 1, at which a sender's packets leave it, each with the headers of its version of IP. Of what
    /// waits to leave, a second's worth or 256 KiB, whichever is more, has room; what comes on top is lost.
    pub rate_bits_per_second: Option<u64>,
    /// The probability that a packet takes one more `latency` and share of `jitter`, but at least 1 ms, while others
    /// may overtake it.
    pub reorder: f64,
    /// The probability that a packet arrives twice.
    pub duplicate: f64,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            ip: IpVersion::V4,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: 1.0,
            rate_bits_per_second: None,
            reorder: 0.0,
            duplicate: 0.0,
        }
    }
}

impl NetworkConfig {
    /// Whether packets pass as if there were no model.
    pub fn is_perfect(&self) -> bool {
        // The length of bursts means nothing where nothing is lost, and that of headers where nothing limits the rate.
        *self == Self { burst: self.burst, ip: self.ip, ..Self::default() }
    }
}
