use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use rumormill_protocol::{Dot, NodeId, Time};

use crate::{
    log::{Holders, Log},
    membership::MAX_MEMBERS,
    message::{Body, Digest, Meet, Names},
    peer_map::PeerMap,
    portions::{self, CHUNK_BYTES, weight},
    rumors::Rumors,
    store::Store,
    tree::Limb,
};

/// How long one peer may take to send what this node lacks before another is let.
const FEED_TIMEOUT: Duration = Duration::from_secs(2);

/// Past connections whose positions are remembered.
const MAX_RESUMES: usize = 64;

/// Peers that wait for a connection to be told rumors; of more it is not remembered.
const MAX_CREDITORS: usize = 64;

/// What this node and each connected peer know to have in common, and how the rest gets across.
///
/// When a connection comes up both ends say [`Meet`]. Equal states: each cursor starts where the own log stood when
/// its Meet was sent. Else, where the peer says how far it took this log in an earlier connection, the cursor starts
/// there; else the peer is asked for its digest and sent what it lacks, or, where strangers meet all the time, it is
/// told only what is passed on to everyone at present. From then on the peer is sent what is past its cursor and did
/// not come from it. The stream keeps order, so a writer's writes arrive in the order of their counters and one version
/// per writer says everything.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    log: Log,
    links: PeerMap<Link>,
    /// The bits of those that are branches of the tree.
    branches: Holders,
    /// How far this node took a peer's log: its life and the position.
    taken: PeerMap<(u32, u64)>,
    bits_in_use: Holders,
    /// Who sends what this node lacks, until when. One at a time: several would all send the same.
    feeder: Option<(NodeId, Time)>,
    /// Connected peers that asked for this node's digest meanwhile.
    askers: VecDeque<NodeId>,
    /// Which writes are passed on at present to whoever comes.
    rumors: Rumors,
    /// Peers that are to be told them when there is a connection.
    creditors: BTreeSet<NodeId>,
}

/// How a peer is told of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// They are sent, and the peer learns up to where it then has this node's log, if it has all before.
    Writes,
    /// They are sent.
    Rumors,
    /// They are announced.
    Dots,
}

#[derive(Debug)]
struct Link {
    /// This connection's bit; 0 when all are in use, and then nothing is known of what the peer has.
    bit: Holders,
    names: Names,
    life: u32,
    /// What this node said last, and where its log stood then, until the peer's answer.
    said: Option<Box<(Meet, u64)>>,
    /// Up to where the peer was sent this node's log; unknown until both have met.
    cursor: Option<u64>,
    /// Whether the peer has all that lies before the cursor. If not, it was only told rumors.
    sequential: bool,
    /// Whether the peer is to be told what it lacks as soon as both have met.
    owed: bool,
    /// Where the connection lies by the tree along which writes are pushed.
    limb: Limb,
    /// Where the log stood when the first part of the peer's digest was answered.
    answered_from: u64,
    /// The peer's writes are not what its cursor says: only its digest tells.
    doubted: bool,
}

/// What follows from a peer's Meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// The peer began: this node has to say its own Meet first, then look at the peer's again.
    pub(crate) answer_first: bool,
    /// The membership tables differ.
    pub(crate) members_differ: bool,
    /// It is not known what the peer lacks.
    pub(crate) ask_digest: bool,
    /// It waits to be sent what it lacks.
    pub(crate) owed: bool,
}

impl Sync {
    /// Returns the bit of a connection that this one replaces.
    pub(crate) fn up(&mut self, peer: NodeId) -> Holders {
        let before = self.down(peer);
        let link = Link {
            bit: 0,
            names: Names::Full,
            life: 0,
            said: None,
            cursor: None,
            sequential: false,
            owed: self.creditors.remove(&peer),
            limb: Limb::Untried,
            answered_from: 0,
            doubted: false,
        };
        self.links.insert(peer, link);
        self.claim_bit(peer, |_| true);
        before
    }

