use rumormill_protocol::NodeId;

/// A connection, named by its dialler and the dialler's own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) dialler: NodeId,
    /// The dialler's life and its count of dials, so that no two connections have one name.
    pub(super) serial: u64,
}

/// What travels between two hosts at once: one packet, or several where its messages need them.
#[derive(Clone, Debug)]
pub struct Parcel<M> {
    pub(super) name: Name,
    pub(super) content: Content<M>,
}

#[derive(Clone, Debug)]
pub(super) enum Content<M> {
    /// The dialler's first packet.
    Hello,
    /// The acceptor takes the connection.
    Welcome,
    /// The acceptor does not take it.
    Refusal,
    /// Messages of an established connection; none where the dialler only proves who it is.
    Data {
        /// The sender's count of these, by which second copies are known.
        number: u32,
        /// How many QUIC packets it took.
        packets: u32,
        /// How many of the messages are datagrams; they come first.
        datagrams: u32,
        /// The place of the others in the stream: the sender's count of such parcels.
        sequence: u32,
        messages: Vec<M>,
    },
    /// The sender has closed the connection.
    Close,
    /// The sender does not know the connection.
    Unknown,
}
