use std::{collections::BTreeMap, sync::Arc};

use rumormill_protocol::{Dot, Entry, Key, NodeId, Value, WarmBoot};

use crate::{membership::MAX_MEMBERS, mix::mix2};

/// Keys that one writer may have; writes of further ones are ignored.
const MAX_KEYS: usize = 1 << 16;

/// The replicated state: each writer's log of its undominated writes. What everyone started with is shared; only
/// logs that changed since are a node's own.
#[derive(Debug, Default)]
pub(crate) struct Store {
    base: Option<Arc<WarmBoot>>,
    changed: BTreeMap<NodeId, Vec<Entry>>,
    hash: u64,
}

impl Store {
    pub(crate) fn load(&mut self, warm: &Arc<WarmBoot>) {
        self.base = Some(Arc::clone(warm));
        for log in warm.entries.chunk_by(|one, next| one.dot.writer == next.dot.writer) {
            let last = log[log.len() - 1].dot;
            self.hash = self.hash.wrapping_add(version_hash(last));
        }
    }

    /// Takes a write in unless it is known; says whether it was new. Writes of one writer arrive in order.
    pub(crate) fn apply(&mut self, entry: &Entry) -> bool {
        let writer = entry.dot.writer;
        let before = self.version(writer);
        if entry.dot.counter <= before || writer.index() >= MAX_MEMBERS {
            return false;
        }
        if !self.changed.contains_key(&writer) {
            self.changed.insert(writer, self.log(writer).to_vec());
        }
        let Some(log) = self.changed.get_mut(&writer) else { return false };
        match log.iter().position(|known| known.key == entry.key) {
            Some(at) => drop(log.remove(at)),
            None if log.len() >= MAX_KEYS => return false,
            None => {}
        }
        log.push(entry.clone());
        let old = if before == 0 { 0 } else { version_hash(Dot { writer, counter: before }) };
        self.hash = self.hash.wrapping_sub(old).wrapping_add(version_hash(entry.dot));
        true
    }

    /// A write of one's own: the next of `writer`, at least the `floor`-th.
    pub(crate) fn write(&mut self, writer: NodeId, floor: u64, key: Key, value: Value) -> Option<Entry> {
        let counter = self.version(writer).max(floor) + 1;
        let entry = Entry { dot: Dot { writer, counter }, key, value };
        self.apply(&entry).then_some(entry)
    }

    /// A writer's undominated writes, ascending.
    pub(crate) fn log(&self, writer: NodeId) -> &[Entry] {
        if let Some(log) = self.changed.get(&writer) {
            return log;
        }
        let Some(warm) = &self.base else { return &[] };
        let start = warm.entries.partition_point(|entry| entry.dot.writer < writer);
        let end = start + warm.entries[start..].partition_point(|entry| entry.dot.writer == writer);
        &warm.entries[start..end]
    }

    /// The version up to which this node has a writer's writes.
    pub(crate) fn version(&self, writer: NodeId) -> u64 {
        self.log(writer).last().map_or(0, |entry| entry.dot.counter)
    }

    /// The write of a dot, unless a later one replaced it.
    pub(crate) fn entry(&self, dot: Dot) -> Option<&Entry> {
        let log = self.log(dot.writer);
        log.binary_search_by_key(&dot.counter, |entry| entry.dot.counter).ok().map(|at| &log[at])
    }

    /// Writers with any writes, ascending, and their logs.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (NodeId, &[Entry])> + '_ {
        let base = self.base.as_ref().map_or(&[][..], |warm| &warm.entries);
        let shared = base
            .chunk_by(|one, next| one.dot.writer == next.dot.writer)
            .map(|log| (log[0].dot.writer, log))
            .filter(|(writer, _)| !self.changed.contains_key(writer));
        merge(shared, self.changed.iter().map(|(writer, log)| (*writer, log.as_slice())))
    }

    /// A sum over all writers' versions: equal states have equal hashes.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }
}

/// Merges two ascending sequences of distinct writers.
fn merge<'a>(
    one: impl Iterator<Item = (NodeId, &'a [Entry])>,
    two: impl Iterator<Item = (NodeId, &'a [Entry])>,
) -> impl Iterator<Item = (NodeId, &'a [Entry])> {
    let (mut one, mut two) = (one.peekable(), two.peekable());
    std::iter::from_fn(move || match (one.peek(), two.peek()) {
        (Some((left, _)), Some((right, _))) if left < right => one.next(),
        (Some(_), None) => one.next(),
        (_, _) => two.next(),
    })
}

const fn version_hash(dot: Dot) -> u64 {
    mix2(dot.writer.0 as u64 | 1 << 40, dot.counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(writer: u32, counter: u64, key: &str) -> Entry {
        Entry {
            dot: Dot { writer: NodeId(writer), counter },
            key: Arc::from(key),
            value: Arc::from([counter as u8]),
        }
    }

    fn warm() -> Arc<WarmBoot> {
        let entries = (0..4).flat_map(|writer| [entry(writer, 1, "a"), entry(writer, 2, "b")]).collect();
        Arc::new(WarmBoot { roster: Vec::new(), entries })
    }

    #[test]
    fn a_state_learned_write_by_write_equals_one_booted_warm() {
        let (mut booted, mut learned) = (Store::default(), Store::default());
        booted.load(&warm());
        for entry in &warm().entries {
            assert!(learned.apply(entry));
            assert!(!learned.apply(entry), "a write is new once");
        }
        assert_eq!(booted.hash(), learned.hash());
        let all = |store: &Store| store.logs().flat_map(|(_, log)| log.to_vec()).collect::<Vec<_>>();
        assert_eq!(all(&booted), all(&learned));
    }

    #[test]
    fn a_later_write_of_a_key_replaces_the_earlier() {
        let mut store = Store::default();
        store.load(&warm());
        let written = store.write(NodeId(2), 0, Arc::from("a"), Arc::from([9])).expect("a new write");
        assert_eq!(written.dot.counter, 3);
        assert_eq!(store.log(NodeId(2)).iter().map(|entry| entry.dot.counter).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(store.entry(Dot { writer: NodeId(2), counter: 1 }), None);
        assert_eq!(store.logs().count(), 4);
    }
}
