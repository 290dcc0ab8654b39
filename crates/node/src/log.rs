use std::collections::VecDeque;

use rumormill_protocol::Dot;

/// Applied writes that are remembered for partners; one who falls further behind compares digests again.
const CAPACITY: usize = 8192;

/// How far back a write is looked for that arrives a second time.
const LOOK_BACK: usize = 256;

/// The writes that this node applied, in order, and who is known to have each. Positions count from 0 over the
/// node's life.
#[derive(Debug, Default)]
pub(crate) struct Log {
    writes: VecDeque<(Dot, Holders)>,
    first: u64,
}

/// A set of connections, one bit each.
pub(crate) type Holders = u64;

impl Log {
    /// Adds a write that `holders` have too.
    pub(crate) fn push(&mut self, dot: Dot, holders: Holders) {
        if self.writes.len() >= CAPACITY {
            self.writes.pop_front();
            self.first += 1;
        }
        self.writes.push_back((dot, holders));
    }

    /// The position after the last write.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.writes.len() as u64
    }

    /// Whether a partner that stands at `position` can be served from here.
    pub(crate) fn reaches(&self, position: u64) -> bool {
        (self.first..=self.end()).contains(&position)
    }

    /// A write arrived again: its sender has it.
    pub(crate) fn seen_again(&mut self, dot: Dot, holders: Holders) {
        if let Some((_, known)) =
            self.writes.iter_mut().rev().take(LOOK_BACK).find(|(known, _)| *known == dot)
        {
            *known |= holders;
        }
    }

    /// The write at a position unless `reader` has it; from now on it counts as having it.
    pub(crate) fn read(&mut self, position: u64, reader: Holders) -> Option<Dot> {
        let at = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let (dot, holders) = self.writes.get_mut(at)?;
        let lacks = *holders & reader == 0 || reader == 0;
        *holders |= reader;
        lacks.then_some(*dot)
    }

    /// A connection ended: what its successor has is not known.
    pub(crate) fn forget(&mut self, holder: Holders) {
        for (_, holders) in &mut self.writes {
            *holders &= !holder;
        }
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::NodeId;

    use super::*;

    const fn dot(counter: u64) -> Dot {
        Dot { writer: NodeId(1), counter }
    }

    #[test]
    fn a_reader_gets_each_write_once_and_none_that_it_brought() {
        let mut log = Log::default();
        log.push(dot(1), 0b01);
        log.push(dot(2), 0);
        log.push(dot(3), 0);
        log.seen_again(dot(3), 0b01);
        let read =
            |log: &mut Log, reader| (0..log.end()).filter_map(|at| log.read(at, reader)).collect::<Vec<_>>();
        assert_eq!(read(&mut log, 0b01), [dot(2)]);
        assert_eq!(read(&mut log, 0b10), [dot(1), dot(2), dot(3)]);
        assert!(read(&mut log, 0b10).is_empty());
        log.forget(0b10);
        assert_eq!(read(&mut log, 0b10).len(), 3);
    }

    #[test]
    fn the_log_is_bounded_and_knows_what_it_lost() {
        let mut log = Log::default();
        for counter in 0..CAPACITY as u64 + 10 {
            log.push(dot(counter), 0);
        }
        assert_eq!(log.end(), CAPACITY as u64 + 10);
        assert!(!log.reaches(9) && log.reaches(10));
        assert_eq!(log.read(10, 1), Some(dot(10)));
    }
}
