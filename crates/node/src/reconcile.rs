//! How two nodes find out what each lacks where that is a part of what they have, at a cost that grows with that part.
//!
//! One asks and the other tells: what changed since both started alike, where that is short; else symbols of a sketch,
//! until the asker can read what differs. The asker then sends what the teller lacks and says what it lacks itself. Both
//! may ask at once, each of the other: then the one with the smaller number asks, unless the other tells in whole.
//!
//! A node asks one peer at a time and tells one at a time. Who tells holds the turn of whoever it tells, so nobody waits
//! in a circle; a turn ends after [`TURN`] without progress.

use std::{collections::VecDeque, time::Duration};

use rand::RngExt;
use rumormill_protocol::{Cause, Channel, NodeId, Time};

use crate::{
    config::DigestForm,
    membership::MAX_MEMBERS,
    message::{Ask, Body, Digest, Names, Scope, Sketch, SketchHead, Versions},
    node::Node,
    peer_map::PeerMap,
    portions::{self, chunks},
    sketch::{Difference, FIRST, Items, MOST, Naming, Range, Search, Step, pack, unpack},
};

/// How long a peer that was asked may take for each answer before another is asked.
const TURN: Duration = Duration::from_secs(2);

/// Changes since the start that are told one by one: more take more bytes than symbols for as many differences.
const FEW_CHANGES: usize = 12;

/// Writers of whom all versions are told, where there are no more.
const FEW_WRITERS: usize = 4;

/// Salts that are tried with one peer before whole digests are exchanged.
const SALTS: u32 = 3;

/// What this node asks others about their versions, and tells them of its own.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    asking: Option<Box<Asking>>,
    /// Connected peers that are to be asked after that.
    waiting: VecDeque<NodeId>,
    telling: Option<Box<Telling>>,
    /// Connected peers that asked, and whether by hashes.
    asked: PeerMap<bool>,
    /// Connected peers that were told this node's versions since they met, and where its log stood then.
    told: PeerMap<u64>,
}

#[derive(Debug)]
struct Asking {
    peer: NodeId,
    until: Time,
    /// Salts that were tried.
    salts: u32,
    /// From the first symbols on; and where this node's log stood then.
    search: Option<(Search, u64)>,
}

#[derive(Debug)]
struct Telling {
    peer: NodeId,
    items: Items,
}

impl Reconciliation {
    /// The connection with a peer ended, or both meet anew.
    pub(crate) fn forget(&mut self, peer: NodeId) {
        self.stop_asking(peer);
        self.stop_telling(peer);
        self.asked.remove(peer);
        self.told.remove(peer);
    }

    fn stop_asking(&mut self, peer: NodeId) {
        self.asking.take_if(|asking| asking.peer == peer);
        self.waiting.retain(|waits| *waits != peer);
    }

    /// The peer has sent all that it has to send.
    pub(crate) fn stop_telling(&mut self, peer: NodeId) {
        self.telling.take_if(|telling| telling.peer == peer);
    }

    fn is_asking(&self, peer: NodeId) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.peer == peer)
    }

    fn items_told(&self, peer: NodeId) -> Option<&Telling> {
        self.telling.as_deref().filter(|telling| telling.peer == peer)
    }

    /// When the present turn ends.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.asking.as_ref().map(|asking| asking.until)
    }
}

impl Node {
    /// It is not known what a peer lacks.
    pub(crate) fn ask_state(&mut self, now: Time, peer: NodeId) {
        if self.config.digest != DigestForm::Sketch {
            self.send(peer, Channel::Stream, Cause::Digest, Body::AskDigest);
        } else if self.store.logs().next().is_none() {
            // It lacks nothing that this node has; what this node lacks, it asks about itself.
            self.sync.begin_at(peer, self.sync.log_end());
        } else if !self.reconcile.is_asking(peer) && !self.reconcile.waiting.contains(&peer) {
            self.reconcile.told.remove(peer);
            self.reconcile.waiting.push_back(peer);
            self.ask_next(now);
        }
    }

