//! How a writer's deletes are forgotten. A delete is kept as a write without a value: who has only earlier writes must
//! hear of it. When a writer has made so many deletes, it writes a *sweep*: which of its writes still stand. Whoever
//! applies it drops all earlier ones that it does not name, deletes and what they deleted alike, and the sweep itself
//! stays, like any other write, until the next. So nobody needs a clock, equal versions still mean equal logs, and nobody
//! is away for too long: who comes back after years is sent the sweep.

use rumormill_protocol::{Entry, MAX_VALUE_BYTES, Reader, Value, is_shared, put_varint};

/// Deletes of its own keys that a writer's log holds at most; one more, and it sweeps.
pub(crate) const MAX_DELETES: usize = 64;

/// The key of sweeps; no other write has it.
pub(crate) const KEY: &str = "";

pub(crate) fn is_sweep(entry: &Entry) -> bool {
    entry.key.is_empty()
}

/// Whether a log has too many deletes. Those of shared keys are not swept: what they superseded still stands in other
/// writers' logs.
pub(crate) fn is_due(log: &[Entry]) -> bool {
    log.iter().filter(|entry| is_over(entry)).count() > MAX_DELETES
}

/// What a sweep of this log says: the counters of what stays, each as the distance to the one before. Nothing where that
/// is too long for a value; the log is then bounded by the number of keys alone.
pub(crate) fn value(log: &[Entry]) -> Option<Value> {
    let (mut value, mut last) = (Vec::new(), 0);
    for entry in log.iter().filter(|entry| !is_over(entry) && !is_sweep(entry)) {
        put_varint(&mut value, entry.dot.counter - last);
        last = entry.dot.counter;
    }
    (value.len() <= MAX_VALUE_BYTES).then(|| value.into())
}

/// Drops from a log what a sweep does not name, and calls with each of it. One that cannot be read drops nothing.
pub(crate) fn apply(log: &mut Vec<Entry>, sweep: &Entry, mut gone: impl FnMut(&Entry)) {
    let Some(stays) = read(&sweep.value) else { return };
    log.retain(|entry| {
        let stays = stays.binary_search(&entry.dot.counter).is_ok();
        if !stays {
            gone(entry);
        }
        stays
    });
}

fn read(value: &[u8]) -> Option<Vec<u64>> {
    let mut reader = Reader::new(value);
    let (mut stays, mut last) = (Vec::new(), 0u64);
    while reader.remaining() > 0 {
        last = last.checked_add(reader.varint().ok()?)?;
        stays.push(last);
    }
    Some(stays)
}

fn is_over(entry: &Entry) -> bool {
    entry.tag.deletes() && !is_shared(&entry.key)
}
