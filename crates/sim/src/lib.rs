//! A cluster of gossip nodes in virtual time: a deterministic discrete-event simulator.
//!
//! Read [`SimCluster`] first, then [`Machine`], which is what it drives: a node with whatever carries its messages.
//! [`MessageHost`] passes messages on as they are and models what QUIC would make of them; [`QuicHost`] is the real
//! nodes' own host, on simulated packets.
//!
//! The same seed and settings give the same run, bit for bit, on any number of shards: everything that is due is
//! ordered by its time, its node and who caused it (`wheel`), a node's chance is its own, and shards work through
//! windows that no packet crosses (`windows`). `fingerprint` says in a number what happened.

mod blocked;
mod cluster;
mod fingerprint;
mod machine;
mod message;
mod node;
mod quic;
mod shard;
mod wheel;
mod windows;

pub use cluster::{NODES_MAX, SimCluster, address, node_at};
pub use machine::{Machine, Outbox, Undelivered};
pub use message::{MessageHost, MessageMold, Parcel, Terms};
pub use quic::{QuicHost, QuicMold};
