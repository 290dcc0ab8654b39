//! Baselines: what failure detection and replication cost without gossip, on the same trait as the gossip node.
//!
//! Read [`AllToAll`] and [`Central`] first: each says how it works, after which time it notices what, and what it
//! cannot do. Both are as simple as such a thing can honestly be. They compress nothing, since their messages are
//! short or carry single writes, so that the compressed size of a message is its payload; and they name members by 16
//! bytes wherever they name one.

mod all_to_all;
mod central;
mod codec;
mod core;
mod deadlines;
mod outbox;
mod roster;
mod timing;
mod writes;

pub use all_to_all::{AllToAll, Message as AllToAllMessage};
pub use central::{Central, CentralConfig, Message as CentralMessage};
pub use timing::Timing;
