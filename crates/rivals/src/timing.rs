use std::time::Duration;

/// When members are checked, suspected and taken for dead.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// How often each member is checked.
    pub protocol_period: Duration,
    /// How long an answer may take; at most `protocol_period` counts.
    pub probe_timeout: Duration,
    /// A suspicion lasts `suspicion_mult` · max(1, log10 n) · `protocol_period` before the member counts as dead.
    pub suspicion_mult: f64,
}

impl Default for Timing {
    /// The gossip node's own values: memberlist's for a LAN.
    fn default() -> Self {
        Self {
            protocol_period: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            suspicion_mult: 4.0,
        }
    }
}

impl Timing {
    /// How long a suspicion lasts among `members` before it becomes a death.
    pub fn suspicion_timeout(&self, members: usize) -> Duration {
        let scale = (members.max(1) as f64).log10().max(1.0);
        self.protocol_period.mul_f64(self.suspicion_mult * scale)
    }

    /// How long an answer is waited for: one period's is settled before the next begins.
    pub(crate) fn patience(&self) -> Duration {
        self.probe_timeout.min(self.protocol_period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicions_last_as_long_as_those_of_the_gossip_node() {
        let timing = Timing::default();
        assert_eq!(timing.suspicion_timeout(3), Duration::from_secs(4));
        assert_eq!(timing.suspicion_timeout(100), Duration::from_secs(8));
        assert_eq!(timing.suspicion_timeout(10_000), Duration::from_secs(16));
    }
}
