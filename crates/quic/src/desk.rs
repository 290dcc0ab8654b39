use std::rc::Rc;

use rumormill_lab::Stamped;
use rumormill_measure::Histogram;
use tokio::sync::Notify;

/// Events that a shard keeps until they are asked for: 24 B each.
pub(crate) const EVENTS_MAX: usize = 1 << 25;

/// Dials of a shard above which no further node boots.
const DIALS_MAX: usize = 32;

/// What the nodes of a shard share while one of them acts.
pub(crate) struct Desk {
    /// What happened, in order, until it is asked for.
    pub(crate) events: Vec<Stamped>,
    /// How late the nodes were for their own timeouts.
    pub(crate) lag: Histogram,
    /// The packet that is being made.
    pub(crate) packet: Vec<u8>,
    /// The packet that is being read.
    pub(crate) incoming: Box<[u8; 2_048]>,
    /// Dials under way, of all nodes together.
    dials: usize,
    /// Told when there are fewer dials.
    room: Rc<Notify>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            lag: Histogram::default(),
            packet: Vec::new(),
            incoming: Box::new([0; 2_048]),
            dials: 0,
            room: Rc::default(),
        }
    }

    /// Whom to wait for before a node boots; `None` when it may boot now.
    pub(crate) fn wait_for_room(&self) -> Option<Rc<Notify>> {
        (self.dials >= DIALS_MAX).then(|| self.room.clone())
    }

    /// The dials of one node are no longer as many as `before`.
    pub(crate) fn count_dials(&mut self, before: usize, now: usize) {
        self.dials = self.dials + now - before;
        if now < before {
            self.room.notify_one();
        }
    }
}
