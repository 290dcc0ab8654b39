use std::net::SocketAddr;

use rumormill_protocol::{Entry, NodeId};

use crate::{config::Compression, parts::Part, standing::Standing};

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
    /// Membership news alone.
    News(Vec<Record>),
    /// What two nodes compare first on a new connection.
    Meet(Meet),
    /// A part of the membership table, where two tables differ: opinions of the members numbered from `first`,
    /// which both ends know by roster, and records of others.
    Members {
        /// The number of the first member of `dense`.
        first: u32,
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
    /// A part of the whole state.
    FullState(Part),
}

/// An opinion of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub member: NodeId,
    /// What is said.
    pub standing: Standing,
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

/// The versions of a range of writers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The first writer of the range.
    pub first: u32,
    /// The writer after the last of the range.
    pub end: u32,
    /// Writers and the versions up to which the sender has their writes, ascending by writer.
    pub versions: Vec<(NodeId, u64)>,
}