    /// Returns the bit of the connection that ended.
    pub(crate) fn down(&mut self, peer: NodeId) -> Holders {
        let bit = self.links.remove(peer).map_or(0, |link| link.bit);
        self.bits_in_use &= !bit;
        self.branches &= !bit;
        self.log.forget(bit);
        self.askers.retain(|asker| *asker != peer);
        self.fed(peer);
        bit
    }

    /// The bit of the connection with a peer; 0 where there is none, or none was left for it.
    pub(crate) fn bit(&self, peer: NodeId) -> Holders {
        self.links.get(peer).map_or(0, |link| link.bit)
    }

    /// Gives the connection with a peer a bit if it has none: a free one, or that of a peer that may do without it, which
    /// is returned: what is remembered of it belongs to that other connection.
    pub(crate) fn claim_bit(&mut self, peer: NodeId, needs_it: impl Fn(NodeId) -> bool) -> Option<Holders> {
        if !self.is_up(peer) || self.bit(peer) != 0 {
            return None;
        }
        let free = !self.bits_in_use & self.bits_in_use.wrapping_add(1);
        let taken = if free == 0 {
            let mut links = self.links.iter_mut();
            let (_, spare) = links.find(|(other, link)| link.bit != 0 && !needs_it(*other))?;
            Some(std::mem::take(&mut spare.bit))
        } else {
            None
        };
        let bit = taken.unwrap_or(free);
        self.links.get_mut(peer)?.bit = bit;
        self.bits_in_use |= bit;
        self.find_branches();
        taken.inspect(|bit| self.log.forget(*bit))
    }

    /// A peer asks for this node's digest, to send what it lacks.
    pub(crate) fn asks(&mut self, peer: NodeId) {
        if self.is_up(peer) && !self.askers.contains(&peer) {
            self.askers.push_back(peer);
        }
    }

    /// This peer has sent all that this node lacked.
    pub(crate) fn fed(&mut self, peer: NodeId) {
        self.feeder.take_if(|(feeder, _)| *feeder == peer);
    }

    /// Who is to get this node's digest now, if anyone.
    pub(crate) fn next_feeder(&mut self, now: Time) -> Option<NodeId> {
        if self.feeder.is_some_and(|(_, until)| until > now) {
            return None;
        }
        let next = self.askers.pop_front();
        self.feeder = next.map(|peer| (peer, now + FEED_TIMEOUT));
        next
    }

    /// Who sends what this node lacks at present, or is let to.
    pub(crate) fn feeder(&self) -> Option<NodeId> {
        self.feeder.map(|(feeder, _)| feeder)
    }

    /// When to let the next one although the last has not finished.
    pub(crate) fn feed_deadline(&self) -> Option<Time> {
        self.feeder.filter(|_| !self.askers.is_empty()).map(|(_, until)| until)
    }

    pub(crate) fn is_up(&self, peer: NodeId) -> bool {
        self.links.contains(peer)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.peers()
    }

    pub(crate) fn names(&self, peer: NodeId) -> Names {
        self.links.get(peer).map_or(Names::Full, |link| link.names)
    }

    /// How far this node took the peer's log before, for its Meet.
    pub(crate) fn resume(&self, peer: NodeId) -> Option<(u32, u64)> {
        self.taken.get(peer).copied()
    }

    /// This node says `meet` to `peer` now.
    pub(crate) fn say_meet(&mut self, peer: NodeId, meet: Meet) {
        let end = self.log.end();
        if let Some(link) = self.links.get_mut(peer) {
            link.said = Some(Box::new((meet, end)));
            link.cursor = None;
        }
    }

