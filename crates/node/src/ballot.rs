//! What nodes say to have a leader and to agree on values.

use rumormill_protocol::{NodeId, Value};

use crate::echo::Tally;

/// A wave of a leader, or of one that wants to be it; or the echo to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Which wave.
    pub claim: Claim,
    /// What is said.
    pub said: ClaimSaid,
}

/// Names a wave: waves of one node and term are numbered. Number 0 asks for votes; later ones say that the node reigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The number of the reign.
    pub term: u64,
    /// The wave's number in it.
    pub epoch: u64,
    /// Whose wave it is.
    pub by: NodeId,
}

/// What is said about a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimSaid {
    /// Grant it and pass it on.
    Wave {
        /// How many may vote, as far as its node knows.
        electorate: u32,
    },
    /// It was granted by so many, the sender and those who had it from the sender.
    Echo(Votes),
}

/// Votes of some nodes for a wave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// How many grant it.
    pub count: u32,
    /// The greatest term that any of them knows of, those that do not grant it among them.
    pub term: u64,
}

impl Tally for Votes {
    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.term = self.term.max(other.term);
    }
}

/// What is said about a value to agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What is to be agreed on.
    pub slot: u64,
    /// In which turn of which node.
    pub turn: Turn,
    /// What is said.
    pub said: ProposalSaid,
}

/// A numbered attempt of one node to settle a slot (Paxos: a ballot). The greater outranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Counted from 1 in each slot.
    pub number: u64,
    /// Whose attempt it is.
    pub by: NodeId,
}

impl Turn {
    /// Before all others.
    pub const NONE: Self = Self { number: 0, by: NodeId(0) };
}

/// What is said in a [`Turn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposalSaid {
    /// Take part in no earlier turn any more, say what you accepted, and pass this on (phase 1a).
    Prepare {
        /// How many may vote, as far as the turn's node knows.
        electorate: u32,
    },
    /// Accept this value, unless you take part in a later turn, and pass this on (phase 2a).
    Accept(Value),
    /// So many promised or accepted: the sender and those who had it from the sender (phases 1b and 2b).
    Echo {
        /// Whether it is the echo of [`Self::Accept`].
        accept: bool,
        /// What they say.
        tally: Pledges,
    },
    /// This value was agreed on.
    Settled(Value),
}

/// What some nodes say in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pledges {
    /// How many promise or accept.
    pub count: u32,
    /// The greatest turn's number that any of them knows of, those that refuse among them.
    pub number: u64,
    /// The value accepted in the latest turn, of those that any of them accepted.
    pub accepted: Option<(Turn, Value)>,
}

impl Tally for Pledges {
    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.number = self.number.max(other.number);
        let turn = |pledges: &Self| pledges.accepted.as_ref().map(|(turn, _)| *turn);
        if turn(other) > turn(self) {
            self.accepted.clone_from(&other.accepted);
        }
    }
}
