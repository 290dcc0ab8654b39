use std::{collections::BTreeMap, sync::Arc};

use rumormill_protocol::{Dot, NodeId, WarmBoot};

use crate::{
    central::message::Change,
    codec::{CHUNK_BYTES, write_bytes_max},
    roster::Roster,
    writes::Writes,
};

/// Below this many places nothing is swept.
const SWEEP_FROM: usize = 1_024;

/// The coordinator's record of what changed, in order. The first places are what everyone booted with: the members,
/// then the writes. Of each later place only the subject is held, and what became of it looked up when it is told; a
/// place whose subject changed again, or was replaced, is skipped. Such places are swept out whenever the record has
/// doubled, so it is at most twice as long as there are members and undominated writes.
#[derive(Debug, Default)]
pub(super) struct Record {
    warm: Option<Arc<WarmBoot>>,
    later: BTreeMap<u64, Subject>,
    /// The last place of each member that changed.
    members: BTreeMap<NodeId, u64>,
    end: u64,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Member(NodeId),
    Write(Dot),
}

/// A part of the record.
pub(super) struct Part {
    pub(super) upto: u64,
    pub(super) more: bool,
    pub(super) changes: Vec<Change>,
}

impl Record {
    pub(super) fn load(&mut self, warm: &Arc<WarmBoot>) {
        self.end = booted(warm);
        self.warm = Some(Arc::clone(warm));
    }

    /// The last place.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Something changed.
    pub(super) fn add(&mut self, subject: Subject, writes: &Writes) {
        self.end += 1;
        self.later.insert(self.end, subject);
        if let Subject::Member(id) = subject {
            self.members.insert(id, self.end);
        }
        if self.later.len() >= self.sweep_at.max(SWEEP_FROM) {
            let members = &self.members;
            self.later.retain(|at, subject| match subject {
                Subject::Member(id) => members.get(id) == Some(at),
                Subject::Write(dot) => writes.entry(*dot).is_some(),
            });
            self.sweep_at = 2 * self.later.len();
        }
    }

    /// What follows a place, but for what `spare` says need not be told; about a message's worth.
    pub(super) fn after(
        &self,
        position: u64,
        roster: &Roster,
        writes: &Writes,
        spare: impl Fn(Subject) -> bool,
    ) -> Part {
        let mut part = Part { upto: self.end, more: false, changes: Vec::new() };
        let mut bytes = 0;
        for (at, subject) in self.places_after(position).filter(|(_, subject)| !spare(*subject)) {
            let change = match subject {
                Subject::Member(id) => roster.member(id).map(|member| Change::Member(id, member)),
                Subject::Write(dot) => writes.entry(dot).cloned().map(Change::Write),
            };
            let Some(change) = change else { continue };
            if bytes >= CHUNK_BYTES {
                part.more = true;
                return part;
            }
            bytes += bytes_max(&change);
            part.changes.push(change);
            part.upto = at;
        }
        part.upto = self.end;
        part
    }

    /// Places that still say something, ascending.
    fn places_after(&self, position: u64) -> impl Iterator<Item = (u64, Subject)> {
        let booted = self.warm.as_ref().map_or(0, booted);
        let base = (position + 1..=booted).filter_map(|at| Some((at, self.booted(at)?)));
        let later = self.later.range(position.max(booted) + 1..).map(|(&at, &subject)| (at, subject));
        base.chain(later).filter(|(at, subject)| match subject {
            Subject::Member(id) => self.members.get(id).is_none_or(|last| last == at),
            Subject::Write(_) => true,
        })
    }

    fn booted(&self, at: u64) -> Option<Subject> {
        let warm = self.warm.as_ref()?;
        let at = usize::try_from(at).ok()?.checked_sub(1)?;
        match at.checked_sub(warm.roster.len()) {
            None => Some(Subject::Member(warm.roster[at].id)),
            Some(at) => warm.entries.get(at).map(|entry| Subject::Write(entry.dot)),
        }
    }
}

/// How many places the boot takes.
pub(super) fn booted(warm: &Arc<WarmBoot>) -> u64 {
    (warm.roster.len() + warm.entries.len()) as u64
}