    /// Asks the next peer, unless one is being asked.
    pub(crate) fn ask_next(&mut self, now: Time) {
        if let Some(late) = self.reconcile.asking.take_if(|asking| asking.until <= now) {
            self.reconcile.waiting.push_back(late.peer);
        }
        while self.reconcile.asking.is_none() {
            let Some(peer) = self.reconcile.waiting.pop_front() else { return };
            if self.sync.is_up(peer) {
                self.ask_whole(now, peer, 0);
            }
        }
    }

    fn ask_whole(&mut self, now: Time, peer: NodeId, salts: u32) {
        let hashed = self.common_roster(peer).is_none();
        self.reconcile.asking = Some(Box::new(Asking { peer, until: now + TURN, salts, search: None }));
        self.ask(peer, Ask::Whole { hashed });
    }

    fn ask(&mut self, peer: NodeId, ask: Ask) {
        self.send(peer, Channel::Stream, Cause::Digest, Body::Ask(ask));
    }

    /// The roster by which all writers can be named to a peer.
    fn common_roster(&self, peer: NodeId) -> Option<Naming> {
        let Names::Roster(length) = self.sync.names(peer) else { return None };
        let naming = Naming::Roster(length);
        self.store.logs().all(|(writer, _)| naming.places(writer)).then_some(naming)
    }

    fn items(&self, naming: Naming) -> Option<Items> {
        Items::new(naming, self.store.versions())
    }

    pub(crate) fn handle_ask(&mut self, now: Time, from: NodeId, ask: Ask) {
        if !self.sync.is_up(from) {
            return;
        }
        match ask {
            Ask::Whole { hashed } => self.handle_ask_whole(now, from, hashed),
            Ask::More => self.tell_more(from, |items| items.sums(Range::ALL, 2 * MOST).split_off(2 * FIRST)),
            Ask::Halves { depth, ranges } => self.tell_more(from, |items| {
                let halves = ranges.iter().filter_map(|index| Some(Range::new(depth, *index)?.halves()[0]));
                halves.flat_map(|lower| items.sums(lower, 2 * MOST)).collect()
            }),
            Ask::Writes(writes) => self.send_writes_at(now, from, &writes),
        }
    }

    fn handle_ask_whole(&mut self, now: Time, from: NodeId, hashed: bool) {
        if self.few_changes(from).is_none() {
            if self.reconcile.is_asking(from) && self.start.me < from {
                return;
            }
            self.reconcile.stop_asking(from);
        }
        self.reconcile.asked.insert(from, hashed);
        if self.sync.feeder() == Some(from) {
            self.tell_state(from);
        } else {
            self.sync.asks(from);
            self.let_feed(now);
        }
        self.ask_next(now);
    }

    pub(crate) fn handle_ask_digest(&mut self, now: Time, from: NodeId) {
        if self.config.digest == DigestForm::Sketch && self.sync.feeder() == Some(from) {
            // It could not read the sketch that it was told.
            self.reconcile.forget(from);
            return self.tell_state(from);
        }
        self.sync.asks(from);
        self.let_feed(now);
    }

    /// Tells a peer this node's versions, as it asked.
    pub(crate) fn tell_state(&mut self, to: NodeId) {
        if self.config.digest != DigestForm::Sketch {
            return self.tell_digest(to);
        }
        self.reconcile.told.insert(to, self.sync.log_end());
        let Some(hashed) = self.reconcile.asked.remove(to) else { return self.tell_digest(to) };
        if let Some(versions) = self.few_changes(to) {
            return self.tell_versions(to, Scope::SinceBase, versions);
        }
        if self.store.logs().nth(FEW_WRITERS).is_none() {
            return self.tell_digest(to);
        }
        let roster = self.common_roster(to).filter(|_| !hashed);
        let naming = roster.unwrap_or_else(|| Naming::Hashed { salt: self.random.random() });
        let Some(items) = self.items(naming) else { return self.tell_digest(to) };
        let head = Some(SketchHead { salt: naming.salt(), check: items.check() });
        let symbols = pack(&items.sums(Range::ALL, 2 * FIRST), naming.field().width);
        let sketch = Sketch { head, symbols };
        self.reconcile.telling = Some(Box::new(Telling { peer: to, items }));
        self.send(to, Channel::Stream, Cause::Digest, Body::Sketch(sketch));
    }

