//! The versions that a digest states, as they stood at its sender: shared and not copied, and their length known without
//! writing them down.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use rumormill_protocol::{NodeId, WarmBoot, varint_len};

use crate::{message::Names, mix::mix2, snapshot::Snapshot};

/// States that are compressed to learn what one like them takes.
const DRAWS: u64 = 8;

/// Versions by writer, ascending where they were not read from bytes that say otherwise.
#[derive(Clone)]
pub struct Stated(Source);

#[derive(Clone)]
enum Source {
    /// All that a state has.
    Shared(Snapshot),
    Listed(Vec<(NodeId, u64)>),
}

impl Stated {
    /// All that a state has.
    pub(crate) const fn all_of(state: Snapshot) -> Self {
        Self(Source::Shared(state))
    }

    /// Writers and their versions.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (NodeId, u64)> + '_> {
        match &self.0 {
            Source::Shared(state) => Box::new(state.versions()),
            Source::Listed(versions) => Box::new(versions.iter().copied()),
        }
    }

    /// The state that they are of, where it began as another one did.
    pub(crate) fn began_as(&self, other: &Snapshot) -> Option<&Snapshot> {
        self.shared().filter(|state| state.has_base_of(other))
    }

    const fn shared(&self) -> Option<&Snapshot> {
        match &self.0 {
            Source::Shared(state) => Some(state),
            Source::Listed(_) => None,
        }
    }

    /// Bytes that the list takes on the wire, found from what changed; nothing where it has to be counted.
    pub(crate) fn bytes(&self, names: Names) -> Option<usize> {
        let (start, changes) = self.changes(names)?;
        let grown: usize = changes.iter().map(|change| varint_len(change.now)).sum();
        let shrunk: usize = changes.iter().map(|change| varint_len(change.before)).sum();
        Some(start.bytes + grown - shrunk)
    }

    /// About the length of its message when compressed, as `squeeze` finds it for a list: the mean over some states in which
    /// as many writers wrote as much since the start, drawn by hash. Both numbers are rounded to one part in 64, so that few
    /// such states are ever compressed.
    pub(crate) fn squeezed(
        &self,
        names: Names,
        level: i32,
        squeeze: impl Fn(Self) -> usize,
    ) -> Option<usize> {
        let (start, changes) = self.changes(names)?;
        let more: u64 = changes.iter().map(|change| change.now - change.before).sum();
        let (writers, writes) = (rounded(changes.len() as u64), rounded(more));
        let mut known = start.squeezed.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |draw| squeeze(Self(Source::Listed(start.with_changes(writers, writes, draw))));
        let like = || (0..DRAWS).map(one).sum::<usize>() / DRAWS as usize;
        Some(*known.entry((writers, writes, level)).or_insert_with(like))
    }

    /// What everyone started with and what changed; nothing where that does not say all that is on the wire.
    fn changes(&self, names: Names) -> Option<(&Start, Vec<Change>)> {
        let state = self.shared()?;
        let base = state.base()?;
        let start = base.digest();
        if names != Names::Roster(start.roster) || !start.in_roster {
            return None;
        }
        let changed = state.changed(NodeId(0), NodeId(u32::MAX)).iter();
        let change = |(writer, now): (NodeId, u64)| {
            let before = base.version(writer);
            (before > 0 && now >= before).then_some(Change { before, now })
        };
        let changes = changed.map(|(writer, log)| change((*writer, log.version()))).collect::<Option<_>>()?;
        Some((start, changes))
    }
}

struct Change {
    before: u64,
    now: u64,
}

impl From<Vec<(NodeId, u64)>> for Stated {
    fn from(versions: Vec<(NodeId, u64)>) -> Self {
        Self(Source::Listed(versions))
    }
}

