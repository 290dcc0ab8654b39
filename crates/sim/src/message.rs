//! Message fidelity: each message, or what leaves together for one peer, is one event; what QUIC makes of it is
//! modelled.

mod cost;
mod end;
mod host;
mod parcel;
mod sending;

pub use host::{MessageHost, MessageMold, Terms};
pub use parcel::Parcel;
