//! How state is cut into messages.

use rumormill_protocol::{Entry, NodeId};

use crate::{
    message::{Body, Digest},
    stated::Stated,
    store::Store,
};

/// Encoded bytes of writes that one message carries, but for the last write of it.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Writers that one digest names at most: it then stays below the longest message.
pub(crate) const DIGEST_WRITERS: u32 = 16_384;

/// What a peer lacks whose versions of some writers are these.
pub(crate) fn lacking(digest: &Digest, store: &Store) -> Vec<Vec<Entry>> {
    let mut theirs: Vec<_> = digest.versions.iter().collect();
    theirs.sort_by_key(|(writer, _)| *writer);
    let mut theirs = theirs.into_iter().peekable();
    let mut version_of = |writer| {
        let mut version = 0;
        while let Some((named, said)) = theirs.next_if(|(named, _)| *named <= writer) {
            version = if named == writer { said } else { 0 };
        }
        version
    };
    let lacking = store.state().logs(NodeId(digest.first), NodeId(digest.end)).flat_map(|(writer, log)| {
        let version = version_of(writer);
        &log[log.partition_point(|entry| entry.dot.counter <= version)..]
    });
    chunks(lacking)
}

/// What is later than these versions of these writers.
pub(crate) fn later_than(have: &[(NodeId, u64)], store: &Store) -> Vec<Body> {
    let later = have.iter().flat_map(|&(writer, version)| {
        let log = store.log(writer);
        &log[log.partition_point(|entry| entry.dot.counter <= version)..]
    });
    chunks(later).into_iter().map(|entries| Body::Delta { upto: None, entries }).collect()
}

/// This node's own digest, in parts that together cover all writers.
pub(crate) fn digests(store: &Store) -> Vec<Body> {
    let versions: Vec<(NodeId, u64)> = store.versions().collect();
    let mut parts = Vec::new();
    let mut first = 0;
    let mut rest = versions.as_slice();
    loop {
        let (part, more) = rest.split_at(rest.len().min(DIGEST_WRITERS as usize));
        let end = more.first().map_or(u32::MAX, |(writer, _)| writer.0);
        parts.push(Body::Digest(Digest { first, end, versions: part.to_vec().into() }));
        if more.is_empty() {
            return parts;
        }
        (first, rest) = (end, more);
    }
}

/// The same, shared and not copied where one part has it all.
pub(crate) fn shared_digests(store: &Store) -> Vec<Body> {
    let state = store.state();
    let base = state.base().map_or(0, |base| base.writer_numbers());
    // Numbers that nobody writes under are counted too: that costs a copy at worst.
    if base + state.changed(NodeId(0), NodeId(u32::MAX)).len() > DIGEST_WRITERS as usize {
        return digests(store);
    }
    let versions = Stated::all_of(state.clone());
    vec![Body::Digest(Digest { first: 0, end: u32::MAX, versions })]
}

/// Splits writes into messages of about [`CHUNK_BYTES`].
pub(crate) fn chunks<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Vec<Entry>> {
    let mut chunks: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = CHUNK_BYTES;
    for entry in entries {
        if bytes >= CHUNK_BYTES {
            chunks.push(Vec::new());
            bytes = 0;
        }
        bytes += weight(entry);
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(entry.clone());
        }
    }
    chunks
}

/// About what a write takes on the wire.
pub(crate) fn weight(entry: &Entry) -> usize {
    entry.key.len() + entry.value.len() + 24 + 24 * entry.tag.context().len()
}
