//! Keys that several writers write: which of their writes stand, and which are in conflict.
//!
//! Each writer's log holds its latest write to a key, and the write's context: the writes of others that it superseded,
//! and those that the writer's earlier writes to the key did, for these are not in the log any more (dotted version
//! vectors; Preguiça and others, "Dotted Version Vectors", arXiv:1011.5808, without what other writers' logs say).
//! Logs of different writers arrive in any order. So a write waits until all that its context names is known, all that
//! *they* name, and so on: only then can it be told what it superseded. Waiting costs nothing where writes arrive in the
//! order in which they were seen.
//!
//! What follows from this: a conflict that is found is one. And of each two writes that did not see each other, some node
//! finds a conflict that stands for them: of two writes that superseded one each and not the other.

use std::collections::BTreeMap;

use rumormill_protocol::{Dot, Entry, Key, NodeId, is_shared};

use crate::{snapshot::Snapshot, sweep};

/// Writes that one context names at most. A write that finds more standing supersedes the first of them, and the others
/// stand beside it, in conflict, until the next.
pub(crate) const MAX_CONTEXT: usize = 256;

/// The shared keys that were written. There is at most one write of each writer to each: the logs bound it.
#[derive(Debug, Default)]
pub(crate) struct SharedKeys {
    keys: BTreeMap<Key, Siblings>,
}

/// The writes of one shared key.
#[derive(Debug, Default)]
struct Siblings {
    /// Those that no other superseded, ascending.
    standing: Vec<Dot>,
    /// Those of which it is not known yet.
    waiting: Vec<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    dot: Dot,
    /// Up to which write its writer's earlier ones are known to have been taken in; 0 where that is not remembered.
    taken: u64,
}

/// What became of a write that arrived, and of those that waited for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Writes that count from now on, whether they stand or not.
    pub(crate) applied: Vec<Dot>,
    /// Writes of which neither had seen the other, the lesser first.
    pub(crate) conflicts: Vec<(Dot, Dot)>,
}

impl SharedKeys {
    /// The writes that stand.
    pub(crate) fn standing(&self, key: &str) -> &[Dot] {
        self.keys.get(key).map_or(&[], |siblings| &siblings.standing)
    }

    /// A writer's latest write to a key is in its log now.
    pub(crate) fn arrived(&mut self, entry: &Entry, state: &Snapshot) -> Outcome {
        let siblings = self.keys.entry(entry.key.clone()).or_default();
        siblings.wait(entry.dot);
        siblings.take_in(&entry.key, state)
    }

    /// This node itself just made a write: it knows all that the write's context names, unless it forgot.
    pub(crate) fn wrote(&mut self, entry: &Entry, state: &Snapshot) -> Outcome {
        let siblings = self.keys.entry(entry.key.clone()).or_default();
        if siblings.waits(entry.dot.writer).is_some() {
            return self.arrived(entry, state);
        }
        let mut outcome = Outcome::default();
        siblings.supersede(&[entry], &mut outcome);
        outcome
    }

    /// Writes to a key are gone from their log: what stands is found again from all logs.
    pub(crate) fn swept(&mut self, key: &Key, state: &Snapshot) -> Outcome {
        let mut siblings = Siblings::default();
        let logs = state.logs(NodeId(0), NodeId(u32::MAX)).flat_map(|(_, log)| log);
        logs.filter(|entry| entry.key == *key).for_each(|entry| siblings.wait(entry.dot));
        let outcome = siblings.take_in(key, state);
        self.keys.insert(key.clone(), siblings);
        // They counted before.
        Outcome { applied: Vec::new(), ..outcome }
    }

    /// A sweep has come: what it dropped is waited for no longer.
    pub(crate) fn look_again(&mut self, state: &Snapshot) -> Outcome {
        let mut all = Outcome::default();
        for (key, siblings) in self.keys.iter_mut().filter(|(_, siblings)| !siblings.waiting.is_empty()) {
            let outcome = siblings.take_in(key, state);
            all.applied.extend(outcome.applied);
            all.conflicts.extend(outcome.conflicts);
        }
        all
    }

    /// The shared keys of a state that everyone starts with.
    pub(crate) fn load(&mut self, state: &Snapshot) {
        let logs = state.logs(NodeId(0), NodeId(u32::MAX)).flat_map(|(_, log)| log);
        for entry in logs.filter(|entry| is_shared(&entry.key)) {
            self.keys.entry(entry.key.clone()).or_default().wait(entry.dot);
        }
        for (key, siblings) in &mut self.keys {
            siblings.take_in(key, state);
        }
    }