    /// The peer said its Meet. Where it is not known what it lacks, it is only told the writes that were applied since
    /// `rumors_since`, if that is given.
    pub(crate) fn hear_meet(
        &mut self,
        peer: NodeId,
        theirs: &Meet,
        roster_len: usize,
        rumors_since: Option<Time>,
    ) -> Met {
        let Some(link) = self.links.get_mut(peer) else { return Met::default() };
        let Some((mine, stood_at)) = link.said.take().map(|said| *said) else {
            return Met { answer_first: !theirs.answer, ..Met::default() };
        };
        link.life = theirs.life;
        link.names = match roster_len {
            0 => Names::Full,
            _ if mine.roster != theirs.roster => Names::Full,
            length => Names::Roster(u32::try_from(length).unwrap_or(u32::MAX)),
        };
        let doubted = std::mem::take(&mut link.doubted);
        let resumed =
            theirs.resume.filter(|(life, at)| *life == mine.life && self.log.reaches(*at)).map(|(_, at)| at);
        let rumors = rumors_since.map(|since| self.rumors.begin(since, self.log.end()));
        (link.cursor, link.sequential) = match (resumed, rumors) {
            _ if mine.state == theirs.state => (Some(stood_at), true),
            _ if doubted => (None, false),
            (Some(at), _) => (Some(at), true),
            (None, Some(at)) => (Some(at), false),
            (None, None) => (None, false),
        };
        Met {
            answer_first: false,
            members_differ: mine.members != theirs.members,
            ask_digest: link.cursor.is_none(),
            owed: std::mem::take(&mut link.owed),
        }
    }

    /// A peer is to be told what it lacks, as soon as both have met.
    pub(crate) fn owe(&mut self, peer: NodeId) {
        match self.links.get_mut(peer) {
            Some(link) => link.owed = true,
            None if self.creditors.len() < MAX_CREDITORS => drop(self.creditors.insert(peer)),
            None => {}
        }
    }

    /// A peer cannot be reached.
    pub(crate) fn owe_nothing(&mut self, peer: NodeId) {
        self.creditors.remove(&peer);
    }

    /// Whether a meeting with a peer has begun and ended.
    pub(crate) fn has_met(&self, peer: NodeId) -> bool {
        self.links.get(peer).is_some_and(|link| link.said.is_none())
    }

    /// The next writes will be passed on from now on; those of before `since` no longer.
    pub(crate) fn rumors(&mut self, now: Time, since: Time) {
        self.rumors.mark(now, since, self.log.end());
    }

    /// Where the log of applied writes ends.
    pub(crate) fn log_end(&self) -> u64 {
        self.log.end()
    }

    /// The peer is sent, or has, all of this node's log up to there.
    pub(crate) fn begin_at(&mut self, peer: NodeId, position: u64) {
        if let Some(link) = self.links.get_mut(peer) {
            (link.cursor, link.sequential) = (Some(position), true);
        }
    }

    /// A write of this node's own.
    pub(crate) fn wrote(&mut self, dot: Dot) {
        self.log.push(dot, 0);
    }

    /// A write arrived from `peer`.
    pub(crate) fn received(&mut self, peer: NodeId, dot: Dot, new: bool) {
        let bit = self.bit(peer);
        if new {
            self.log.push(dot, bit);
        } else {
            self.log.seen_again(dot, bit);
        }
    }

    /// This node now has all of the peer's log up to `upto`.
    pub(crate) fn took(&mut self, peer: NodeId, upto: u64) {
        let Some(link) = self.links.get(peer) else { return };
        if !self.taken.contains(peer) && self.taken.len() >= MAX_RESUMES {
            let gone = self.taken.peers().find(|known| !self.links.contains(*known));
            self.taken.remove(gone.unwrap_or(peer));
        }
        if self.taken.len() < MAX_RESUMES || self.taken.contains(peer) {
            self.taken.insert(peer, (link.life, upto));
        }
    }

    /// Whether there never was a write to be told, whoever asks.
    pub(crate) fn has_no_writes(&self) -> bool {
        self.log.end() == 0
    }

    /// Whether the peer may lack something that is in the log.
    pub(crate) fn is_behind(&self, peer: NodeId) -> bool {
        self.behind(peer) > 0
    }

    /// How many writes of the log the peer was not told of.
    pub(crate) fn behind(&self, peer: NodeId) -> u64 {
        let cursor = self.links.get(peer).and_then(|link| link.cursor);
        cursor.map_or(0, |cursor| self.log.end() - cursor.min(self.log.end()))
    }

