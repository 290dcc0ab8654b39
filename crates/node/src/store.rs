use std::sync::Arc;

use rumormill_protocol::{Dot, Entry, Key, NodeId, Tag, Value, is_shared};

use crate::{
    base::Base,
    commons::Commons,
    membership::MAX_MEMBERS,
    mix::mix2,
    parts::Part,
    siblings::{Outcome, SharedKeys},
    snapshot::Snapshot,
    sweep,
    writer_log::WriterLog,
};

/// Keys that one writer may have; writes of further ones are ignored.
const MAX_KEYS: usize = 1 << 16;

/// The replicated state: each writer's log of its undominated writes. What everyone started with is shared; only
/// logs that changed since are a node's own, and shared too where there are commons.
#[derive(Debug, Default)]
pub(crate) struct Store {
    state: Snapshot,
    commons: Option<Arc<Commons>>,
    hash: u64,
    shared: SharedKeys,
    /// Shared keys of which a sweep that was just applied has dropped writes.
    swept: Vec<Key>,
}

impl Store {
    pub(crate) fn new(commons: Option<Arc<Commons>>) -> Self {
        Self { commons, ..Self::default() }
    }

    pub(crate) fn load(&mut self, base: Arc<Base>) {
        self.hash = base.state_hash;
        let shares = base.shares;
        self.state = Snapshot::of(base);
        if shares {
            self.shared.load(&self.state);
        }
    }

    /// Takes in those of one writer's writes that are not known; says of each whether it was new. Writes of one
    /// writer arrive in order.
    pub(crate) fn apply(&mut self, run: &[Entry]) -> Vec<bool> {
        let Some(writer) = run.first().map(|entry| entry.dot.writer) else { return Vec::new() };
        let before = self.version(writer);
        if writer.index() >= MAX_MEMBERS || run.iter().all(|entry| entry.dot.counter <= before) {
            return vec![false; run.len()];
        }
        let mut log = self.log(writer).to_vec();
        let mut version = before;
        let swept = &mut self.swept;
        let take = |entry: &Entry| {
            if entry.dot.counter <= version {
                return false;
            }
            match log.iter().position(|known| known.key == entry.key) {
                Some(at) => drop(log.remove(at)),
                None if log.len() >= MAX_KEYS => return false,
                None => {}
            }
            if sweep::is_sweep(entry) {
                let shared = |gone: &Entry| swept.extend(is_shared(&gone.key).then(|| gone.key.clone()));
                sweep::apply(&mut log, entry, shared);
            }
            log.push(entry.clone());
            version = entry.dot.counter;
            true
        };
        let new = run.iter().map(take).collect();
        if version > before {
            let log = match &self.commons {
                Some(commons) => commons.log(log),
                None => Arc::new(WriterLog::new(log)),
            };
            self.replace(writer, before, log);
        }
        new
    }

    /// Takes in what is new in a part of another node's state that began as this one did: what that node has of the
    /// beginning is known here. Says what was new.
    pub(crate) fn merge(&mut self, part: &Part) -> Vec<Dot> {
        let mut new = Vec::new();
        for (log, run) in part.changed() {
            let Some(last) = run.last() else { continue };
            let before = self.version(last.dot.writer);
            if last.dot.counter <= before || last.dot.writer.index() >= MAX_MEMBERS {
                continue;
            }
            if run.len() == log.len() && becomes(self.log(last.dot.writer), log) {
                let fresh = log.iter().map(|entry| entry.dot).filter(|dot| dot.counter > before);
                new.extend(fresh);
                self.replace(last.dot.writer, before, Arc::clone(log));
            } else {
                let applied = self.apply(run);
                new.extend(run.iter().zip(applied).filter(|(_, new)| *new).map(|(entry, _)| entry.dot));
            }
        }
        new
    }

    /// A write of one's own: the next of `writer`, at least the `floor`-th. None where another forged the last write
    /// that there can be.
    pub(crate) fn write(&mut self, writer: NodeId, floor: u64, key: Key, value: Value) -> Option<Entry> {
        self.append(writer, floor, key, value, false)
    }

    /// Deletes a key of one's own: the next write of `writer`, at least the `floor`-th.
    pub(crate) fn delete(&mut self, writer: NodeId, floor: u64, key: Key) -> Option<Entry> {
        self.append(writer, floor, key, Arc::from([]), true)
    }

