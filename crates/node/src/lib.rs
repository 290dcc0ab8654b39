//! rumormill's own gossip node: membership, failure detection, versioned state and its dissemination, without I/O.
//!
//! Read [`Node`] first, then [`Config`]. A node is a table of small parts: `membership` and `standing` (who is thought
//! to be what), `rings` and `partners` (the overlay), `probe`, `suspicion` and `detect` (SWIM's failure detector),
//! `heartbeat` and `phi` (the other one, by counters and their silence),
//! `lifeguard` (whether the fault is one's own),
//! `news` (membership dissemination), `graves` (finding those again that were only cut off), `tour` (peers without an
//! overlay), `agreement` (what news missed), `store`, `log` and `sync` (state and who lacks what of it), `rumors` (what
//! strangers are told), `reconcile` and `sketch` (how two find out what differs), `exchange` (state by digests alone),
//! `tree`, `shaper` and `wants` (writes announced before they are sent), `message` and `codec` (the wire), `election` (a
//! leader) and `consensus` (agreed values), both by waves and their `echo`, in words of `ballot`.
//!
//! Thousands of nodes fit in a process since what each would compute alike is there once: `base` (what a warm boot
//! says), `commons` (who shares it), `table` (opinions as exceptions from it), `places` (the rings in order),
//! `writer_log`, `snapshot` and `parts` (state that is shared and not copied), `codec/sizes` (bytes counted and not
//! written).

mod addresses;
mod agreement;
mod allowance;
mod ballot;
mod base;
mod by_number;
mod codec;
mod commons;
mod config;
mod consensus;
mod detect;
mod echo;
mod election;
mod exchange;
mod graves;
mod heartbeat;
mod lifeguard;
mod log;
mod member_map;
mod membership;
mod message;
mod mix;
mod news;
mod node;
mod partners;
mod parts;
mod peer_map;
mod phi;
mod places;
mod portions;
mod probe;
mod reconcile;
mod rings;
mod rumors;
mod shaper;
mod siblings;
mod sketch;
mod snapshot;
mod spread;
mod standing;
mod stated;
mod store;
mod suspicion;
mod sweep;
mod sync;
mod table;
mod timers;
mod tour;
mod tree;
mod wants;
mod writer_log;
mod writing;

pub use ballot::{Ballot, Claim, ClaimSaid, Pledges, Proposal, ProposalSaid, Turn, Votes};
pub use commons::Commons;
pub use config::{
    Compression, Config, Detector, DigestForm, Dissemination, ElectionMode, Peers, Silence, StateTransfer,
};
pub use lifeguard::Lifeguard;
pub use message::{
    Ask, Beat, Body, Check, Digest, Heartbeats, Meet, Message, Names, Record, Scope, Sketch, SketchHead,
    Versions,
};
pub use node::Node;
pub use parts::Part;
pub use phi::Phi;
pub use standing::Standing;
pub use stated::Stated;