    /// The context of a write that `writer` makes to a key now.
    pub(crate) fn context(&self, writer: NodeId, key: &str, state: &Snapshot) -> Vec<Dot> {
        let Some(siblings) = self.keys.get(key) else { return Vec::new() };
        let mut context = BTreeMap::new();
        if let Some(earlier) = latest(state, writer, key) {
            // Where a writer wrote the key again, and that was seen, its earlier write is in no log that matters.
            let matters = |dot: &&Dot| {
                let is_latest =
                    latest(state, dot.writer, key).is_none_or(|last| last.dot.counter <= dot.counter);
                is_latest || siblings.waits(dot.writer).is_some()
            };
            context.extend(earlier.tag.context().iter().filter(matters).map(|dot| (dot.writer, dot.counter)));
        }
        for dot in siblings.standing.iter().filter(|dot| dot.writer != writer) {
            if context.len() < MAX_CONTEXT || context.contains_key(&dot.writer) {
                let counter = context.entry(dot.writer).or_default();
                *counter = dot.counter.max(*counter);
            }
        }
        context.into_iter().map(|(writer, counter)| Dot { writer, counter }).collect()
    }
}

impl Siblings {
    fn wait(&mut self, dot: Dot) {
        match self.waiting.iter_mut().find(|waiting| waiting.dot.writer == dot.writer) {
            Some(waiting) => waiting.dot = dot,
            None => {
                let stands = self.standing.iter().find(|standing| standing.writer == dot.writer);
                self.waiting.push(Waiting { dot, taken: stands.map_or(0, |standing| standing.counter) });
            }
        }
    }

    fn waits(&self, writer: NodeId) -> Option<Waiting> {
        self.waiting.iter().find(|waiting| waiting.dot.writer == writer).copied()
    }

    /// Takes in those that wait and name nothing, directly or through others, that is not there.
    fn take_in(&mut self, key: &str, state: &Snapshot) -> Outcome {
        let mut ready: Vec<&Entry> =
            self.waiting.iter().filter_map(|waiting| state.entry(waiting.dot)).collect();
        // Two may name each other's earlier writes, so all are ready but for those that turn out not to be.
        loop {
            let known = |dot: &Dot| {
                let has_come = self.waits(dot.writer).is_none_or(|waiting| {
                    dot.counter <= waiting.taken || ready.iter().any(|entry| entry.dot == waiting.dot)
                });
                has_come && is_there(state, *dot, key)
            };
            let still: Vec<&Entry> =
                ready.iter().copied().filter(|entry| entry.tag.context().iter().all(known)).collect();
            let is_all = still.len() == ready.len();
            ready = still;
            if is_all {
                break;
            }
        }
        let waits = |waiting: &Waiting| !ready.iter().any(|entry| entry.dot == waiting.dot);
        self.waiting.retain(waits);
        let mut outcome = Outcome::default();
        self.supersede(&ready, &mut outcome);
        outcome
    }

    /// Writes of which all is known that they supersede count from now on.
    fn supersede(&mut self, ready: &[&Entry], outcome: &mut Outcome) {
        let superseded = |dot: Dot| {
            let by = |entry: &&Entry| {
                let covers = |seen: &Dot| seen.writer == dot.writer && seen.counter >= dot.counter;
                entry.dot != dot && (covers(&entry.dot) || entry.tag.context().iter().any(covers))
            };
            ready.iter().any(by)
        };
        self.standing.retain(|dot| !superseded(*dot));
        for dot in ready.iter().map(|entry| entry.dot) {
            outcome.applied.push(dot);
            if !superseded(dot) {
                outcome
                    .conflicts
                    .extend(self.standing.iter().map(|other| (dot.min(*other), dot.max(*other))));
                self.standing.push(dot);
            }
        }
        self.standing.sort_unstable();
    }
}

/// Whether a write to a key is in its writer's log, or a later one in its stead, or a sweep that dropped it. That the log
/// goes on after it says nothing: the write in its stead may still be under way.
fn is_there(state: &Snapshot, dot: Dot, key: &str) -> bool {
    let is_or_drops = |entry: &Entry| *entry.key == *key || sweep::is_sweep(entry);
    let mut later = state.log(dot.writer).iter().rev().take_while(|entry| entry.dot.counter >= dot.counter);
    later.any(is_or_drops)
}

