//! Writes that are announced before they are sent: a peer that lacks one asks for it, so that its value goes to each
//! node once. Where nodes push along a tree (Plumtree: Leitão, Pereira, Rodrigues, SRDS 2007), writes go at once to the
//! peers of the tree, and announcements to the others repair it.

use std::time::Duration;

use rumormill_protocol::{Cause, Channel, Dot, Entry, NodeId, Time};

use crate::{
    allowance::Told, config::Dissemination, membership::MAX_MEMBERS, message::Body, node::Node, portions,
    shaper::Shape, sync::Form,
};

/// How long a write that shapes the tree waits until it decides, at least: on a fast network nodes themselves take their time.
const LEAST_SETTLING: Duration = Duration::from_millis(250);

/// Where a connection lies by the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limb {
    /// No write has gone over it: it is tried as a branch. Where one went away, another connection that comes up is
    /// likely to take its place.
    Untried,
    /// Writes go over it.
    Branch,
    /// The write that shaped the tree came to one of its ends by another way.
    Beside,
}

impl Node {
    pub(crate) fn has_tree(&self) -> bool {
        self.config.dissemination == Dissemination::Tree
    }

    /// How a peer is told of writes.
    pub(crate) fn form(&self, to: NodeId) -> Form {
        match self.config.dissemination {
            Dissemination::Push => Form::Writes,
            Dissemination::Pull | Dissemination::PushPull => Form::Dots,
            Dissemination::Tree if self.sync.limb(to) == Limb::Beside => Form::Dots,
            Dissemination::Tree => Form::Rumors,
        }
    }

    /// Sends what is new along the tree, at once. Any connection may be a link of it: of partners that change one end learns
    /// before the other.
    pub(crate) fn push_eagerly(&mut self) {
        if !self.has_tree() || !self.carries_deltas() {
            return;
        }
        let lacks = |peer: &NodeId| self.sync.limb(*peer) != Limb::Beside && self.sync.is_behind(*peer);
        for peer in self.sync.peers().filter(lacks).collect::<Vec<_>>() {
            self.send_deltas(peer);
        }
    }

    /// Tells news of members along the branches of the tree, at once, as far as messages for it are allowed: all branches
    /// count as half a one. The others are told in messages that are for them anyway.
    pub(crate) fn tell_branches(&mut self, now: Time) {
        let period = self.config.protocol_period;
        if self.news.is_empty() || !self.has_branches() || self.allowance.next(period, Told::Branches) > now {
            return;
        }
        let lack = self.sync.branches() & self.news.behind();
        if lack == 0 || !self.allowance.take(now, period, Told::Branches) {
            return;
        }
        let branches: Vec<NodeId> = self.sync.peers_of(lack).collect();
        branches.into_iter().for_each(|peer| self.tell_news(peer));
        self.settle_news();
    }

    /// Whether a write has shaped the tree here.
    pub(crate) fn has_branches(&self) -> bool {
        self.has_tree() && self.sync.branches() != 0
    }

    /// Writes came over a link of the tree; those that are new have been noted.
    pub(crate) fn judge_link(&mut self, from: NodeId, entries: &[Entry], any_new: bool) {
        if !self.has_tree() {
            return;
        }
        if !any_new {
            if let Some(shaper) = &mut self.shaper {
                shaper.hear_again(from, entries.iter().map(|entry| entry.dot));
            }
        } else if self.sync.limb(from) == Limb::Untried {
            self.sync.set_limb(from, Limb::Branch);
        }
    }

    /// A write that was not known came, or is this node's own.
    pub(crate) fn note_new(&mut self, now: Time, dot: Dot, from: Option<NodeId>) {
        if self.has_tree() {
            let settles = self.settling();
            self.shaper.get_or_insert_default().hear_new(now, settles, dot, from);
        }
    }

    /// The write that shapes the tree has gone everywhere: the connection over which it came first is one of those by which
    /// this node is reached, and those over which it came again leave the tree.
    pub(crate) fn shape_tree(&mut self, now: Time) {
        if self.shaper.as_ref().and_then(|shaper| shaper.deadline()).is_none_or(|at| at > now) {
            return;
        }
        let settles = self.settling();
        let (sync, Some(shaper)) = (&self.sync, &mut self.shaper) else { return };
        let is_beside = |peer| sync.is_up(peer) && sync.limb(peer) == Limb::Beside;
        match shaper.decide(now, settles, is_beside) {
            None => {}
            Some(Shape::Branch(peer)) => {
                self.sync.set_limb(peer, Limb::Branch);
                let graft = Body::Graft { eager: true, have: Vec::new() };
                self.send(peer, Channel::Stream, Cause::Announce, graft);
            }
            Some(Shape::Beside(peers)) => {
                for peer in peers {
                    if self.sync.limb(peer) != Limb::Beside {
                        self.sync.set_limb(peer, Limb::Beside);
                        self.send(peer, Channel::Stream, Cause::Announce, Body::Prune);
                    }
                }
            }
        }
    }

    fn settling(&self) -> Duration {
        (2 * self.crossing()).max(LEAST_SETTLING)
    }

    /// About what a write takes at most to go everywhere along the tree: 2 · log2 N hops, each half of a round trip.
    fn crossing(&self) -> Duration {
        self.prober.round_trip() * self.membership.count().max(1).ilog2()
    }

    /// A peer has these writes.
    pub(crate) fn hear_announced(&mut self, now: Time, from: NodeId, dots: &[Dot]) {
        if !self.carries_deltas() {
            return;
        }
        // Along the tree they are on their way, most likely.
        let patience =
            if self.has_tree() { self.crossing().max(self.config.gossip_interval) } else { Duration::ZERO };
        for dot in dots.iter().filter(|dot| dot.writer.index() < MAX_MEMBERS) {
            if self.store.version(dot.writer) >= dot.counter {
                self.sync.received(from, *dot, false);
            } else {
                self.wants.add(dot.writer, dot.counter, from, now + patience);
            }
        }
        self.ask_for_wants(now);
    }

    /// `from` told a write of a writer whose earlier ones this node lacks.
    pub(crate) fn want_earlier(&mut self, now: Time, from: NodeId, entry: &Entry) {
        self.wants.add(entry.dot.writer, entry.dot.counter, from, now);
        self.ask_for_wants(now);
    }

    /// Asks for what was announced and did not come.
    pub(crate) fn ask_for_wants(&mut self, now: Time) {
        let (store, sync) = (&self.store, &self.sync);
        let asked = self.wants.due(now, |writer| store.version(writer), |peer| sync.is_up(peer));
        for (peer, writers) in asked {
            let eager = self.has_tree();
            if eager {
                self.sync.set_limb(peer, Limb::Branch);
            }
            let have = writers.into_iter().map(|writer| (writer, self.store.version(writer))).collect();
            self.send(peer, Channel::Stream, Cause::Announce, Body::Graft { eager, have });
        }
    }

    /// A peer lacks these writers' writes past these versions.
    pub(crate) fn answer_graft(&mut self, from: NodeId, eager: bool, have: &[(NodeId, u64)]) {
        if !self.carries_deltas() {
            return;
        }
        if eager && self.has_tree() {
            self.sync.set_limb(from, Limb::Branch);
        }
        for delta in portions::later_than(have, &self.store) {
            self.send(from, Channel::Stream, Cause::Delta, delta);
        }
    }
}
