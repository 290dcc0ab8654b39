//! A cluster of real QUIC nodes in this process: sockets, kernel, shards.
//!
//! Read [`LocalCluster`] first. What a node does with its connections is decided in `rumormill-link`, who
//! it is in `rumormill-crypto`; here are the sockets, clocks and threads around it.

mod cluster;
mod desk;
mod hosts;
mod kernel;
mod node;
mod port;
mod shard;
mod socket;
mod spec;

pub use cluster::LocalCluster;
pub use spec::LocalSpec;