fn bytes_max(change: &Change) -> usize {
    const MEMBER_BYTES_MAX: usize = 48;
    match change {
        Change::Write(entry) => write_bytes_max(entry) + 17,
        Change::Member(..) => MEMBER_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::{Contact, Entry, Status, Tag};

    use super::*;
    use crate::roster::Member;

    fn entry(writer: u32, counter: u64, key: &str) -> Entry {
        let dot = Dot { writer: NodeId(writer), counter };
        Entry { dot, key: Arc::from(key), value: Arc::from([0; 100]), tag: Tag::default() }
    }

    fn contact(id: u32) -> Contact {
        Contact { id: NodeId(id), address: ([127, 0, 0, 1], id as u16 + 1).into() }
    }

    /// A record that begins with three members of two writes each, and what goes with it.
    fn booted() -> (Record, Roster, Writes) {
        let entries = (0..3).flat_map(|writer| [entry(writer, 1, "a"), entry(writer, 2, "b")]).collect();
        let warm = Arc::new(WarmBoot::new((0..3).map(contact).collect(), entries));
        let (mut record, mut roster, mut writes) = (Record::default(), Roster::default(), Writes::default());
        record.load(&warm);
        roster.load(&warm);
        writes.load(&warm);
        (record, roster, writes)
    }

    fn told(changes: &[Change]) -> Vec<String> {
        let short = |change: &Change| match change {
            Change::Member(id, member) => format!("{id} {:?}", member.status),
            Change::Write(entry) => format!("{}.{}", entry.dot.writer, entry.dot.counter),
        };
        changes.iter().map(short).collect()
    }

    #[test]
    fn what_changed_again_is_told_once_and_in_order() {
        let (mut record, mut roster, mut writes) = booted();
        assert_eq!(record.end(), 9);
        let member = roster.member(NodeId(1)).expect("it booted");
        for status in [Status::Dead, Status::Alive, Status::Dead] {
            roster.set(NodeId(1), Member { status, ..member });
            record.add(Subject::Member(NodeId(1)), &writes);
            let write = entry(2, writes.version(NodeId(2)) + 1, "a");
            assert!(writes.apply(&write));
            record.add(Subject::Write(write.dot), &writes);
        }
        let after = |position| record.after(position, &roster, &writes, |_| false);
        assert_eq!(told(&after(9).changes), ["n1 Dead", "n2.5"]);
        let all = after(0);
        let expected = ["n0 Alive", "n2 Alive", "n0.1", "n0.2", "n1.1", "n1.2", "n2.2", "n1 Dead", "n2.5"];
        assert_eq!((told(&all.changes), all.upto, all.more), (expected.map(String::from).into(), 15, false));
        assert_eq!((after(15).changes.len(), after(15).upto), (0, 15));
    }

    #[test]
    fn the_record_is_bounded_by_what_it_still_says() {
        let (mut record, roster, mut writes) = booted();
        for counter in 3..20_000 {
            let write = entry(1, counter, "a");
            assert!(writes.apply(&write));
            record.add(Subject::Write(write.dot), &writes);
        }
        assert!(record.later.len() <= SWEEP_FROM, "{}", record.later.len());
        assert_eq!(told(&record.after(9, &roster, &writes, |_| false).changes), ["n1.19999"]);
    }

    #[test]
    fn parts_follow_each_other_without_a_gap() {
        let (mut record, roster, mut writes) = booted();
        for counter in 3..3_000 {
            let write = entry(1, counter, &format!("key {counter}"));
            assert!(writes.apply(&write));
            record.add(Subject::Write(write.dot), &writes);
        }
        let (mut position, mut seen, mut parts) = (0, Vec::new(), 0);
        loop {
            let part = record.after(position, &roster, &writes, |_| false);
            seen.extend(told(&part.changes));
            (position, parts) = (part.upto, parts + 1);
            if !part.more {
                break;
            }
        }
        assert_eq!((seen.len(), position, parts > 3), (9 + 2_997, record.end(), true));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 9 + 2_997);
    }
}
