//! A cluster of real QUIC nodes in this process: sockets, identities, shards.
//!
//! Read [`LocalCluster`] first. What a node does with its connections is decided in `rumormill-link`; here are the
//! sockets, clocks and threads around it.

mod cluster;
mod desk;
mod hosts;
mod identity;
mod kernel;
mod node;
mod port;
mod shard;
mod socket;
mod spec;

pub use cluster::LocalCluster;
pub use identity::{ALPN, Authority, Credentials, IdentityError, identify};
pub use spec::LocalSpec;
