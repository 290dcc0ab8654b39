use std::collections::VecDeque;

use quinn_proto::ConnectionHandle;
use rumormill_protocol::Time;

use crate::connection::Connection;

/// The connections of one host, and which of them need attention.
///
/// A connection that something happened to is first asked for packets, then settled: its timers, its events. One
/// that nothing happened to is not touched.
#[derive(Default)]
pub(crate) struct Table {
    slots: Vec<Option<Slot>>,
    /// When each slot next wants attention by itself; a vector of its own, since it is scanned at every wake.
    deadlines: Vec<Time>,
    sending: VecDeque<ConnectionHandle>,
    settling: VecDeque<ConnectionHandle>,
    len: usize,
}

struct Slot {
    /// Boxed: a connection is some kilobytes, and slots move when the table grows.
    connection: Box<Connection>,
    attention: Attention,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attention {
    None,
    Sending,
    Settling,
}

const NEVER: Time = Time(u64::MAX);

impl Table {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a connection, and marks it.
    pub(crate) fn insert(&mut self, handle: ConnectionHandle, connection: Connection) {
        if self.slots.len() <= handle.0 {
            self.slots.resize_with(handle.0 + 1, || None);
            self.deadlines.resize(handle.0 + 1, NEVER);
        }
        let slot = Slot { connection: Box::new(connection), attention: Attention::None };
        let before = self.slots[handle.0].replace(slot);
        assert!(before.is_none(), "a handle is given out again only after its connection is drained");
        self.len += 1;
        self.mark(handle);
    }

    pub(crate) fn remove(&mut self, handle: ConnectionHandle) {
        if self.slots.get_mut(handle.0).and_then(Option::take).is_none() {
            return;
        }
        self.len -= 1;
        self.deadlines[handle.0] = NEVER;
        self.sending.retain(|&other| other != handle);
        self.settling.retain(|&other| other != handle);
    }

    pub(crate) fn at(&mut self, handle: ConnectionHandle) -> Option<&mut Connection> {
        Some(&mut *self.slots.get_mut(handle.0)?.as_mut()?.connection)
    }

    /// Something happened to a connection, so that it may have packets to send.
    pub(crate) fn mark(&mut self, handle: ConnectionHandle) {
        let Some(slot) = self.slots.get_mut(handle.0).and_then(Option::as_mut) else { return };
        match slot.attention {
            Attention::Sending => return,
            Attention::Settling => self.settling.retain(|&other| other != handle),
            Attention::None => {}
        }
        slot.attention = Attention::Sending;
        self.sending.push_back(handle);
    }

    /// Marks the connections whose own time has come.
    pub(crate) fn mark_due(&mut self, now: Time) {
        for place in 0..self.deadlines.len() {
            if self.deadlines[place] <= now {
                self.mark(ConnectionHandle(place));
            }
        }
    }

    /// The connection to ask for packets next.
    pub(crate) fn sender(&self) -> Option<ConnectionHandle> {
        self.sending.front().copied()
    }

    /// The sender has no more packets: it is to be settled.
    pub(crate) fn sent_all(&mut self) {
        let Some(handle) = self.sending.pop_front() else { return };
        if let Some(slot) = &mut self.slots[handle.0] {
            slot.attention = Attention::Settling;
            self.settling.push_back(handle);
        }
    }

    /// The next connection to settle.
    pub(crate) fn next_to_settle(&mut self) -> Option<ConnectionHandle> {
        let handle = self.settling.pop_front()?;
        if let Some(slot) = &mut self.slots[handle.0] {
            slot.attention = Attention::None;
        }
        Some(handle)
    }

    /// Sets when a connection next wants attention by itself.
    pub(crate) fn set_deadline(&mut self, handle: ConnectionHandle, deadline: Option<Time>) {
        self.deadlines[handle.0] = deadline.unwrap_or(NEVER);
    }

    /// When the first connection wants attention by itself.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadlines.iter().copied().min().filter(|&time| time != NEVER)
    }
}
