//! State by digests: at each exchange one node tells another its versions; the other sends what is later, and says which
//! of its own are not, to be sent these (van Renesse and others, "Efficient reconciliation and flow control for
//! anti-entropy protocols", 2008, calls it Scuttlebutt, without its limit on what is sent).

use rumormill_protocol::{Cause, Channel, NodeId};

use crate::{
    message::{Digest, Scope},
    node::Node,
    portions,
    snapshot::Snapshot,
};

impl Node {
    pub(crate) fn begin_exchange(&mut self) {
        let Some(partner) = self.random_peer() else { return };
        for part in portions::shared_digests(&self.store) {
            self.send(partner, Channel::Stream, Cause::Digest, part);
        }
    }

    pub(crate) fn answer_exchange(&mut self, from: NodeId, theirs: &Digest) {
        let of_both = self.versions_of_both(theirs);
        let there = of_both.iter().filter(|(_, mine, theirs)| theirs < mine);
        let here = of_both.iter().filter(|(_, mine, theirs)| mine < theirs);
        let lacking_there: Vec<_> = there.map(|(writer, _, theirs)| (*writer, *theirs)).collect();
        let lacking_here: Vec<_> = here.map(|(writer, mine, _)| (*writer, *mine)).collect();
        if !lacking_here.is_empty() {
            self.tell_versions(from, Scope::Lacking, lacking_here);
        }
        self.send_writes(from, &lacking_there, None);
    }

    /// All writers whose versions may differ, ascending: this node's version of each, and the other's.
    fn versions_of_both(&self, theirs: &Digest) -> Vec<(NodeId, u64, u64)> {
        let mine = self.store.state();
        let (first, end) = (NodeId(theirs.first), NodeId(theirs.end));
        let mut of_both: Vec<(NodeId, u64, u64)> = Vec::new();
        if let Some(state) = theirs.versions.began_as(mine) {
            // What did not change since the start is the same.
            let changed = |state: &Snapshot| -> Vec<NodeId> {
                state.changed(first, end).iter().map(|(writer, _)| *writer).collect()
            };
            let mut writers = [changed(mine), changed(state)].concat();
            writers.sort_unstable();
            writers.dedup();
            of_both.extend(
                writers.into_iter().map(|writer| (writer, mine.version(writer), state.version(writer))),
            );
        } else {
            let mut versions: Vec<_> = theirs.versions.iter().collect();
            versions.sort_unstable();
            let here =
                mine.logs(first, end).filter_map(|(writer, log)| Some((writer, log.last()?.dot.counter)));
            for (writer, version) in here {
                let at = versions.binary_search_by_key(&writer, |(writer, _)| *writer);
                of_both.push((writer, version, at.map_or(0, |at| versions[at].1)));
            }
            let unknown = versions.iter().filter(|(writer, _)| mine.version(*writer) == 0);
            of_both.extend(unknown.map(|(writer, version)| (*writer, 0, *version)));
            of_both.sort_unstable();
        }
        of_both
    }
}
