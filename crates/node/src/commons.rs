use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use rumormill_protocol::{Dot, Entry, Time, WarmBoot};

use crate::{base::Base, places::Places, rings::Rings, writer_log::WriterLog};

/// Logs below which the pool is not cleared of those that nobody holds any more.
const CLEAR_FROM: usize = 1024;

/// Spans of time for which the places on the rings are kept: nodes' clocks agree but for a little.
const MAX_SPANS: usize = 4;

/// What nodes of one process share because each would compute the same: given to all of them in
/// [`Config::commons`](crate::Config::commons), it saves memory and time and changes nothing else. It belongs to the
/// nodes of one configuration that boot from one [`WarmBoot`]; others get what they ask for without sharing it.
///
/// Everything in it is a function of what it is asked, so it does not matter which node asks first, or on which thread.
#[derive(Default)]
pub struct Commons {
    base: OnceLock<Arc<Base>>,
    logs: Mutex<Logs>,
    places: Mutex<BTreeMap<Time, Arc<Places>>>,
}

/// The logs that some node holds, by their last writes. A log stays for as long as anyone holds it, and its place at
/// most until the pool has grown to twice what was held when it was cleared last.
#[derive(Default)]
struct Logs {
    by_last: BTreeMap<Dot, Weak<WriterLog>>,
    clear_at: usize,
}

impl Commons {
    pub(crate) fn base(&self, warm: &Arc<WarmBoot>) -> Arc<Base> {
        let base = self.base.get_or_init(|| Arc::new(Base::new(warm)));
        if Arc::ptr_eq(&base.warm, warm) { Arc::clone(base) } else { Arc::new(Base::new(warm)) }
    }

    /// A log with these entries, of which there is at least one.
    pub(crate) fn log(&self, entries: Vec<Entry>) -> Arc<WriterLog> {
        let Some(last) = entries.last().map(|entry| entry.dot) else {
            return Arc::new(WriterLog::new(entries));
        };
        let mut logs = lock(&self.logs);
        match logs.by_last.get(&last).and_then(Weak::upgrade) {
            Some(known) if known[..] == entries[..] => return known,
            // Whoever took in only a part of what a writer wrote shares with nobody.
            Some(_) => return Arc::new(WriterLog::new(entries)),
            None => {}
        }
        let log = Arc::new(WriterLog::new(entries));
        logs.keep(last, &log);
        log
    }

    /// The places on the rings of all members of a roster of this length, for the span of time that `now` is in.
    pub(crate) fn places(&self, rings: Rings, roster: usize, now: Time) -> Arc<Places> {
        let begin = rings.span_of(now);
        let mut places = lock(&self.places);
        match places.get(&begin) {
            Some(known) if known.is_of(rings, roster) => return Arc::clone(known),
            Some(_) => return Arc::new(Places::new(rings, roster, begin)),
            None => {}
        }
        let made = Arc::new(Places::new(rings, roster, begin));
        places.insert(begin, Arc::clone(&made));
        if places.len() > MAX_SPANS {
            places.pop_first();
        }
        made
    }
}

impl Logs {
    fn keep(&mut self, last: Dot, log: &Arc<WriterLog>) {
        if self.by_last.len() >= self.clear_at.max(CLEAR_FROM) {
            self.by_last.retain(|_, log| log.strong_count() > 0);
            self.clear_at = 2 * self.by_last.len();
        }
        self.by_last.insert(last, Arc::downgrade(log));
    }
}

/// All tables are whole between two statements, so that a panic elsewhere leaves them good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Commons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commons").finish_non_exhaustive()
    }
}

/// Nothing can be told apart by what is shared.
impl PartialEq for Commons {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
