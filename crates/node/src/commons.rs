use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rumormill_protocol::{Dot, Entry, Time, WarmBoot};

use crate::{base::Base, places::Places, rings::Rings, writer_log::WriterLog};

/// Writers' logs that are kept to be shared: the latest, since a write reaches all nodes within seconds.
const MAX_LOGS: usize = 1024;

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

/// The latest logs by their last writes, and these in the order in which they came.
#[derive(Default)]
struct Logs {
    by_last: BTreeMap<Dot, Arc<WriterLog>>,
    order: VecDeque<Dot>,
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
        match logs.by_last.get(&last) {
            Some(known) if known[..] == entries[..] => return Arc::clone(known),
            // Whoever took in only a part of what a writer wrote shares with nobody.
            Some(_) => return Arc::new(WriterLog::new(entries)),
            None => {}
        }
        if logs.order.len() >= MAX_LOGS
            && let Some(oldest) = logs.order.pop_front()
        {
            logs.by_last.remove(&oldest);
        }
        let log = Arc::new(WriterLog::new(entries));
        logs.order.push_back(last);
        logs.by_last.insert(last, Arc::clone(&log));
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
