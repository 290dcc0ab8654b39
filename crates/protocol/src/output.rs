use std::net::SocketAddr;

use crate::{Cause, Event, NodeId};

/// What a protocol wants done. See [`crate::Protocol`] for when the world collects it.
#[derive(Debug)]
pub enum Output<M> {
    /// Hold a connection to this peer until [`Output::Disconnect`]: dial it if there is none.
    Connect(NodeId),
    /// The connection to this peer is no longer wanted; the world may close it when it has been idle.
    Disconnect(NodeId),
    /// This node got from a peer all that it wanted: the connection is closed at once, unless it is to be held. What was
    /// not delivered yet is lost.
    Release(NodeId),
    /// A member was introduced with its address, so that it can be dialled from now on.
    Introduce {
        /// Who.
        id: NodeId,
        /// Where it listens.
        address: SocketAddr,
    },
    /// A message for a peer. Without a connection the world dials one first.
    Send {
        /// The receiver.
        to: NodeId,
        /// How it travels.
        channel: Channel,
        /// Why it is sent.
        cause: Cause,
        /// What is sent.
        message: M,
    },
    /// Something happened that measurements want to know.
    Event(Event),
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// At most once, unordered. One that is too large for a packet takes the stream instead.
    Datagram,
    /// In order, exactly once, while the connection stands. A connection that cannot keep up is closed rather
    /// than a message of it lost.
    Stream,
}

/// What became of the connection to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// A connection stands, whoever dialled it. Its stream starts empty.
    Up,
    /// The connection is gone, and with it whatever was not delivered.
    Down,
    /// The peer could not be reached; what waited for the connection is dropped.
    DialFailed,
}
