use std::time::Duration;

use rumormill_protocol::{NodeId, Time};

use crate::machine::Sent;

/// Packets that wait for a node that is paused or blocked; later ones are lost. A real socket's buffer has room for
/// fewer.
pub(crate) const PACKETS_HELD_MAX: usize = 65_536;

/// What waits at a node that is blocked.
pub(crate) struct Blocked<P> {
    /// What arrived, and from whom.
    pub(crate) arrived: Vec<(NodeId, P)>,
    /// What was sent.
    pub(crate) outgoing: Outgoing<P>,
}

/// What was sent by a node that is blocked, in order, and how long each is under way.
pub(crate) struct Outgoing<P>(Vec<(Duration, Sent<P>)>);

impl<P> Blocked<P> {
    pub(crate) const fn new() -> Self {
        Self { arrived: Vec::new(), outgoing: Outgoing(Vec::new()) }
    }

    /// Something arrived; it is lost where there is no room.
    pub(crate) fn arrive(&mut self, from: NodeId, packet: P) {
        if self.arrived.len() < PACKETS_HELD_MAX {
            self.arrived.push((from, packet));
        }
    }
}

impl<P> Outgoing<P> {
    pub(crate) const fn has_room(&self) -> bool {
        self.0.len() < PACKETS_HELD_MAX
    }

    /// Holds up a packet that would have left at `now`.
    pub(crate) fn hold(&mut self, now: Time, sent: Sent<P>) {
        self.0.push((sent.arrival - now, sent));
    }

    /// All of them leave at `now`.
    pub(crate) fn leave(self, now: Time) -> impl Iterator<Item = Sent<P>> {
        self.0.into_iter().map(move |(travel, sent)| Sent { arrival: now + travel, ..sent })
    }
}
