/// Why a message was sent: the ledger splits bytes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cause {
    /// A direct liveness probe.
    Probe,
    /// The answer to a probe.
    Ack,
    /// A request to probe on one's behalf, and the probe and answer it brings about.
    Indirect,
    /// Membership news that no probe or answer had room for.
    News,
    /// What two nodes tell each other first on a new connection.
    Meet,
    /// The membership table, sent where two nodes meet and disagree.
    Members,
    /// State versions, sent where two nodes meet and disagree.
    Digest,
    /// State that the partner lacks.
    Delta,
    /// Which writes a node has, said without their values, and what is asked for then.
    Announce,
    /// A request for what this node lacks.
    Pull,
    /// The whole state, whatever the partner has.
    FullState,
    /// A try to reach a member that counts as dead, which may have been cut off only.
    Reconnect,
    /// A goodbye.
    Leave,
    /// Heartbeat counters of members.
    Heartbeat,
    /// What it takes to have a leader.
    Election,
    /// What it takes to agree on a value.
    Consensus,
    /// Anything else a protocol says.
    Other,
}

impl Cause {
    /// Every cause, in the order of its index.
    pub const ALL: [Self; 17] = [
        Self::Probe,
        Self::Ack,
        Self::Indirect,
        Self::News,
        Self::Meet,
        Self::Members,
        Self::Digest,
        Self::Delta,
        Self::Announce,
        Self::Pull,
        Self::FullState,
        Self::Reconnect,
        Self::Leave,
        Self::Heartbeat,
        Self::Election,
        Self::Consensus,
        Self::Other,
    ];

    /// This cause's place in [`Cause::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name that results carry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Ack => "ack",
            Self::Indirect => "indirect",
            Self::News => "news",
            Self::Meet => "meet",
            Self::Members => "members",
            Self::Digest => "digest",
            Self::Delta => "delta",
            Self::Announce => "announce",
            Self::Pull => "pull",
            Self::FullState => "full-state",
            Self::Reconnect => "reconnect",
            Self::Leave => "leave",
            Self::Heartbeat => "heartbeat",
            Self::Election => "election",
            Self::Consensus => "consensus",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_cause_is_its_place_in_the_list() {
        for (place, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), place);
        }
    }
}
