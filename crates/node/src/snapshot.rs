use std::sync::Arc;

use rumormill_protocol::{Dot, Entry, NodeId};

use crate::{base::Base, writer_log::WriterLog};

/// The state of a node at one moment: what everyone started with, and the logs that changed since. A copy shares
/// both, so it costs the same however much there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    base: Option<Arc<Base>>,
    /// Ascending by writer.
    changed: Arc<Vec<(NodeId, Arc<WriterLog>)>>,
}

impl Snapshot {
    pub(crate) fn of(base: Arc<Base>) -> Self {
        Self { base: Some(base), changed: Arc::default() }
    }

    pub(crate) fn base(&self) -> Option<&Arc<Base>> {
        self.base.as_ref()
    }

    /// Whether both have the very same start.
    pub(crate) fn has_base_of(&self, other: &Self) -> bool {
        match (&self.base, &other.base) {
            (Some(one), Some(two)) => Arc::ptr_eq(&one.warm, &two.warm),
            _ => false,
        }
    }

    /// A writer's undominated writes, ascending.
    pub(crate) fn log(&self, writer: NodeId) -> &[Entry] {
        match self.place(writer) {
            Ok(at) => &self.changed[at].1,
            Err(_) => self.base.as_ref().map_or(&[], |base| base.warm.log(writer)),
        }
    }

    /// The write of a dot, unless a later one replaced it.
    pub(crate) fn entry(&self, dot: Dot) -> Option<&Entry> {
        let log = self.log(dot.writer);
        log.binary_search_by_key(&dot.counter, |entry| entry.dot.counter).ok().map(|at| &log[at])
    }

    /// The version up to which there are a writer's writes.
    pub(crate) fn version(&self, writer: NodeId) -> u64 {
        match self.place(writer) {
            Ok(at) => self.changed[at].1.version(),
            Err(_) => self.base.as_ref().map_or(0, |base| base.version(writer)),
        }
    }

    /// Writers with any writes, ascending, and their versions.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        let logs = self.logs(NodeId(0), NodeId(u32::MAX));
        logs.filter_map(|(writer, log)| Some((writer, log.last()?.dot.counter)))
    }

    /// The version that everyone who started alike had of a writer.
    pub(crate) fn started_with(&self, writer: NodeId) -> u64 {
        self.base.as_ref().map_or(0, |base| base.version(writer))
    }

    /// Puts a log in place of the writer's present one. Copies of before keep what they have.
    pub(crate) fn replace(&mut self, writer: NodeId, log: Arc<WriterLog>) {
        let place = self.place(writer);
        let changed = Arc::make_mut(&mut self.changed);
        match place {
            Ok(at) => changed[at].1 = log,
            Err(at) => changed.insert(at, (writer, log)),
        }
    }

    /// The logs that changed since the start, of the writers from `first` to before `end`.
    pub(crate) fn changed(&self, first: NodeId, end: NodeId) -> &[(NodeId, Arc<WriterLog>)] {
        let start = |writer| self.changed.partition_point(|(changed, _)| *changed < writer);
        &self.changed[start(first)..start(end.max(first))]
    }

    /// Writers with any writes from `first` to before `end`, ascending, and their logs.
    pub(crate) fn logs(&self, first: NodeId, end: NodeId) -> impl Iterator<Item = (NodeId, &[Entry])> + '_ {
        let changed = self.changed(first, end);
        let base = self.base.as_ref().map_or(&[][..], |base| base.warm.logs(first, end));
        let shared = base
            .chunk_by(|one, next| one.dot.writer == next.dot.writer)
            .map(|log| (log[0].dot.writer, log))
            .filter(|(writer, _)| changed.binary_search_by_key(writer, |(changed, _)| *changed).is_err());
        merge(shared, changed.iter().map(|(writer, log)| (*writer, &log[..])))
    }

    fn place(&self, writer: NodeId) -> Result<usize, usize> {
        self.changed.binary_search_by_key(&writer, |(changed, _)| *changed)
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