impl PartialEq for Stated {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Stated {}

impl fmt::Debug for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The versions that everyone started with.
#[derive(Debug)]
pub(crate) struct Start {
    versions: Vec<(NodeId, u64)>,
    roster: u32,
    /// Whether all writers are of the roster.
    in_roster: bool,
    /// What the list takes where writers go by index.
    bytes: usize,
    /// Lengths when compressed, by how many writers wrote, how much, and the level. Numbers are rounded, so there are some
    /// thousand at most.
    squeezed: Mutex<BTreeMap<(u64, u64, i32), usize>>,
}

impl Start {
    pub(crate) fn of(warm: &WarmBoot) -> Self {
        let logs = warm.entries.chunk_by(|one, next| one.dot.writer == next.dot.writer);
        let versions: Vec<_> =
            logs.map(|log| log[log.len() - 1].dot).map(|dot| (dot.writer, dot.counter)).collect();
        let roster = u32::try_from(warm.roster.len()).unwrap_or(u32::MAX);
        let mut next = 0;
        let mut bytes = varint_len(versions.len() as u64);
        for (writer, version) in &versions {
            bytes += varint_len(u64::from(writer.0 - next)) + varint_len(*version);
            next = writer.0 + 1;
        }
        Self { in_roster: next <= roster, versions, roster, bytes, squeezed: Mutex::default() }
    }

    /// So many writers, drawn by hash, wrote so much in all.
    fn with_changes(&self, writers: u64, writes: u64, draw: u64) -> Vec<(NodeId, u64)> {
        let mut drawn: Vec<usize> = (0..self.versions.len()).collect();
        drawn.sort_unstable_by_key(|at| mix2(draw, *at as u64));
        drawn.truncate(writers as usize);
        let mut versions = self.versions.clone();
        for write in 0..writes {
            // Everyone writes once, then some again.
            let who = if write < writers { write } else { mix2(draw, write) % writers.max(1) };
            if let Some(at) = drawn.get(who as usize) {
                versions[*at].1 += 1;
            }
        }
        versions
    }
}

/// A number without its bits after the first seven.
const fn rounded(number: u64) -> u64 {
    let spare = (u64::BITS - number.leading_zeros()).saturating_sub(7);
    number >> spare << spare
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::RngExt;
    use rumormill_protocol::{Contact, Dot, Entry, Tag, Wire, generator};

    use super::*;
    use crate::{
        base::Base,
        config::Compression,
        message::{Body, Digest, Message},
        store::Store,
    };

    #[test]
    fn what_a_digest_takes_is_known_without_writing_it() {
        let address = ([127, 0, 0, 1], 1).into();
        let roster = (0..2_000).map(|number| Contact { id: NodeId(number), address }).collect();
        let entry = |writer, counter| Entry {
            tag: Tag::default(),
            dot: Dot { writer: NodeId(writer), counter },
            key: Arc::from(format!("k{}", counter % 8)),
            value: Arc::from([1]),
        };
        let entries =
            (0..2_000).flat_map(|writer| (1..=8).map(move |counter| entry(writer, counter))).collect();
        let mut store = Store::default();
        store.load(Arc::new(Base::new(&Arc::new(WarmBoot::new(roster, entries)))));
        let mut random = generator(5);
        let (mut all_said, mut all_written) = (0, 0);
        for writes in 0..6_000 {
            let names = Names::Roster(2_000);
            let compression = Compression::Zstd { level: 1 };
            let versions = Stated::all_of(store.state().clone());
            let body = Body::Digest(Digest { first: 0, end: u32::MAX, versions });
            let message = Message { names, compression, body };
            if writes % 37 == 0 {
                let (said, written) = (message.sizes(), message.encode(&mut Vec::new()));
                assert_eq!(said.payload, written.payload);
                let off = said.compressed.abs_diff(written.compressed);
                assert!(off <= 8 + written.compressed / 5, "{said:?} {written:?} after {writes}");
                (all_said, all_written) = (all_said + said.compressed, all_written + written.compressed);
            }
            let writer = random.random_range(0..2_000);
            let next = store.version(NodeId(writer)) + 1;
            assert_eq!(store.apply(&[entry(writer, next)]), [true]);
        }
        assert!(all_said.abs_diff(all_written) <= all_written / 50, "{all_said} {all_written}");
    }
}
