//! A cluster of real QUIC nodes in this process: sockets, kernel, shards.
//!
//! Read [`LocalCluster`] first. What a node does with its connections is decided in `rumormill-link`, who
//! it is in `rumormill-crypto`; here are the sockets, clocks and threads around it.

mod berths;
mod cluster;
mod desk;
mod hosts;
mod kernel;
mod node;
mod port;
mod shard;
mod socket;
mod spec;

pub use berths::Berths;
pub use cluster::{LocalCluster, Share};
pub use socket::{BUFFER_BYTES, addresses};
pub use spec::LocalSpec;