    /// Whether both have met and the peer was sent all there is.
    pub(crate) fn is_even(&self, peer: NodeId) -> bool {
        let end = self.log.end();
        self.links.get(peer).is_some_and(|link| link.said.is_none() && link.cursor == Some(end))
    }

    /// What the peer has is not what its cursor says: at the next meeting it is asked for its digest.
    pub(crate) fn doubt(&mut self, peer: NodeId) {
        if let Some(link) = self.links.get_mut(peer) {
            link.doubted = true;
        }
    }

    /// Whether the peer fell so far behind that both have to meet again.
    pub(crate) fn is_lost(&self, peer: NodeId) -> bool {
        self.links.get(peer).and_then(|link| link.cursor).is_some_and(|cursor| !self.log.reaches(cursor))
    }

    /// Where the connection with a peer lies by the tree; beside it where there is none.
    pub(crate) fn limb(&self, peer: NodeId) -> Limb {
        self.links.get(peer).map_or(Limb::Beside, |link| link.limb)
    }

    pub(crate) fn set_limb(&mut self, peer: NodeId, limb: Limb) {
        if let Some(link) = self.links.get_mut(peer) {
            link.limb = limb;
            self.find_branches();
        }
    }

    fn find_branches(&mut self) {
        let branches = self.links.iter().filter(|(_, link)| link.limb == Limb::Branch);
        self.branches = branches.fold(0, |bits, (_, link)| bits | link.bit);
    }

    /// The bits of the connections that are branches of the tree.
    pub(crate) const fn branches(&self) -> Holders {
        self.branches
    }

    /// The peers of these connections.
    pub(crate) fn peers_of(&self, connections: Holders) -> impl Iterator<Item = NodeId> + '_ {
        self.links.iter().filter(move |(_, link)| link.bit & connections != 0).map(|(peer, _)| peer)
    }

    /// The next message about writes that the peer lacks; `None` when it lacks nothing any more.
    pub(crate) fn delta(&mut self, peer: NodeId, store: &Store, form: Form) -> Option<Body> {
        let link = self.links.get_mut(peer)?;
        let mut cursor = link.cursor?;
        let mut entries = Vec::new();
        let mut bytes = 0;
        while cursor < self.log.end() && bytes < CHUNK_BYTES {
            // A write that a later one replaced is left out: the later one stands further on in the log.
            if let Some(entry) = self.log.read(cursor, link.bit).and_then(|dot| store.entry(dot)) {
                bytes += weight(entry);
                entries.push(entry.clone());
            }
            cursor += 1;
        }
        link.cursor = Some(cursor);
        if entries.is_empty() {
            return None;
        }
        match form {
            Form::Writes if link.sequential => return Some(Body::Delta { upto: Some(cursor), entries }),
            Form::Writes | Form::Rumors => return Some(Body::Rumors(entries)),
            Form::Dots => {}
        }
        link.sequential = false;
        let mut dots: Vec<Dot> = entries.into_iter().map(|entry| entry.dot).collect();
        dots.sort_unstable();
        Some(Body::Announce(dots))
    }

    /// Answers a part of the peer's digest with what it lacks.
    pub(crate) fn answer(&mut self, peer: NodeId, digest: &Digest, store: &Store) -> Vec<Body> {
        let Some(link) = self.links.get_mut(peer) else { return Vec::new() };
        if digest.first == 0 {
            link.answered_from = self.log.end();
        }
        let is_last = digest.end as usize >= MAX_MEMBERS;
        let upto = is_last.then_some(link.answered_from);
        if is_last {
            (link.cursor, link.sequential) = (Some(link.answered_from), true);
        }
        let mut chunks = portions::lacking(digest, store);
        // The last part is answered even when nothing is lacking, so that the peer knows that this was all.
        let last = chunks.pop().or_else(|| is_last.then(Vec::new));
        let chunk = |entries, upto| Body::Delta { upto, entries };
        chunks
            .into_iter()
            .map(|entries| chunk(entries, None))
            .chain(last.map(|entries| chunk(entries, upto)))
            .collect()
    }
}
