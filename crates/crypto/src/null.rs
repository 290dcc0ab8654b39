//! A stand-in for [`real`](crate::real) in virtual time: handshakes and packets of exactly the same bytes, at a
//! fraction of the work and memory, and without any secrecy.
//!
//! What QUIC does depends on the lengths of what it carries, never on what the bytes mean. So a handshake here says
//! the little that the other end must know — who speaks, and its transport parameters — and pads it to the length
//! that TLS would take; a packet's body travels as it is, with a check value where its tag would be, so that one
//! under another key, cut, or changed is still noticed. Nothing is random: the same inputs make the same bytes.
//!
//! There is no resumption and no retry, as with [`real`](crate::real).

mod flight;
mod keys;
mod session;
mod tokens;

use std::sync::Arc;

use quinn_proto::{EndpointConfig, ServerConfig};
use rumormill_protocol::NodeId;

use crate::Credentials;
use session::Identity;
use tokens::{ResetKey, TokenKey};

/// Whose cryptography is under QUIC: nobody's.
pub const CRYPTO_PROVIDER: &str = "null";

/// What a node claims to be.
pub fn credentials(node: NodeId) -> Credentials {
    let identity = Arc::new(Identity(node));
    Credentials { server: ServerConfig::new(identity.clone(), Arc::new(TokenKey)), client: identity }
}

/// The settings of the nodes' endpoints, with the key of their stateless resets: that of all nodes in all their
/// lives, so that a restarted node can reset what its earlier life had.
pub fn endpoint_config() -> EndpointConfig {
    EndpointConfig::new(Arc::new(ResetKey))
}

/// The node that a connection's peer claims to be, once it has said so.
pub fn identify(connection: &quinn_proto::Connection) -> Option<NodeId> {
    let identity = connection.crypto_session().peer_identity()?;
    identity.downcast::<NodeId>().ok().map(|node| *node)
}
