//! The vocabulary that every gossip protocol, world and measurement of rumormill shares.
//!
//! Read [`Protocol`] first: a protocol is a state machine without I/O, clock or global randomness, and its
//! documentation states how a world drives it. [`Wire`] is the other half: what its messages cost as bytes.

mod cause;
mod command;
mod event;
mod id;
mod node_set;
mod output;
mod protocol;
mod random;
mod time;
mod view;
mod wire;

pub use cause::Cause;
pub use command::{
    Command, Contact, Entry, Key, MAX_KEY_BYTES, MAX_PROPOSAL_BYTES, MAX_VALUE_BYTES, SHARED_KEY_PREFIX, Tag,
    Value, WarmBoot, is_shared,
};
pub use event::{Dot, Event, Refusal};
pub use id::{NodeId, WIRE_ID_BYTES, mix, rank};
pub use node_set::NodeSet;
pub use output::{Channel, LinkEvent, Output};
pub use protocol::{Protocol, Start};
pub use random::{Purpose, Random, generator, stream};
pub use time::Time;
pub use view::{Status, View};
pub use wire::{
    DecodeError, MAX_MESSAGE_BYTES, Reader, Sizes, Wire, put_address, put_bytes, put_varint, varint_len,
};
