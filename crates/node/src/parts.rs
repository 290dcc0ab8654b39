//! The whole state cut into messages. Where to cut is found once for what everyone started with, between writers;
//! what changed since stays in the part that its writer belongs to, and a part that became too long by it is cut again.

use std::{fmt, sync::Arc};

use rumormill_protocol::{Dot, Entry, NodeId, WarmBoot};

use crate::{
    base::Base,
    codec::{FULL_NAME_BYTES, name_bytes},
    message::Names,
    portions::CHUNK_BYTES,
    snapshot::Snapshot,
    writer_log::{Squeezed, WriterLog, mentioned_bytes, run_bytes, run_bytes_max},
};

/// A part is cut again when it takes more than this: it then stays far below the longest message.
const MOST_BYTES: usize = 2 * CHUNK_BYTES;

/// A part of the whole state.
///
/// At its sender it is a range of the state as it stood, shared and not copied; where it was read from bytes it holds
/// its entries.
#[derive(Clone)]
pub struct Part(Source);

#[derive(Clone)]
enum Source {
    Shared {
        state: Snapshot,
        /// The range begins with this write.
        from: Dot,
        /// And ends before this one.
        to: Dot,
    },
    Read(Vec<Entry>),
}

impl Snapshot {
    /// All of it in parts. Costs as much as there are parts and changed logs, however many entries.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let alone = [BasePart::without_base()];
        let base = self.base().map_or(&alone[..], |base| base.parts());
        let mut parts = Vec::with_capacity(base.len());
        for part in base {
            let changed = self.changed(part.first, part.end).iter();
            let (grown, shrunk) = changed.fold((0, 0), |(grown, shrunk), (writer, log)| {
                (grown + log.bytes_max(), shrunk + run_bytes_max(self.base_log(*writer)))
            });
            let bytes = part.bytes_max + grown - shrunk;
            let (from, to) = (start_of(part.first), start_of(part.end));
            match bytes {
                0 => {}
                1..=MOST_BYTES => parts.push(Part(Source::Shared { state: self.clone(), from, to })),
                _ => self.cut(from, to, &mut parts),
            }
        }
        parts
    }

    fn cut(&self, mut from: Dot, to: Dot, parts: &mut Vec<Part>) {
        let mut bytes = 0;
        for entry in self.logs(from.writer, to.writer).flat_map(|(_, log)| log) {
            if bytes >= CHUNK_BYTES {
                parts.push(Part(Source::Shared { state: self.clone(), from, to: entry.dot }));
                (from, bytes) = (entry.dot, 0);
            }
            bytes += run_bytes_max(std::slice::from_ref(entry));
        }
        parts.push(Part(Source::Shared { state: self.clone(), from, to }));
    }

    fn base_log(&self, writer: NodeId) -> &[Entry] {
        self.base().map_or(&[], |base| base.warm.log(writer))
    }
}

impl Part {
    /// Its entries, ascending by writer and counter where it was not read from bytes that say otherwise.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.runs().flatten()
    }

    /// Its entries, writer by writer.
    pub(crate) fn runs(&self) -> Box<dyn Iterator<Item = &[Entry]> + '_> {
        match &self.0 {
            Source::Shared { state, from, to } => {
                let logs = state.logs(from.writer, end_of(*to));
                Box::new(logs.map(|(_, log)| clipped(log, *from, *to)).filter(|run| !run.is_empty()))
            }
            Source::Read(entries) => {
                Box::new(entries.chunk_by(|one, next| one.dot.writer == next.dot.writer))
            }
        }
    }

    /// Whether it shares the start of a state, so that all news in it is in what changed.
    pub(crate) fn began_as(&self, state: &Snapshot) -> bool {
        matches!(&self.0, Source::Shared { state: theirs, .. } if theirs.has_base_of(state))
    }

    /// The logs that changed since the start, and of each what belongs to this part.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&Arc<WriterLog>, &[Entry])> {
        let changed = match &self.0 {
            Source::Shared { state, from, to } => Some((state.changed(from.writer, end_of(*to)), *from, *to)),
            Source::Read(_) => None,
        };
        changed
            .into_iter()
            .flat_map(|(changed, from, to)| changed.iter().map(move |(_, log)| (log, clipped(log, from, to))))
    }

    /// Bytes that its entries take on the wire. Costs as much as there are changed logs.
    pub(crate) fn bytes(&self, names: Names) -> usize {
        let Some(unchanged) = self.base_part() else { return self.bytes_one_by_one(names) };
        let Some(named) = unchanged.named(names) else { return self.bytes_one_by_one(names) };
        self.replaced().fold(unchanged.bytes + named, |bytes, (old, new)| {
            let named = newcomer_bytes(old, names, new.writer()) + new.mentioned_bytes(names);
            bytes + new.bytes() + named - run_bytes(old) - mentioned_bytes(names, old)
        })
    }

    fn bytes_one_by_one(&self, names: Names) -> usize {
        let named = |run: &[Entry]| name_bytes(names, run[0].dot.writer) + mentioned_bytes(names, run);
        self.runs().map(|run| named(run) + run_bytes(run)).sum()
    }

    /// The part of the start that this is, but for what changed.
    fn base_part(&self) -> Option<&BasePart> {
        let Source::Shared { state, from, to } = &self.0 else { return None };
        let parts = state.base()?.parts();
        let at = parts.binary_search_by_key(&from.writer, |part| part.first).ok()?;
        let part = &parts[at];
        ((start_of(part.first), start_of(part.end)) == (*from, *to)).then_some(part)
    }

    /// The same range of another state.
    fn over(&self, state: Snapshot) -> Self {
        match &self.0 {
            Source::Shared { from, to, .. } => Self(Source::Shared { state, from: *from, to: *to }),
            Source::Read(_) => self.clone(),
        }
    }

    /// What was there at the start of each writer whose log changed, and what is there now.
    fn replaced(&self) -> impl Iterator<Item = (&[Entry], &Arc<WriterLog>)> {
        let base = self.base();
        let old = move |log: &WriterLog| base.map_or(&[][..], |base| base.warm.log(log.writer()));
        self.changed().map(move |(log, _)| (old(log), log))
    }

    /// About its message's length when compressed: that of the same part of what everyone started with, and what each
    /// changed log takes by itself, less what the log takes that it replaced. Nothing where that would not be near
    /// the truth: where members of the roster are named in full, or a quarter of the part changed.
    pub(crate) fn squeezed(
        &self,
        names: Names,
        level: i32,
        of_part: impl FnOnce(Self) -> usize,
        of_log: impl Fn(&[Entry]) -> usize,
    ) -> Option<usize> {
        let (base, unchanged) = (self.base()?, self.base_part()?);
        if names != Names::Roster(unchanged.roster) {
            return None;
        }
        let (mut bytes, mut change) = (0, 0);
        for (old, log) in self.replaced() {
            bytes += log.bytes();
            change += (log.squeezed(level, &of_log) + newcomer_bytes(old, names, log.writer())) as isize;
            change -= base.squeezed_log(log.writer(), level, &of_log) as isize;
        }
        if bytes > unchanged.bytes / 4 {
            return None;
        }
        let of_base = || of_part(self.over(Snapshot::of(Arc::clone(base))));
        unchanged.squeezed.at(level, of_base).checked_add_signed(change)
    }

    fn base(&self) -> Option<&Arc<Base>> {
        match &self.0 {
            Source::Shared { state, .. } => state.base(),
            Source::Read(_) => None,
        }
    }
}