    /// Says which of `writer`'s own writes stand, so that all others are forgotten; nothing where that is too much to say.
    pub(crate) fn sweep(&mut self, writer: NodeId, floor: u64) -> Option<Entry> {
        let value = sweep::value(self.log(writer))?;
        self.append(writer, floor, Arc::from(sweep::KEY), value, false)
    }

    fn append(&mut self, writer: NodeId, floor: u64, key: Key, value: Value, deletes: bool) -> Option<Entry> {
        let counter = self.version(writer).max(floor).checked_add(1)?;
        let context =
            if is_shared(&key) { self.shared.context(writer, &key, &self.state) } else { Vec::new() };
        let tag = Tag::new(deletes, context);
        let entry = Entry { dot: Dot { writer, counter }, key, value, tag };
        (self.apply(std::slice::from_ref(&entry)) == [true]).then_some(entry)
    }

    /// A writer's undominated writes, ascending.
    pub(crate) fn log(&self, writer: NodeId) -> &[Entry] {
        self.state.log(writer)
    }

    /// The version up to which this node has a writer's writes.
    pub(crate) fn version(&self, writer: NodeId) -> u64 {
        self.state.version(writer)
    }

    /// The write of a dot, unless a later one replaced it.
    pub(crate) fn entry(&self, dot: Dot) -> Option<&Entry> {
        self.state.entry(dot)
    }

    /// What a write that this node just made means for the shared keys; nothing where it is of a key of its own.
    pub(crate) fn wrote(&mut self, dot: Dot) -> Option<Outcome> {
        let entry = self.state.entry(dot)?;
        is_shared(&entry.key).then(|| self.shared.wrote(entry, &self.state))
    }

    /// What a write that was applied means for the shared keys; nothing where it has nothing to do with them. To be called
    /// for each, in the order in which they were applied.
    pub(crate) fn take_in(&mut self, dot: Dot) -> Option<Outcome> {
        let entry = self.state.entry(dot)?;
        if is_shared(&entry.key) {
            return Some(self.shared.arrived(entry, &self.state));
        }
        if !sweep::is_sweep(entry) {
            return None;
        }
        let mut outcome = Outcome { applied: vec![dot], conflicts: Vec::new() };
        for key in std::mem::take(&mut self.swept) {
            outcome.conflicts.extend(self.shared.swept(&key, &self.state).conflicts);
        }
        let waited = self.shared.look_again(&self.state);
        outcome.applied.extend(waited.applied);
        outcome.conflicts.extend(waited.conflicts);
        Some(outcome)
    }

    /// The writes that stand of a shared key, ascending.
    pub(crate) fn standing(&self, key: &str) -> &[Dot] {
        self.shared.standing(key)
    }

    /// Whether `writer` sees a value under a key.
    pub(crate) fn has(&self, writer: NodeId, key: &str) -> bool {
        let has_value = |entry: &Entry| *entry.key == *key && !entry.tag.deletes();
        if is_shared(key) {
            return self.standing(key).iter().any(|dot| self.entry(*dot).is_some_and(has_value));
        }
        self.log(writer).iter().any(has_value)
    }

    /// A writer's undominated writes after a version.
    pub(crate) fn later(&self, writer: NodeId, version: u64) -> &[Entry] {
        let log = self.log(writer);
        &log[log.partition_point(|entry| entry.dot.counter <= version)..]
    }

    /// Writers with any writes, ascending, and their versions.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.state.versions()
    }

    /// Writers with any writes, ascending, and their logs.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (NodeId, &[Entry])> + '_ {
        self.state.logs(NodeId(0), NodeId(u32::MAX))
    }

    /// All of it as it stands now.
    pub(crate) const fn state(&self) -> &Snapshot {
        &self.state
    }

    /// A sum over all writers' versions: equal states have equal hashes.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    fn replace(&mut self, writer: NodeId, before: u64, log: Arc<WriterLog>) {
        let old = if before == 0 { 0 } else { version_hash(Dot { writer, counter: before }) };
        let new = version_hash(Dot { writer, counter: log.version() });
        self.hash = self.hash.wrapping_sub(old).wrapping_add(new);
        self.state.replace(writer, log);
    }
}

/// Whether a log becomes another by taking in, one by one, the other's writes that are later than all of its own.
fn becomes(mine: &[Entry], theirs: &[Entry]) -> bool {
    let version = mine.last().map_or(0, |entry| entry.dot.counter);
    let (old, new) = theirs.split_at(theirs.partition_point(|entry| entry.dot.counter <= version));
    let stays = |entry: &&Entry| !new.iter().any(|later| later.key == entry.key);
    mine.len() + new.len() <= MAX_KEYS && mine.iter().filter(stays).eq(old)
}

