//! A node's own writes and deletes: what is refused, and what waits.
//!
//! A node that starts again has forgotten what it wrote, and others have not. One version per writer says what they have
//! of it, so a write of the new life would close the door to the old ones, at itself first of all. So its writes wait until
//! a peer has told it all; and before the first of them it says which of its earlier writes it knows (a sweep), so that
//! whatever nobody could tell it is dropped everywhere, and not kept by some.

use std::{collections::VecDeque, time::Duration};

use rumormill_protocol::{Dot, Event, Key, NodeId, Refusal, Time, Value};

use crate::{node::Node, sweep};

/// Lives of one id are told apart by this many bits of a write's counter.
pub(crate) const COUNTER_BITS: u32 = 32;

/// How long writes of a new life wait for the earlier ones at most.
const RECALL: Duration = Duration::from_secs(10);

/// Writes that wait at most; further ones are refused.
const MAX_WAITING: usize = 1024;

/// What a node was asked to write before it knew what it had written in earlier lives.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// Until when it waits to be told; nothing where it waits no more.
    recalls: Option<Time>,
    /// Keys and their values; a key without is to be deleted.
    waiting: VecDeque<(Key, Option<Value>)>,
}

impl Writing {
    pub(crate) fn begin(&mut self, now: Time, life: u32) {
        self.recalls = (life > 0).then(|| now + RECALL);
    }

    /// When to write what waits although nobody has told.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.recalls.filter(|_| !self.waiting.is_empty())
    }
}

impl Node {
    /// Whether a key has a value: a shared one whoever wrote it, another one where it is `writer`'s.
    pub fn holds(&self, writer: NodeId, key: &str) -> bool {
        self.store.has(writer, key)
    }

    /// How many of a writer's writes this node keeps: those that no later one replaced, deletes among them.
    pub fn writes_held(&self, writer: NodeId) -> usize {
        self.store.log(writer).len()
    }

    /// Writes a key's value, or deletes the key where there is none: now, or when the earlier writes are known.
    pub(crate) fn write(&mut self, now: Time, key: Key, value: Option<Value>) {
        if self.writing.recalls.is_none_or(|until| until <= now) {
            self.recalled(now);
            self.write_now(now, key, value);
        } else if self.writing.waiting.len() < MAX_WAITING {
            self.writing.waiting.push_back((key, value));
        } else {
            self.emit(Event::Refused(Refusal::TooManyWaiting));
        }
    }

    /// What there is to be known of this node's earlier writes is known now, or will not be.
    pub(crate) fn recalled(&mut self, now: Time) {
        if self.writing.recalls.take().is_some() {
            for (key, value) in std::mem::take(&mut self.writing.waiting) {
                self.write_now(now, key, value);
            }
        }
    }

    fn write_now(&mut self, now: Time, key: Key, value: Option<Value>) {
        let (me, life) = (self.start.me, self.start.generation);
        let floor = u64::from(life) << COUNTER_BITS;
        if let Some(refusal) = Refusal::of(&key, value.as_deref().unwrap_or_default()) {
            return self.emit(Event::Refused(refusal));
        }
        if value.is_none() && !self.store.has(me, &key) {
            return self.emit(Event::Refused(Refusal::Absent));
        }
        if life > 0 && self.store.version(me) <= floor {
            self.sweep(now, floor);
        }
        let deletes = value.is_none();
        let entry = match value {
            Some(value) => self.store.write(me, floor, key, value),
            None => self.store.delete(me, floor, key),
        };
        let Some(entry) = entry else { return self.emit(Event::Refused(Refusal::TooManyKeys)) };
        self.emit(Event::Wrote(entry.dot));
        self.wrote(now, entry.dot);
        if deletes && sweep::is_due(self.store.log(me)) {
            self.sweep(now, floor);
        }
    }

    /// A sweep is nobody's wish, so nobody is told that it was made.
    fn sweep(&mut self, now: Time, floor: u64) {
        if let Some(entry) = self.store.sweep(self.start.me, floor) {
            self.wrote(now, entry.dot);
        }
    }

    fn wrote(&mut self, now: Time, dot: Dot) {
        for (one, two) in self.store.wrote(dot).into_iter().flat_map(|outcome| outcome.conflicts) {
            self.emit(Event::Conflict(one, two));
        }
        if self.carries_deltas() {
            self.pass_on_own(now, dot);
        }
    }
}
