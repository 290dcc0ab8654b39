use std::net::SocketAddr;

use crate::{Command, LinkEvent, NodeId, Output, Time, View, Wire};

/// A gossip protocol as a state machine without I/O, clock or global randomness.
///
/// # Driving it
/// Methods sort into `handle_*` (something happened), `poll_*` (what the node wants) and [`view`](Self::view)
/// (read only). After **every** `handle_*` call, or several of one instant, the world calls
/// [`poll_output`](Self::poll_output) until it returns `None`, and then sleeps until
/// [`poll_timeout`](Self::poll_timeout) or the next input, whichever comes first. A timeout may be delivered late
/// and never early; a node catches up by itself.
///
/// All messages to one peer that come out of one such drain leave together, in one flush of its connection.
///
/// # Determinism
/// Two nodes built alike and given the same calls in the same order with the same times return the same outputs.
/// A node therefore never iterates over a map whose order is not fixed, and takes all chance from [`Start::seed`].
///
/// # Trust
/// Messages come from authenticated peers, which may still be wrong: whatever is in them may be dropped and
/// must not panic, nor let a table grow beyond its stated bound.
pub trait Protocol: Sized {
    /// Settings, the same for all nodes of a variant.
    type Config: Clone + Send + Sync + 'static;
    /// What nodes tell each other.
    type Message: Wire + Clone + Send;

    /// A node that has not started: it stays silent until [`Command::Warm`] or [`Command::Join`].
    fn new(config: &Self::Config, start: &Start, now: Time) -> Self;

    /// A message arrived.
    fn handle_message(&mut self, now: Time, from: NodeId, message: Self::Message);

    /// A connection came up or went away.
    fn handle_link(&mut self, now: Time, peer: NodeId, link: LinkEvent);

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Time);

    /// The world asks something of the node.
    fn handle_command(&mut self, now: Time, command: Command);

    /// From now on what the node sends is held up, or no longer; what was said meanwhile leaves in its order. Nothing
    /// arrives meanwhile either. A node that knows stands still as far as a process does whose writes block.
    fn handle_blocked(&mut self, _now: Time, _blocked: bool) {}

    /// The next thing the node wants done, if any.
    fn poll_output(&mut self) -> Option<Output<Self::Message>>;

    /// When the node next wants [`handle_timeout`](Self::handle_timeout), on its own clock.
    fn poll_timeout(&self) -> Option<Time>;

    /// What the node believes, for the recorder's final truth.
    fn view(&self) -> &dyn View;
}

/// What makes a node this node.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Its number.
    pub me: NodeId,
    /// Where others reach it.
    pub address: SocketAddr,
    /// How often this id was started before: a later life outranks an earlier one.
    pub generation: u32,
    /// The source of all its chance.
    pub seed: u64,
}