/// A writer's latest write to a key.
fn latest<'a>(state: &'a Snapshot, writer: NodeId, key: &str) -> Option<&'a Entry> {
    state.log(writer).iter().rev().find(|entry| *entry.key == *key)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    };

    use proptest::prelude::*;
    use rumormill_protocol::Value;

    use super::*;
    use crate::store::Store;

    const KEY: &str = "@k";
    const WRITERS: u32 = 5;

    /// Nodes that each write, and what each write had seen, kept naively: as the set of all writes before it.
    #[derive(Default)]
    struct Model {
        stores: Vec<Store>,
        /// Whose writes each node counts.
        applied: Vec<BTreeSet<Dot>>,
        reported: Vec<BTreeSet<(Dot, Dot)>>,
        histories: BTreeMap<Dot, BTreeSet<Dot>>,
        most_named: usize,
    }

    impl Model {
        fn new() -> Self {
            Self {
                stores: (0..WRITERS).map(|_| Store::default()).collect(),
                applied: vec![BTreeSet::new(); WRITERS as usize],
                reported: vec![BTreeSet::new(); WRITERS as usize],
                ..Self::default()
            }
        }

        fn write(&mut self, node: usize, key: &str, deletes: bool) {
            let store = &mut self.stores[node];
            let (me, value) = (NodeId(node as u32), Value::from([7]));
            let entry =
                if deletes { store.delete(me, 0, key.into()) } else { store.write(me, 0, key.into(), value) };
            let entry = entry.expect("there is room");
            if key == KEY {
                let seen = self.applied[node].iter().flat_map(|dot| self.histories[dot].clone());
                self.histories.insert(entry.dot, seen.chain([entry.dot]).collect());
                self.most_named = self.most_named.max(entry.tag.context().len());
            }
            let outcome = self.stores[node].wrote(entry.dot);
            self.note(node, outcome);
        }

        /// Tells a node the next so many writes of a writer that another node has and it lacks.
        fn tell(&mut self, from: usize, to: usize, writer: u32, most: usize) {
            let version = self.stores[to].version(NodeId(writer));
            let log = self.stores[from].log(NodeId(writer)).iter();
            let lacks: Vec<Entry> =
                log.filter(|entry| entry.dot.counter > version).take(most).cloned().collect();
            self.stores[to].apply(&lacks);
            lacks.iter().for_each(|entry| self.take_in(to, entry.dot));
        }

        fn take_in(&mut self, node: usize, dot: Dot) {
            let outcome = self.stores[node].take_in(dot);
            self.note(node, outcome);
        }

        fn note(&mut self, node: usize, outcome: Option<Outcome>) {
            if let Some(outcome) = outcome {
                self.applied[node].extend(outcome.applied);
                self.reported[node].extend(outcome.conflicts);
            }
            let standing = self.stores[node].standing(KEY);
            for (at, one) in standing.iter().enumerate() {
                for two in &standing[at + 1..] {
                    assert!(self.reported[node].contains(&(*one, *two)), "both stand at {node}");
                }
            }
        }

        fn tell_all(&mut self, rotation: u32) {
            for _ in 0..2 {
                for (from, to) in (0..WRITERS).flat_map(|from| (0..WRITERS).map(move |to| (from, to))) {
                    for writer in 0..WRITERS {
                        let (from, to) = ((from + rotation) % WRITERS, (to + 2 * rotation) % WRITERS);
                        self.tell(from as usize, to as usize, (writer + rotation) % WRITERS, usize::MAX);
                    }
                }
            }
        }

        fn are_concurrent(&self, one: Dot, two: Dot) -> bool {
            !self.histories[&one].contains(&two) && !self.histories[&two].contains(&one)
        }

        /// Whether a reported pair stands for this one.
        fn is_reported(&self, one: Dot, two: Dot) -> bool {
            let (of, histories) =
                (|dot: &Dot, other: Dot| self.histories[dot].contains(&other), &self.histories);
            debug_assert!(histories.contains_key(&one));
            self.reported.iter().flatten().any(|(left, right)| {
                let stands =
                    |left, right| of(left, one) && !of(right, one) && of(right, two) && !of(left, two);
                stands(left, right) || stands(right, left)
            })
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever arrives in whatever order: all agree in the end on what the naive model says, every conflict is one,
        /// and none is missed.
        #[test]
        fn dotted_version_vectors_say_what_whole_histories_say(
            steps in proptest::collection::vec((0usize..5, 0usize..5, 0u32..5, 0u8..10, 1usize..4), 1..120),
            rotation in 0u32..5,
        ) {
            let mut model = Model::new();
            for (one, two, writer, what, most) in steps {
                match what {
                    0 | 1 => model.write(one, KEY, false),
                    2 => model.write(one, KEY, true),
                    3 => model.write(one, "own", false),
                    4 => (0..WRITERS).for_each(|writer| model.tell(one, two, writer, usize::MAX)),
                    _ => model.tell(one, two, writer, most),
                }
            }
            model.tell_all(rotation);
            let writes: Vec<Dot> = model.histories.keys().copied().collect();
            let unseen = |dot: &&Dot| !model.histories.iter().any(|(by, seen)| by != *dot && seen.contains(dot));
            let maximal: Vec<Dot> = writes.iter().filter(unseen).copied().collect();
            for store in &model.stores {
                prop_assert_eq!(store.standing(KEY), &maximal[..]);
                prop_assert_eq!(store.hash(), model.stores[0].hash());
            }
            for (one, two) in model.reported.iter().flatten() {
                prop_assert!(model.are_concurrent(*one, *two), "{one:?} and {two:?} are no conflict");
            }
            for (at, one) in writes.iter().enumerate() {
                for two in writes[at + 1..].iter().filter(|two| model.are_concurrent(*one, **two)) {
                    prop_assert!(model.is_reported(*one, *two), "{one:?} and {two:?} were missed");
                }
            }
            prop_assert!(model.most_named < WRITERS as usize);
        }
    }

    #[test]
    fn a_write_that_saw_both_sides_of_a_conflict_ends_it() {
        let mut model = Model::new();
        model.write(0, KEY, false);
        model.write(1, KEY, true);
        model.tell(0, 1, 0, 1);
        let (one, two) = (Dot { writer: NodeId(0), counter: 1 }, Dot { writer: NodeId(1), counter: 1 });
        assert_eq!(model.stores[1].standing(KEY), [one, two]);
        assert!(model.stores[1].has(NodeId(1), KEY), "one side has a value");
        model.write(1, KEY, true);
        let resolved = Dot { writer: NodeId(1), counter: 2 };
        assert_eq!(model.stores[1].standing(KEY), [resolved]);
        assert!(!model.stores[1].has(NodeId(1), KEY));
        // It may come before what it saw, and then it waits.
        model.tell(1, 2, 1, 5);
        assert_eq!(model.stores[2].standing(KEY), []);
        model.tell(0, 2, 0, 5);
        assert_eq!(model.stores[2].standing(KEY), [resolved]);
        assert_eq!(model.reported[2], BTreeSet::new());
    }

    /// Node 0 writes, node 1 sees it and writes too, and both forget it all; what node 1 wrote is at node 2, and waits.
    #[test]
    fn what_a_new_life_has_forgotten_is_waited_for_no_longer() {
        let mut model = Model::new();
        model.write(0, KEY, false);
        model.tell(0, 1, 0, 1);
        model.write(1, KEY, false);
        model.tell(1, 2, 1, 1);
        assert_eq!(model.stores[2].standing(KEY), []);
        let mut again = Store::default();
        let sweep = again.sweep(NodeId(0), 1 << 32).expect("it is short");
        for node in [1, 2] {
            assert_eq!(model.stores[node].apply(std::slice::from_ref(&sweep)), [true]);
            model.take_in(node, sweep.dot);
            assert_eq!(model.stores[node].standing(KEY), [Dot { writer: NodeId(1), counter: 1 }]);
        }
    }

    #[test]
    fn a_context_has_a_bound_and_what_it_leaves_out_stays_in_conflict() {
        let many = MAX_CONTEXT as u32 + 20;
        let mut store = Store::default();
        for writer in 0..many {
            let entry = Entry {
                dot: Dot { writer: NodeId(writer), counter: 1 },
                key: Arc::from(KEY),
                value: Arc::from([]),
                tag: rumormill_protocol::Tag::default(),
            };
            store.apply(std::slice::from_ref(&entry));
            store.take_in(entry.dot);
        }
        assert_eq!(store.standing(KEY).len(), many as usize);
        let me = NodeId(5_000);
        for stands in [21, 21] {
            let entry = store.write(me, 0, Arc::from(KEY), Arc::from([])).expect("there is room");
            assert_eq!(entry.tag.context().len(), MAX_CONTEXT);
            store.wrote(entry.dot);
            assert_eq!(store.standing(KEY).len(), stands);
        }
        // Another writer's next write supersedes those too.
        let entry = store.write(NodeId(5_001), 0, Arc::from(KEY), Arc::from([])).expect("there is room");
        store.wrote(entry.dot);
        assert_eq!(store.standing(KEY), [entry.dot]);
    }
}
