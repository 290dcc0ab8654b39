use std::{collections::VecDeque, time::Duration};

use rumormill_protocol::{NodeId, Time};

use crate::machine::Sent;

/// Packets that wait for a node that is paused or blocked; later ones are lost. A real socket's buffer has room for
/// fewer.
pub(crate) const PACKETS_HELD_MAX: usize = 65_536;

/// What waits at a node that is blocked, or that was released and has not yet read all that arrived meanwhile.
pub(crate) struct Blocked<P> {
    /// What arrived, and from whom.
    arrived: VecDeque<(NodeId, P)>,
    /// What was sent; nothing before it is held and once it was released.
    outgoing: Option<Outgoing<P>>,
    /// How long the node takes to read a packet.
    reading: Duration,
    /// When it will have read the next one.
    read_at: Time,
}

/// What was sent by a node that is blocked, in order, and how long each is under way.
pub(crate) struct Outgoing<P>(Vec<(Duration, Sent<P>)>);

impl<P> Default for Blocked<P> {
    fn default() -> Self {
        Self { arrived: VecDeque::new(), outgoing: None, reading: Duration::ZERO, read_at: Time::ZERO }
    }
}

impl<P> Blocked<P> {
    /// Something arrived; it is lost where there is no room.
    pub(crate) fn arrive(&mut self, from: NodeId, packet: P) {
        if self.arrived.len() < PACKETS_HELD_MAX {
            self.arrived.push_back((from, packet));
        }
    }

    /// From now on what is sent waits, and nothing is read.
    pub(crate) fn hold(&mut self, reading: Duration) {
        self.outgoing = Some(Outgoing(Vec::new()));
        self.reading = reading;
    }

    /// Where what is sent waits until it is released.
    pub(crate) const fn outgoing(&mut self) -> Option<&mut Outgoing<P>> {
        self.outgoing.as_mut()
    }

    /// Whether it is not released yet.
    pub(crate) const fn holds(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Releases what was sent, if it is held up. From now on what arrived is read.
    pub(crate) fn release(&mut self, now: Time) -> Option<Outgoing<P>> {
        let outgoing = self.outgoing.take()?;
        self.read_at = now + self.reading;
        Some(outgoing)
    }

    /// Whether it was released and nothing waits any more.
    pub(crate) fn is_over(&self) -> bool {
        !self.holds() && self.arrived.is_empty()
    }

    /// When the next packet will have been read.
    pub(crate) fn next_read(&self) -> Option<Time> {
        (!self.holds() && !self.arrived.is_empty()).then_some(self.read_at)
    }

    /// The next packet that has been read by now: one after another, as a process does.
    pub(crate) fn read(&mut self, now: Time) -> Option<(NodeId, P)> {
        self.next_read().filter(|at| *at <= now)?;
        self.read_at = now + self.reading;
        self.arrived.pop_front()
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
