use std::{collections::BTreeMap, sync::Arc};

use rumormill_protocol::{Dot, Entry, Key, NodeId, Tag, Value, WarmBoot};

use crate::roster::MAX_MEMBERS;

/// Keys of one writer that are taken beyond those it booted with; writes of further ones are ignored.
const MAX_KEYS: usize = 1 << 16;

/// The counter's bits that belong to one life: a later life writes above all earlier ones, which it may have forgotten.
const COUNTER_BITS: u32 = 32;

/// The replicated state: each writer's undominated writes. What everyone booted with is shared, and only later writes
/// are a node's own.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    base: Option<Arc<WarmBoot>>,
    /// By writer, ascending; one that stands in for a write of the base has its key.
    later: BTreeMap<NodeId, Vec<Entry>>,
}

impl Writes {
    pub(crate) fn load(&mut self, warm: &Arc<WarmBoot>) {
        self.base = Some(Arc::clone(warm));
    }

    /// Takes in the next write of a writer; says whether it was new. Writes of one writer arrive in order.
    pub(crate) fn apply(&mut self, entry: &Entry) -> bool {
        entry.dot.counter > self.version(entry.dot.writer) && self.insert(entry)
    }

    /// Takes in a write that this node made before its `life`, although it may have written again since; says whether
    /// it was new and not dominated.
    pub(crate) fn restore(&mut self, entry: &Entry, life: u32) -> bool {
        let Dot { writer, counter } = entry.dot;
        let mut log = self.booted(writer).iter().chain(self.later(writer));
        let dominated = log.any(|known| known.key == entry.key && known.dot >= entry.dot);
        counter <= written_before(life) && !dominated && self.insert(entry)
    }

    /// A write of `writer`'s own in its `life`.
    pub(crate) fn write(&mut self, writer: NodeId, life: u32, key: Key, value: Value) -> Option<Entry> {
        let counter = self.version(writer).max(written_before(life)).checked_add(1)?;
        let entry = Entry { dot: Dot { writer, counter }, key, value, tag: Tag::default() };
        self.insert(&entry).then_some(entry)
    }

    /// The version up to which this node has a writer's writes.
    pub(crate) fn version(&self, writer: NodeId) -> u64 {
        let last = self.later(writer).last().or_else(|| self.booted(writer).last());
        last.map_or(0, |entry| entry.dot.counter)
    }

    /// A writer's undominated writes past a version, ascending.
    pub(crate) fn after(&self, writer: NodeId, version: u64) -> impl Iterator<Item = &Entry> {
        let later = self.later(writer);
        let replaced = |entry: &Entry| later.iter().any(|newer| newer.key == entry.key);
        let booted = self.booted(writer).iter().filter(move |entry| !replaced(entry));
        booted.chain(later).filter(move |entry| entry.dot.counter > version)
    }

    /// The write of a dot, unless a later one replaced it.
    pub(crate) fn entry(&self, dot: Dot) -> Option<&Entry> {
        self.after(dot.writer, dot.counter.checked_sub(1)?).next().filter(|entry| entry.dot == dot)
    }

    fn insert(&mut self, entry: &Entry) -> bool {
        if entry.dot.writer.index() >= MAX_MEMBERS {
            return false;
        }
        let log = self.later.entry(entry.dot.writer).or_default();
        log.retain(|known| known.key != entry.key);
        if log.len() >= MAX_KEYS {
            return false;
        }
        let at = log.partition_point(|known| known.dot < entry.dot);
        log.insert(at, entry.clone());
        true
    }

    fn later(&self, writer: NodeId) -> &[Entry] {
        self.later.get(&writer).map_or(&[], Vec::as_slice)
    }

    fn booted(&self, writer: NodeId) -> &[Entry] {
        self.base.as_ref().map_or(&[], |warm| warm.log(writer))
    }
}

/// The highest counter that a writer can have used in the lives before this one.
pub(crate) fn written_before(life: u32) -> u64 {
    u64::from(life) << COUNTER_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITER: NodeId = NodeId(2);

    fn entry(writer: u32, counter: u64, key: &str) -> Entry {
        let dot = Dot { writer: NodeId(writer), counter };
        Entry { dot, key: Arc::from(key), value: Arc::from([counter as u8]), tag: Tag::default() }
    }

    fn booted() -> Writes {
        let entries = (0..4).flat_map(|writer| [entry(writer, 1, "a"), entry(writer, 2, "b")]).collect();
        let mut writes = Writes::default();
        writes.load(&Arc::new(WarmBoot::new(Vec::new(), entries)));
        writes
    }

    fn counters(writes: &Writes, version: u64) -> Vec<u64> {
        writes.after(WRITER, version).map(|entry| entry.dot.counter).collect()
    }

    #[test]
    fn a_later_write_of_a_key_replaces_the_earlier_and_each_is_new_once() {
        let mut writes = booted();
        assert!(!writes.apply(&entry(2, 2, "b")));
        assert!(writes.apply(&entry(2, 3, "a")) && !writes.apply(&entry(2, 3, "a")));
        assert_eq!((counters(&writes, 0), counters(&writes, 2)), (vec![2, 3], vec![3]));
        assert!(writes.apply(&entry(2, 4, "a")));
        assert_eq!((counters(&writes, 0), writes.version(WRITER)), (vec![2, 4], 4));
        let dot = |counter| Dot { writer: WRITER, counter };
        assert_eq!(
            [1, 2, 3, 4].map(|counter| writes.entry(dot(counter)).is_some()),
            [false, true, false, true]
        );
        assert_eq!(writes.version(NodeId(3)), 2);
    }

    #[test]
    fn a_later_life_writes_above_what_it_forgot_and_gets_it_back_beneath() {
        let mut writes = Writes::default();
        let new = writes.write(WRITER, 1, Arc::from("a"), Arc::from([9])).expect("a new write");
        assert_eq!(new.dot.counter, written_before(1) + 1);
        assert!(!writes.restore(&entry(2, 1, "a"), 1), "the new life wrote it again");
        assert!(writes.restore(&entry(2, 2, "b"), 1) && !writes.restore(&entry(2, 2, "b"), 1));
        assert!(writes.restore(&entry(2, 3, "b"), 1), "someone else had a later one");
        let forged = entry(2, written_before(1) + 1, "c");
        assert!(!writes.restore(&forged, 1), "that is a write of this life, and not its own");
        assert_eq!(counters(&writes, 0), [3, new.dot.counter]);
    }
}
