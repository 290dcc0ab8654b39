//! Who nodes are under QUIC: keys, certificates, handshakes.
//!
//! [`real`] is TLS 1.3 with a certificate for every node, what deployed nodes have. [`null`] is its stand-in for
//! virtual time: the same bytes on the wire, in the same packets, without their meaning. Both make [`Credentials`],
//! and bring a function that reads who is at the other end of a connection.

mod credentials;
pub mod null;
pub mod real;

pub use credentials::Credentials;