/// A part of what everyone started with.
#[derive(Debug)]
pub(crate) struct BasePart {
    first: NodeId,
    end: NodeId,
    /// What its runs take on the wire, but for members' names.
    bytes: usize,
    /// What they take at most, but for their writers' names.
    bytes_max: usize,
    /// What the names take, in full.
    full_names: usize,
    /// What they take where those of the roster go by index.
    short_names: usize,
    roster: u32,
    /// Its message's length when compressed, with the short names.
    squeezed: Squeezed,
}

impl BasePart {
    /// Cuts between writers, once a part is long enough. The last part has all writers after it too.
    pub(crate) fn all(warm: &WarmBoot) -> Vec<Self> {
        let roster = u32::try_from(warm.roster.len()).unwrap_or(u32::MAX);
        let mut parts = vec![Self { roster, ..Self::without_base() }];
        for log in warm.entries.chunk_by(|one, next| one.dot.writer == next.dot.writer) {
            let writer = log[0].dot.writer;
            let last = parts.last_mut().expect("there is a part from the start");
            if last.bytes_max >= CHUNK_BYTES {
                last.end = writer;
                parts.push(Self { first: writer, roster, ..Self::without_base() });
            }
            let last = parts.last_mut().expect("there is a part from the start");
            last.bytes += run_bytes(log);
            last.bytes_max += run_bytes_max(log);
            last.full_names += FULL_NAME_BYTES + mentioned_bytes(Names::Full, log);
            let short = Names::Roster(roster);
            last.short_names += name_bytes(short, writer) + mentioned_bytes(short, log);
        }
        parts
    }

    /// The one part of a state that nobody started with.
    fn without_base() -> Self {
        Self {
            first: NodeId(0),
            end: NodeId(u32::MAX),
            bytes: 0,
            bytes_max: 0,
            full_names: 0,
            short_names: 0,
            roster: 0,
            squeezed: Squeezed::default(),
        }
    }

    /// What the writers' names take, where that was found before.
    fn named(&self, names: Names) -> Option<usize> {
        match names {
            Names::Full => Some(self.full_names),
            Names::Roster(length) => (length == self.roster).then_some(self.short_names),
        }
    }
}

impl From<Vec<Entry>> for Part {
    fn from(entries: Vec<Entry>) -> Self {
        Self(Source::Read(entries))
    }
}

/// Parts with the same entries are equal, however they hold them.
impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

/// What the name takes of a writer that had nothing at the start.
fn newcomer_bytes(old: &[Entry], names: Names, writer: NodeId) -> usize {
    if old.is_empty() { name_bytes(names, writer) } else { 0 }
}

const fn start_of(writer: NodeId) -> Dot {
    Dot { writer, counter: 0 }
}

/// The writer after the last that has writes before `to`.
const fn end_of(to: Dot) -> NodeId {
    NodeId(to.writer.0 + (to.counter > 0) as u32)
}

/// What of a log lies in a range.
fn clipped(log: &[Entry], from: Dot, to: Dot) -> &[Entry] {
    let start = log.partition_point(|entry| entry.dot < from);
    &log[start..start + log[start..].partition_point(|entry| entry.dot < to)]
}