    fn tell_digest(&mut self, to: NodeId) {
        for part in portions::digests(&self.store) {
            self.send(to, Channel::Stream, Cause::Digest, part);
        }
    }

    pub(crate) fn tell_versions(&mut self, to: NodeId, scope: Scope, versions: Vec<(NodeId, u64)>) {
        self.send(to, Channel::Stream, Cause::Digest, Body::Versions(Versions { scope, versions }));
    }

    /// What this node has that it did not start with, if that is short and the peer started alike.
    fn few_changes(&self, peer: NodeId) -> Option<Vec<(NodeId, u64)>> {
        let changed = self.store.state().changed(NodeId(0), NodeId(u32::MAX));
        let told = matches!(self.sync.names(peer), Names::Roster(_)) && changed.len() <= FEW_CHANGES;
        let more = |writer, version: u64| version - self.store.state().started_with(writer);
        told.then(|| changed.iter().map(|(writer, log)| (*writer, more(*writer, log.version()))).collect())
    }

    /// More symbols of what a peer is being told; if that was forgotten meanwhile, everything.
    fn tell_more(&mut self, to: NodeId, sums: impl FnOnce(&Items) -> Vec<u64>) {
        let Some(telling) = self.reconcile.items_told(to) else {
            self.reconcile.told.insert(to, self.sync.log_end());
            return self.tell_digest(to);
        };
        let symbols = pack(&sums(&telling.items), telling.items.field().width);
        let sketch = Body::Sketch(Sketch { head: None, symbols });
        self.send(to, Channel::Stream, Cause::Digest, sketch);
    }

    pub(crate) fn handle_sketch(&mut self, now: Time, from: NodeId, sketch: &Sketch) {
        let Some(mut asking) = self.reconcile.asking.take_if(|asking| asking.peer == from) else { return };
        if let Some(SketchHead { salt, check }) = sketch.head {
            let hashed = salt.map(|salt| Naming::Hashed { salt });
            let mine = hashed.or_else(|| self.common_roster(from)).and_then(|naming| self.items(naming));
            asking.search = mine.map(|mine| (Search::new(mine, check), self.sync.log_end()));
        }
        let step = asking.search.as_mut().and_then(|(search, _)| {
            Some(search.hear(&unpack(&sketch.symbols, search.field().width, search.awaits())?))
        });
        let next = match step {
            Some(Step::More) => Ask::More,
            Some(Step::Halves { depth, ranges }) => Ask::Halves { depth, ranges },
            Some(Step::Done(difference)) => {
                let stood_at = asking.search.map_or(0, |(_, at)| at);
                self.settle_difference(from, difference, stood_at);
                return self.ask_next(now);
            }
            Some(Step::Collided) if asking.salts < SALTS => {
                return self.ask_whole(now, from, asking.salts + 1);
            }
            Some(Step::Collided | Step::GiveUp) | None => {
                self.send(from, Channel::Stream, Cause::Digest, Body::AskDigest);
                return self.ask_next(now);
            }
        };
        asking.until = now + TURN;
        self.reconcile.asking = Some(asking);
        self.ask(from, next);
    }

    /// What differs is known: says what this node lacks, unless the peer knows that by itself, and sends what the peer
    /// lacks.
    fn settle_difference(&mut self, peer: NodeId, difference: Difference, stood_at: u64) {
        if !self.reconcile.told.contains(peer) {
            self.ask(peer, Ask::Writes(difference.lacking_here));
        }
        self.send_writes(peer, &difference.lacking_there, Some(stood_at));
    }

    /// The writes of some writers that are later than what the peer has. `upto` is where the log stood when that was
    /// found out; with that the peer has all up to there.
    pub(crate) fn send_writes(&mut self, to: NodeId, past: &[(NodeId, u64)], upto: Option<u64>) {
        // Whoever names a writer again and again is sent its writes once.
        let mut past = past.to_vec();
        past.sort_unstable();
        past.dedup_by_key(|(writer, _)| *writer);
        let lacking = past.iter().flat_map(|(writer, version)| self.store.later(*writer, *version));
        let mut chunks = chunks(lacking);
        let last = chunks.pop().or_else(|| upto.map(|_| Vec::new()));
        for entries in chunks {
            self.send(to, Channel::Stream, Cause::Delta, Body::Delta { upto: None, entries });
        }
        if let Some(entries) = last {
            self.send(to, Channel::Stream, Cause::Delta, Body::Delta { upto, entries });
        }
        if let Some(upto) = upto {
            self.sync.begin_at(to, upto);
        }
    }

