use std::{net::SocketAddr, sync::Arc};

use rumormill_protocol::{Dot, Entry, NodeId};

use crate::{
    ballot::{Ballot, Proposal},
    config::Compression,
    parts::Part,
    standing::Standing,
    stated::Stated,
};

/// What nodes tell each other. Only `body` travels; the rest says how to write it down.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// How members are named.
    pub names: Names,
    /// Whether to compress.
    pub compression: Compression,
    /// What is said.
    pub body: Body,
}

/// How members are named on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// By 16-byte identity, always.
    Full,
    /// By index where the number is below this, since both ends hold the same roster of this length.
    Roster(u32),
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Are you there?
    Ping {
        /// Returned in the answer.
        seq: u16,
        /// Whether it repeats a question that got no answer; both then travel on the stream, which loses nothing.
        again: bool,
        /// What the sender holds, salted by `seq`.
        check: Check,
        /// Membership news that rides along.
        news: Vec<Record>,
    },
    /// Whoever you asked about is there.
    Ack {
        /// The question's number.
        seq: u16,
        /// Membership news that rides along.
        news: Vec<Record>,
    },
    /// Please probe `target` for me.
    PingRequest {
        /// Returned in the answer.
        seq: u16,
        /// Whom.
        target: NodeId,
        /// Membership news that rides along.
        news: Vec<Record>,
    },
    /// What is new? Answered with news and what the sender lacks, if anything.
    Pull {
        /// Salts the check.
        salt: u16,
        /// What the sender holds.
        check: Check,
    },
    /// You asked me to probe for you, and I got no answer (Lifeguard's nack).
    Nack {
        /// The question's number.
        seq: u16,
    },
    /// Membership news alone.
    News(Vec<Record>),
    /// What two nodes compare first on a new connection.
    Meet(Meet),
    /// A part of the membership table, where two tables differ: opinions of the members numbered from `first`,
    /// which both ends know by roster, and records of others.
    Members {
        /// The number of the first member of `dense`.
        first: u32,
        /// Whether further parts of the same table follow.
        more: bool,
        /// Opinions in the order of the numbers.
        dense: Vec<Standing>,
        /// Members outside the common roster.
        records: Vec<Record>,
    },
    /// I cannot tell what you lack: send me your digest.
    AskDigest,
    /// Versions of the writers numbered in `[first, end)`; those not named have none.
    Digest(Digest),
    /// Writes that the receiver lacks, in the order in which the sender applied them.
    Delta {
        /// Where the sender's log stands after these; nothing where more is to follow.
        upto: Option<u64>,
        /// The writes.
        entries: Vec<Entry>,
    },
    /// Writes that are passed on to whoever comes, in the order in which the sender applied them. The receiver may lack
    /// earlier ones.
    Rumors(Vec<Entry>),
    /// Writes that the sender has, ascending: whoever lacks one asks for it.
    Announce(Vec<Dot>),
    /// Send me what I lack of these writers.
    Graft {
        /// And from now on send me writes at once.
        eager: bool,
        /// Writers, and the versions up to which the sender has their writes.
        have: Vec<(NodeId, u64)>,
    },
    /// From now on announce writes before you send them.
    Prune,
    /// A part of the whole state.
    FullState(Part),
    /// Heartbeat counters.
    Heartbeats(Heartbeats),
    /// What it takes to have a leader.
    Ballot(Ballot),
    /// What it takes to agree on a value.
    Proposal(Proposal),
    /// I cannot tell what you lack: tell me in symbols of a sketch what you have, or in whole if that is short.
    Ask(Ask),
    /// Symbols of a sketch of the sender's versions.
    Sketch(Sketch),
    /// The versions of some writers.
    Versions(Versions),
}

impl Body {
    /// Whether it is a probe or its answer, and names no member: how members are named is then all the same.
    pub(crate) const fn names_nobody(&self) -> bool {
        match self {
            Self::Ping { news, .. } | Self::Ack { news, .. } => news.is_empty(),
            Self::Nack { .. } => true,
            _ => false,
        }
    }
}

/// An opinion of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub member: NodeId,
    /// What is said.
    pub standing: Standing,
    /// Of a suspicion: who raised or confirmed it, where that matters.
    pub accuser: Option<NodeId>,
    /// Where it listens, for members that are named in full and alive.
    pub address: Option<SocketAddr>,
}

/// What a node holds, in short: salted, so that different tables whose checks collide differ the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Of its membership table.
    pub members: u16,
    /// Of its writers' versions.
    pub state: u16,
}

/// What two nodes compare first on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meet {
    /// Whether this answers the receiver's Meet. An answer is never answered, so that two nodes that disagree on
    /// who began do not go on for ever.
    pub answer: bool,
    /// Whether the sender joins and knows nobody yet.
    pub joining: bool,
    /// Equal hashes: members may be named by index from here on.
    pub roster: u64,
    /// Equal hashes: both tables say the same.
    pub members: u64,
    /// Equal hashes: both have the same writes.
    pub state: u64,
    /// Names the sender's log: positions in it mean nothing in another life of the same id.
    pub life: u32,
    /// How far the sender has taken the receiver's log: its life and the position.
    pub resume: Option<(u32, u64)>,
}

/// What is asked of a peer about its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The first symbols of a sketch of all.
    Whole {
        /// Whether writers are named by a hash of their identities; else by index, where both ends hold one roster and
        /// the peer knows no writers besides.
        hashed: bool,
    },
    /// More symbols of it.
    More,
    /// The symbols of the lower halves of some of the 2^depth equal ranges of positions.
    Halves {
        /// As above.
        depth: u32,
        /// Which ranges, ascending.
        ranges: Vec<u32>,
    },
    /// The last so many writes of the writers at these positions; and that is all that the asker lacks.
    Writes(Vec<(u32, u64)>),
}

/// Symbols of a sketch of the sender's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// With the first symbols.
    pub head: Option<SketchHead>,
    /// The symbols, each of as many bits as a position.
    pub symbols: Vec<u8>,
}

/// How to read a sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SketchHead {
    /// Salts the hash of identities by which writers are named; nothing where they are named by index.
    pub salt: Option<u16>,
    /// A sum over all versions, to hold the outcome against.
    pub check: u32,
}

/// The versions of some writers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// What is said of the others.
    pub scope: Scope,
    /// Writers and the versions up to which the sender has their writes, ascending by writer: since the start, how many
    /// more than there.
    pub versions: Vec<(NodeId, u64)>,
}

/// What is said of writers that are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sender has of them what everyone of the common roster started with.
    SinceBase,
    /// Of those named the sender lacks writes. Of the others more may follow.
    Lacking,
    /// Of those named the sender lacks writes, and with that it has named all.
    LackingLast,
}

/// The versions of a range of writers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The first writer of the range.
    pub first: u32,
    /// The writer after the last of the range.
    pub end: u32,
    /// Writers and the versions up to which the sender has their writes, ascending by writer.
    pub versions: Stated,
}

/// The heartbeat counters that a node knows of the members numbered in `[first, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeats {
    /// The first member of the range.
    pub first: u32,
    /// The member after the last of the range.
    pub end: u32,
    /// Whether the receiver is to tell those that are higher there.
    pub asks: bool,
    /// Salts the check.
    pub salt: u16,
    /// What the sender holds.
    pub check: Check,
    /// Ascending by member.
    pub beats: Arc<[Beat]>,
}

/// How far a member has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Who.
    pub member: NodeId,
    /// In which life of its id.
    pub life: u32,
    /// Heartbeats in this life.
    pub counter: u32,
}
