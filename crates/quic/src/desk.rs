use std::{collections::VecDeque, rc::Rc, time::Duration};

use rumormill_lab::Stamped;
use rumormill_measure::Histogram;
use tokio::sync::Notify;

/// Events that a shard keeps until they are asked for: 24 B each.
pub(crate) const EVENTS_MAX: usize = 1 << 25;

/// Dials of a shard above which nodes wait before they dial. A handshake takes a core half a millisecond, and is given
/// up after 3 s: thousands at once would end as none, and be begun anew. Dials to dead nodes take a place, but no time.
const DIALS_MAX: usize = 128;

/// A shard that is later than this has no time for as many: nodes that answer late are suspected, and what is said about
/// them takes more time than handshakes do.
const LATE: Duration = Duration::from_millis(20);

/// Dials of a late shard above which nodes wait. Some go on, so that a machine that is always late boots slowly and not
/// never.
const DIALS_LATE_MAX: usize = 8;

/// Nodes that begin to dial in one go, before others have their turn.
pub(crate) const DIALERS_AT_ONCE: usize = 8;

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
    /// How late the latest node was for its timeout.
    lateness: Duration,
    /// Told when there may be room for more dials.
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
            lateness: Duration::ZERO,
            room: Rc::default(),
        }
    }

    /// Whether one more dial may begin now.
    pub(crate) fn may_dial(&self) -> bool {
        self.dials < if self.lateness > LATE { DIALS_LATE_MAX } else { DIALS_MAX }
    }

    /// A node was so late for a timeout of its own.
    pub(crate) fn was_late(&mut self, lateness: Duration) {
        self.lag.record(lateness);
        let was_late = std::mem::replace(&mut self.lateness, lateness) > LATE;
        if was_late && lateness <= LATE {
            self.room.notify_one();
        }
    }

    /// Told when there may be room for more dials.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_shard_dials_less_but_not_never() {
        let mut desk = Desk::new();
        desk.count_dials(0, DIALS_LATE_MAX);
        assert!(desk.may_dial());
        desk.was_late(LATE + Duration::from_millis(1));
        assert!(!desk.may_dial());
        desk.count_dials(DIALS_LATE_MAX, DIALS_LATE_MAX - 1);
        assert!(desk.may_dial(), "some go on");
        desk.count_dials(DIALS_LATE_MAX - 1, DIALS_MAX - 1);
        assert!(!desk.may_dial());
        desk.was_late(LATE);
        assert!(desk.may_dial());
        desk.count_dials(DIALS_MAX - 1, DIALS_MAX);
        assert!(!desk.may_dial());
    }
}
