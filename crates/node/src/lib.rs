//! rumormill's own gossip node: membership, failure detection, versioned state and its dissemination, without I/O.
//!
//! Read [`Node`] first, then [`Config`]. A node is a table of small parts: `membership` and `standing` (who is thought
//! to be what), `rings` and `partners` (the overlay), `probe`, `suspicion` and `detect` (SWIM's failure detector),
//! `news` (membership dissemination), `graves` (finding those again that were only cut off), `tour` (peers without an
//! overlay), `agreement` (what news missed), `store`, `log` and `sync` (state and who lacks what of it), `rumors` (what
//! strangers are told), `message` and `codec` (the wire).
//!
//! Thousands of nodes fit in a process since what each would compute alike is there once: `base` (what a warm boot
//! says), `commons` (who shares it), `table` (opinions as exceptions from it), `places` (the rings in order),
//! `writer_log`, `snapshot` and `parts` (state that is shared and not copied), `codec/sizes` (bytes counted and not
//! written).

mod agreement;
mod base;
mod codec;
mod commons;
mod config;
mod detect;
mod graves;
mod log;
mod membership;
mod message;
mod mix;
mod news;
mod node;
mod partners;
mod parts;
mod peer_map;
mod places;
mod probe;
mod rings;
mod rumors;
mod snapshot;
mod spread;
mod standing;
mod store;
mod suspicion;
mod sync;
mod table;
mod tour;
mod writer_log;

pub use commons::Commons;
pub use config::{Compression, Config, Dissemination, Peers, StateTransfer};
pub use message::{Body, Check, Digest, Meet, Message, Names, Record};
pub use node::Node;
pub use parts::Part;
pub use standing::Standing;