pub(crate) const fn version_hash(dot: Dot) -> u64 {
    mix2(dot.writer.0 as u64 | 1 << 40, dot.counter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rumormill_protocol::WarmBoot;

    use super::*;

    fn entry(writer: u32, counter: u64, key: &str) -> Entry {
        Entry {
            dot: Dot { writer: NodeId(writer), counter },
            key: Arc::from(key),
            value: Arc::from([counter as u8]),
            tag: Tag::default(),
        }
    }

    fn warm() -> Arc<Base> {
        let entries = (0..4).flat_map(|writer| [entry(writer, 1, "a"), entry(writer, 2, "b")]).collect();
        Arc::new(Base::new(&Arc::new(WarmBoot::new(Vec::new(), entries))))
    }

    fn all(store: &Store) -> Vec<Entry> {
        store.logs().flat_map(|(_, log)| log.to_vec()).collect()
    }

    fn put(store: &mut Store, writer: u32, key: &str) {
        store.write(NodeId(writer), 0, Arc::from(key), Arc::from([9])).expect("a new write");
    }

    #[test]
    fn a_state_learned_write_by_write_equals_one_booted_warm() {
        let (mut booted, mut learned) = (Store::default(), Store::default());
        booted.load(warm());
        for entry in &warm().warm.entries {
            let one = std::slice::from_ref(entry);
            assert_eq!(learned.apply(one), [true]);
            assert_eq!(learned.apply(one), [false], "a write is new once");
        }
        assert_eq!(booted.hash(), learned.hash());
        assert_eq!(all(&booted), all(&learned));
    }

    #[test]
    fn a_later_write_of_a_key_replaces_the_earlier() {
        let mut store = Store::default();
        store.load(warm());
        put(&mut store, 2, "a");
        assert_eq!(store.log(NodeId(2)).iter().map(|entry| entry.dot.counter).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(store.entry(Dot { writer: NodeId(2), counter: 1 }), None);
        assert_eq!(store.logs().count(), 4);
    }

    #[test]
    fn nodes_with_commons_hold_one_log_of_what_they_learned_apart() {
        let commons = Arc::new(Commons::default());
        let mut stores = [0, 1].map(|_| Store::new(Some(Arc::clone(&commons))));
        for store in &mut stores {
            store.load(warm());
            store.apply(&[entry(1, 3, "b")]);
            store.apply(&[entry(1, 4, "c")]);
        }
        assert!(std::ptr::eq(stores[0].log(NodeId(1)), stores[1].log(NodeId(1))));
        assert_eq!(stores[0].log(NodeId(1)).len(), 3);
        // Another write under the same name is kept apart.
        let mut odd = Store::new(Some(commons));
        odd.load(warm());
        odd.apply(&[entry(1, 4, "other")]);
        assert_eq!(odd.log(NodeId(1))[2].key, Arc::from("other"));
    }

    proptest! {
        /// Each step writes at the source; now and then the receiver takes in some writes, or all that the source has.
        #[test]
        fn merging_a_shared_part_is_applying_all_its_entries(
            steps in proptest::collection::vec((0u32..6, 0usize..5, 0u8..4), 1..60),
        ) {
            let base = warm();
            let mut stores = [0, 1, 2].map(|_| Store::default());
            stores.iter_mut().for_each(|store| store.load(Arc::clone(&base)));
            let [source, merged, applied] = &mut stores;
            for (writer, key, then) in steps {
                let key = ["a", "b", "c", "d", "e"][key];
                if then == 0 {
                    // A write that the source does not know yet, nor will know.
                    let counter = source.version(NodeId(writer)) + 1;
                    for store in [&mut *merged, &mut *applied] {
                        store.apply(&[entry(writer, counter, "stray")]);
                    }
                }
                put(source, writer, key);
                if then != 1 {
                    continue;
                }
                for part in source.state().parts() {
                    let new = merged.merge(&part);
                    let mut expected = Vec::new();
                    for entry in part.entries() {
                        if applied.apply(std::slice::from_ref(entry)) == [true] {
                            expected.push(entry.dot);
                        }
                    }
                    prop_assert_eq!(new, expected);
                }
                prop_assert_eq!(all(merged), all(applied));
                prop_assert_eq!(merged.hash(), applied.hash());
            }
        }
    }
}
