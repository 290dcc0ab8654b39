//! What a gossip node's QUIC connections do in every world: dialling, framing, transport settings, accounting,
//! without I/O.
//!
//! Read [`Host`] first: a protocol and its QUIC endpoint as one state machine, driven by sockets or by a
//! simulator. [`Links`] is the other half: when a connection is dialled, kept and closed, whatever carries it.
//! [`Conditions`] is the modelled network between the hosts: latency, loss, faults; [`Egress`] carries packets
//! through it.

mod account;
mod clock;
mod connection;
mod directory;
mod frame;
mod host;
mod links;
mod name;
mod network;
mod pace;
mod table;
mod transport;
mod waiting;

pub use directory::{Directory, MAX_ADDRESSES};
pub use frame::{FrameReader, Oversized, frame};
pub use host::{Host, HostConfig, Identify, Transmit};
pub use links::{Action, CloseReason, LinkConfig, Links};
pub use name::{node_named, server_name};
pub use network::{Conditions, Egress, Fate, NetworkConfig, PACKETS_UNDER_WAY_MAX};
pub use pace::NodeClock;
pub use transport::{MAX_PACKET_BYTES, transport};

/// How the network marked a packet.
pub use quinn_proto::EcnCodepoint;
