use std::{sync::Arc, time::Duration};

use rand::RngExt;
use rumormill_protocol::{
    Entry, Event, Key, NodeId, Refusal, Start, Status, Value, View, WarmBoot, generator,
};

use crate::{
    outbox::Outbox,
    roster::{MAX_MEMBERS, Member, Roster},
    timing::Timing,
    writes::Writes,
};

/// What any baseline's node consists of: who it is, whom it knows, what was written, and what it wants done.
#[derive(Debug)]
pub(crate) struct Core<M> {
    pub(crate) start: Start,
    pub(crate) timing: Timing,
    pub(crate) stage: Stage,
    pub(crate) roster: Roster,
    pub(crate) writes: Writes,
    pub(crate) out: Outbox<M>,
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not started: silent.
    Idle,
    /// Started alone, and not told yet who is there.
    Joining,
    /// Part of the cluster.
    Running,
    /// Said goodbye: silent again.
    Gone,
}

impl<M> Core<M> {
    pub(crate) fn new(start: Start, timing: Timing) -> Self {
        Self {
            start,
            timing,
            stage: Stage::Idle,
            roster: Roster::default(),
            writes: Writes::default(),
            out: Outbox::new(),
        }
    }

    /// Starts with what everyone knows, or alone.
    pub(crate) fn begin(&mut self, warm: Option<&Arc<WarmBoot>>) {
        if let Some(warm) = warm {
            self.roster.load(warm);
            self.writes.load(warm);
        }
        self.stage = if warm.is_some() { Stage::Running } else { Stage::Joining };
        let Start { me, address, generation, .. } = self.start;
        let myself = Member { life: generation, status: Status::Alive, address };
        if self.roster.member(me) != Some(myself) {
            self.roster.set(me, myself);
        }
    }

    pub(crate) const fn is_started(&self) -> bool {
        matches!(self.stage, Stage::Joining | Stage::Running)
    }

    /// Where in its protocol period this node acts: nodes that boot together must not act together.
    pub(crate) fn phase(&self) -> Duration {
        self.timing.protocol_period.mul_f64(generator(self.start.seed).random_range(0.0..1.0))
    }

    /// Whether a message comes from a life of its sender that is over.
    pub(crate) fn is_over(&self, from: NodeId, life: u32) -> bool {
        let over = |known: Member| life < known.life || (life == known.life && known.status == Status::Left);
        self.roster.member(from).is_some_and(over)
    }

    /// Notes what is thought of another member from now on, and says so where that is news.
    pub(crate) fn think(&mut self, id: NodeId, member: Member) {
        let before = self.roster.member(id);
        if id == self.start.me || id.index() >= MAX_MEMBERS || before == Some(member) {
            return;
        }
        self.roster.set(id, member);
        let same_life = before.is_some_and(|before| before.life == member.life);
        if same_life && before.is_some_and(|before| before.status == member.status) {
            return;
        }
        let event = match member.status {
            Status::Suspect => Event::Suspected(id),
            Status::Dead => Event::DeclaredDead(id),
            Status::Left => Event::Left(id),
            Status::Alive | Status::Unknown => Event::Alive(id),
        };
        self.out.emit(event);
    }

    /// Makes a write of this node's own, unless it is too long or there is no room for its key.
    pub(crate) fn put(&mut self, key: Key, value: Value) -> Option<Entry> {
        if let Some(refusal) = Refusal::of(&key, &value) {
            self.out.emit(Event::Refused(refusal));
            return None;
        }
        let entry = self.writes.write(self.start.me, self.start.generation, key, value);
        let event =
            entry.as_ref().map_or(Event::Refused(Refusal::TooManyKeys), |entry| Event::Wrote(entry.dot));
        self.out.emit(event);
        entry
    }

    /// There are no deletes.
    pub(crate) fn delete(&mut self) {
        self.out.emit(Event::Refused(Refusal::Unsupported));
    }

    /// Takes in a write that arrived; says whether it was new.
    pub(crate) fn apply(&mut self, entry: &Entry) -> bool {
        let new = if entry.dot.writer == self.start.me {
            self.writes.restore(entry, self.start.generation)
        } else {
            self.writes.apply(entry)
        };
        if new {
            self.out.emit(Event::Applied(entry.dot));
        }
        new
    }
}

impl<M> View for Core<M> {
    fn status(&self, member: NodeId) -> Status {
        self.roster.member(member).map_or(Status::Unknown, |known| known.status)
    }

    fn life(&self, member: NodeId) -> u32 {
        self.roster.member(member).map_or(0, |known| known.life)
    }

    fn alive(&self) -> usize {
        self.roster.alive()
    }

    fn version(&self, writer: NodeId) -> u64 {
        self.writes.version(writer)
    }
}
