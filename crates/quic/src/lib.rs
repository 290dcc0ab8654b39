//! A cluster of real QUIC nodes in this process: sockets, identities, shards.
//!
//! Read [`LocalCluster`] first. What a node does with its connections is decided in `rumormill-link`; here are the
//! sockets, clocks and threads around it.

mod cluster;
mod identity;
mod kernel;
mod node;
mod shard;
mod socket;

pub use cluster::{LocalCluster, LocalSpec};
pub use identity::{ALPN, Authority, Credentials, IdentityError, identify};
pub use socket::Buffers;