    fn send_writes_at(&mut self, now: Time, to: NodeId, writes: &[(u32, u64)]) {
        let Some(telling) = self.reconcile.telling.take_if(|telling| telling.peer == to) else {
            // It was forgotten meanwhile what these positions mean.
            self.sync.doubt(to);
            return self.say_meet(to, false);
        };
        let at = |&(position, more): &(u32, u64)| {
            telling
                .items
                .at(position)
                .iter()
                .map(move |item| (item.writer, item.version.saturating_sub(more)))
        };
        let past: Vec<_> = writes.iter().flat_map(at).collect();
        let upto = self.reconcile.told.get(to).copied();
        self.send_writes(to, &past, upto);
        self.reconcile.stop_asking(to);
        self.ask_next(now);
    }

    pub(crate) fn handle_versions(&mut self, now: Time, from: NodeId, said: &Versions) {
        match said.scope {
            Scope::SinceBase => self.settle_since_base(now, from, &said.versions),
            Scope::Lacking => self.send_writes(from, &said.versions, None),
            Scope::LackingLast => {
                let upto = self.reconcile.told.get(from).copied();
                self.send_writes(from, &said.versions, upto);
                self.reconcile.stop_asking(from);
                self.ask_next(now);
            }
        }
    }

    /// A peer that started alike says all that changed.
    fn settle_since_base(&mut self, now: Time, from: NodeId, theirs: &[(NodeId, u64)]) {
        let Names::Roster(_) = self.sync.names(from) else { return };
        let started_with = |writer| self.store.state().started_with(writer);
        let version = |(writer, more): &(NodeId, u64)| (*writer, started_with(*writer).saturating_add(*more));
        let mut theirs: Vec<_> = theirs.iter().map(version).collect();
        theirs.sort_unstable();
        let version_there = |writer: NodeId| {
            let at = theirs.binary_search_by_key(&writer, |(changed, _)| *changed);
            at.map_or_else(|_| started_with(writer), |at| theirs[at].1)
        };
        let changed = self.store.state().changed(NodeId(0), NodeId(u32::MAX));
        let lacking_there: Vec<_> = changed
            .iter()
            .map(|(writer, log)| (*writer, version_there(*writer), log.version()))
            .filter(|(_, theirs, mine)| theirs < mine)
            .map(|(writer, theirs, _)| (writer, theirs))
            .collect();
        if !self.reconcile.told.contains(from) {
            let lacking_here = self.lacking_here(&theirs);
            self.tell_versions(from, Scope::LackingLast, lacking_here);
        }
        self.send_writes(from, &lacking_there, Some(self.sync.log_end()));
        self.reconcile.stop_asking(from);
        self.ask_next(now);
    }

    /// Of these writers, those of whom this node has less, and what it has.
    fn lacking_here(&self, theirs: &[(NodeId, u64)]) -> Vec<(NodeId, u64)> {
        let mine = theirs.iter().map(|(writer, theirs)| (*writer, self.store.version(*writer), *theirs));
        mine.filter(|(_, mine, theirs)| mine < theirs).map(|(writer, mine, _)| (writer, mine)).collect()
    }

    /// A peer told a digest and was answered: says what this node lacks, unless the peer knows that by itself.
    pub(crate) fn answer_in_kind(&mut self, now: Time, from: NodeId, digest: &Digest) {
        let is_last = digest.end as usize >= MAX_MEMBERS;
        if !self.reconcile.told.contains(from) {
            let mut lacking = self.lacking_here(&digest.versions.iter().collect::<Vec<_>>());
            lacking.sort_unstable();
            let scope = if is_last { Scope::LackingLast } else { Scope::Lacking };
            self.tell_versions(from, scope, lacking);
        }
        if is_last {
            self.reconcile.stop_asking(from);
            self.ask_next(now);
        }
    }
}
