use rumormill_protocol::Status;

/// What is said of a member: its incarnation and status in one number whose order is SWIM's order of precedence
/// (DSN 2002, section 4.2): a higher incarnation wins; of one incarnation, left over dead over suspect over alive.
/// Merging two opinions is therefore taking the larger, which commutes and is idempotent.
///
/// The number 0 means that the member is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Standing(u32);

/// Restarts of one id leave this many incarnations to each life for refuting suspicions.
const INCARNATIONS_PER_LIFE: u32 = 1 << 12;

const LAST_INCARNATION: u32 = u32::MAX >> 2;

impl Standing {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self(0);

    /// Alive in an incarnation, counted from 1. Beyond the last, of 30 bits, it stays the last: only a forged opinion
    /// gets there, and cannot be refuted.
    pub const fn alive(incarnation: u32) -> Self {
        Self(if incarnation > LAST_INCARNATION { LAST_INCARNATION } else { incarnation } << 2)
    }

    /// Alive at the start of the `generation`-th life of an id, counted from 0.
    pub const fn first_of_life(generation: u32) -> Self {
        Self::alive(generation.wrapping_mul(INCARNATIONS_PER_LIFE).wrapping_add(1))
    }

    /// From the number on the wire.
    pub const fn from_wire(number: u32) -> Self {
        Self(number)
    }

    /// The number on the wire.
    pub const fn to_wire(self) -> u32 {
        self.0
    }

    /// The member's own count of the suspicions it refuted.
    pub const fn incarnation(self) -> u32 {
        self.0 >> 2
    }

    /// Which life of the id that is, counted from 0.
    pub const fn life(self) -> u32 {
        self.incarnation().saturating_sub(1) / INCARNATIONS_PER_LIFE
    }

    /// The same incarnation with another status.
    #[must_use]
    pub const fn with(self, status: Status) -> Self {
        let rank = match status {
            Status::Unknown => return Self::UNKNOWN,
            Status::Alive => 0,
            Status::Suspect => 1,
            Status::Dead => 2,
            Status::Left => 3,
        };
        Self((self.0 & !3) | rank)
    }

    /// What is said.
    pub const fn status(self) -> Status {
        match self.0 {
            0 => Status::Unknown,
            number => match number & 3 {
                0 => Status::Alive,
                1 => Status::Suspect,
                2 => Status::Dead,
                _ => Status::Left,
            },
        }
    }

    /// Whether the member counts as part of the cluster: alive or only suspected.
    pub const fn is_member(self) -> bool {
        matches!(self.status(), Status::Alive | Status::Suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_swims() {
        let alive = |incarnation| Standing::alive(incarnation);
        let suspect = |incarnation| alive(incarnation).with(Status::Suspect);
        let dead = |incarnation| alive(incarnation).with(Status::Dead);
        assert!(suspect(1) > alive(1), "a suspicion overrides alive of its own incarnation");
        assert!(alive(2) > suspect(1), "a refutation overrides the suspicion");
        assert!(suspect(2) > alive(1));
        assert!(dead(1) > suspect(1) && dead(1) > alive(1));
        assert!(alive(2) > dead(1), "a node that was wrongly declared dead comes back");
        assert!(dead(1).with(Status::Left) > dead(1));
        assert!(Standing::first_of_life(1) > Standing::first_of_life(0).with(Status::Left));
        assert_eq!([0, 1, 7].map(|life| Standing::first_of_life(life).life()), [0, 1, 7]);
        assert_eq!(Standing::alive(Standing::first_of_life(3).incarnation() + 9).life(), 3);
        assert_eq!(Standing::UNKNOWN.status(), Status::Unknown);
        assert!(Standing::first_of_life(0) > Standing::UNKNOWN);
        assert_eq!(Standing::alive(u32::MAX).status(), Status::Alive);
    }
}
