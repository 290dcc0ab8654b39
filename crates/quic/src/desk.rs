use std::{collections::VecDeque, rc::Rc};

use rumormill_lab::Stamped;
use rumormill_measure::Histogram;
use tokio::sync::Notify;

/// Events that a shard keeps until they are asked for: 24 B each.
pub(crate) const EVENTS_MAX: usize = 1 << 25;

/// Dials of a shard above which nodes wait before they dial. A handshake takes a core half a millisecond, and is given
/// up after 3 s: thousands at once would end as none, and be begun anew. Dials to dead nodes take a place, but no time.
const DIALS_MAX: usize = 128;

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
    /// The places of nodes that wait to dial, each once.
    pub(crate) dialers: VecDeque<usize>,
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
            dialers: VecDeque::new(),
            dials: 0,
            room: Rc::default(),
        }
    }

    /// Whether one more dial may begin now.
    pub(crate) const fn may_dial(&self) -> bool {
        self.dials < DIALS_MAX
    }

    /// Told when there are fewer dials.
    pub(crate) fn room(&self) -> Rc<Notify> {
        self.room.clone()
    }

    /// The dials of one node are no longer as many as `before`.
    pub(crate) fn count_dials(&mut self, before: usize, now: usize) {
        self.dials = self.dials + now - before;
        if now < before {
            self.room.notify_one();
        }
    }
}
