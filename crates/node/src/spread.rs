//! How state and membership get from node to node: meetings, flushes, full pushes, goodbyes.

use std::iter::repeat;

use rand::{RngExt, seq::SliceRandom};
use rumormill_protocol::{Cause, Channel, Dot, Entry, Event, NodeId, Status, Time};

use crate::{
    allowance::Told,
    config::{DigestForm, Peers, StateTransfer},
    message::{Body, Check, Digest, Meet, Names, Record},
    node::{Node, Stage},
    parts::Part,
    standing::Standing,
    sync::Form,
    tour::random_members,
    tree::Limb,
};

/// Opinions in one message at most; it then stays far below the longest message even with every member named in
/// full and with an IPv6 address.
pub(crate) const MEMBERS_PER_MESSAGE: usize = 8192;

/// Writes along a tree that are announced together to a partner beside it: an announcement of few waits for a probe, or the
/// answer to one.
const ANNOUNCED_AT_ONCE: u64 = 64;

impl Node {
    pub(crate) fn say_meet(&mut self, peer: NodeId, answer: bool) {
        let meet = Meet {
            answer,
            joining: self.stage == Stage::Joining,
            roster: self.membership.roster_hash(),
            members: self.membership.hash(),
            state: self.state_hash(),
            life: self.start.generation,
            // Who is only announced writes has not taken the log up to anywhere.
            resume: self.sync.resume(peer).filter(|_| !self.config.dissemination.announces()),
        };
        self.sync.say_meet(peer, meet);
        self.send(peer, Channel::Stream, Cause::Meet, Body::Meet(meet));
    }

    pub(crate) fn handle_meet(&mut self, now: Time, from: NodeId, meet: &Meet) {
        let roster_len = self.membership.roster_len();
        let joins = meet.joining || self.stage == Stage::Joining;
        let rumors_since =
            self.tells_rumors_only(now, from, meet.state, joins).then(|| self.rumors_since(now));
        let mut met = self.sync.hear_meet(from, meet, roster_len, rumors_since);
        if met.answer_first {
            if !self.sync.is_up(from) {
                return;
            }
            self.say_meet(from, true);
            met = self.sync.hear_meet(from, meet, roster_len, rumors_since);
        }
        if met.members_differ && self.tells_table(now, from, joins) {
            self.send_members(from);
        }
        if met.ask_digest {
            self.reconcile.forget(from);
            self.ask_state(now, from);
        }
        if met.owed {
            self.send_deltas(from);
        }
        self.tell_awaited_heartbeats(from);
        if self.carries_deltas() && meet.state == self.state_hash() {
            self.recalled(now);
        }
    }

    /// The whole membership table, those of a common roster by opinion alone.
    fn send_members(&mut self, to: NodeId) {
        let names = self.sync.names(to);
        let common = match names {
            Names::Roster(length) => length,
            Names::Full => 0,
        };
        let end = common.min(self.membership.numbers());
        let dense = (0..end).step_by(MEMBERS_PER_MESSAGE).map(|first| {
            let opinions = self.membership.opinions(first..end.min(first + MEMBERS_PER_MESSAGE as u32));
            Body::Members { first, more: true, dense: opinions, records: Vec::new() }
        });
        let records: Vec<Record> = self
            .membership
            .known_from(NodeId(common))
            .map(|(member, standing)| self.record(names, member, standing))
            .collect();
        let named = records.chunks(MEMBERS_PER_MESSAGE).map(|records| Body::Members {
            first: 0,
            more: true,
            dense: Vec::new(),
            records: records.to_vec(),
        });
        let mut parts: Vec<Body> = dense.chain(named).collect();
        if let Some(Body::Members { more, .. }) = parts.last_mut() {
            *more = false;
        }
        for body in parts {
            self.send(to, Channel::Stream, Cause::Members, body);
        }
    }

    pub(crate) fn handle_members(
        &mut self,
        now: Time,
        from: NodeId,
        first: u32,
        dense: &[Standing],
        records: &[Record],
    ) {
        let end = first.saturating_add(u32::try_from(dense.len()).unwrap_or(u32::MAX));
        let known = self.membership.opinions(first..end).into_iter().chain(repeat(Standing::UNKNOWN));
        for ((member, said), known) in (first..end).map(NodeId).zip(dense).zip(known) {
            // Most of a table is known. What is said of this node itself is looked at all the same.
            if *said > known || member == self.start.me && *said != Standing::UNKNOWN {
                self.hear(now, Some(from), member, self.as_hearsay(member, *said));
            }
        }
        let doubted =
            |record: &Record| Record { standing: self.as_hearsay(record.member, record.standing), ..*record };
        let records: Vec<Record> = records.iter().map(doubted).collect();
        self.hear_all(now, from, &records);
    }

    /// What another's whole table says of a member. After a cut each side takes the other for dead: a death that this
    /// node has not heard of as news counts as a suspicion, which the member can still refute.
    fn as_hearsay(&self, member: NodeId, said: Standing) -> Standing {
        let known = self.membership.standing(member).is_member() && !self.judges_alone();
        if known && said.status() == Status::Dead { said.with(Status::Suspect) } else { said }
    }

    /// Lets the next peer that asked send what this node lacks, unless one does already.
    pub(crate) fn let_feed(&mut self, now: Time) {
        if let Some(feeder) = self.sync.next_feeder(now) {
            self.tell_state(feeder);
        }
    }

    pub(crate) fn handle_digest(&mut self, now: Time, from: NodeId, digest: &Digest) {
        if matches!(self.config.state, StateTransfer::Digest { .. }) {
            return self.answer_exchange(from, digest);
        }
        for delta in self.sync.answer(from, digest, &self.store) {
            self.send(from, Channel::Stream, Cause::Delta, delta);
        }
        if self.config.digest == DigestForm::Sketch {
            self.answer_in_kind(now, from, digest);
        }
    }

    /// A write of this node's own is to be told.
    pub(crate) fn pass_on_own(&mut self, now: Time, dot: Dot) {
        self.mark_rumors(now);
        self.sync.wrote(dot);
        self.note_new(now, dot, None);
        self.changed(now);
        self.push_eagerly();
    }

    pub(crate) fn apply(&mut self, now: Time, from: NodeId, entries: &[Entry]) {
        self.mark_rumors(now);
        for run in entries.chunk_by(|one, next| one.dot.writer == next.dot.writer) {
            let applied = self.store.apply(run);
            for (entry, new) in run.iter().zip(applied) {
                self.note(now, from, entry.dot, new);
            }
        }
    }

    /// Writes of which each is taken only where all earlier ones of its writer are known: one version per writer could
    /// not say that one of them is lacking. Where one is, the teller has it, and is asked.
    pub(crate) fn apply_rumors(&mut self, now: Time, from: NodeId, entries: &[Entry]) {
        let (mut lacks, mut any_new) = (false, false);
        for run in entries.chunk_by(|one, next| one.dot.writer == next.dot.writer) {
            let mut version = self.store.version(run[0].dot.writer);
            let follows = |entry: &&Entry| {
                let follows = entry.dot.counter <= version.saturating_add(1);
                version = version.max(entry.dot.counter);
                follows
            };
            let known = run.iter().take_while(follows).count();
            let before = self.store.version(run[0].dot.writer);
            self.apply(now, from, &run[..known]);
            any_new |= self.store.version(run[0].dot.writer) > before;
            if let Some(entry) = run.get(known)
                && self.has_tree()
            {
                any_new = true;
                self.want_earlier(now, from, entry);
            } else {
                lacks |= known < run.len();
            }
        }
        self.judge_link(from, entries, any_new);
        if lacks && self.config.digest == DigestForm::Sketch {
            self.ask_state(now, from);
        } else if lacks {
            self.sync.asks(from);
            self.let_feed(now);
        }
    }

    /// A part of another's whole state.
    pub(crate) fn apply_part(&mut self, now: Time, from: NodeId, part: &Part) {
        // Where deltas are carried too, even a write that is known says something of its sender.
        if part.began_as(self.store.state()) && !self.carries_deltas() {
            for dot in self.store.merge(part) {
                self.note(now, from, dot, true);
            }
            return;
        }
        for run in part.runs() {
            self.apply(now, from, run);
        }
    }

    /// A write arrived.
    fn note(&mut self, now: Time, from: NodeId, dot: Dot, new: bool) {
        if new {
            match self.store.take_in(dot) {
                None => self.emit(Event::Applied(dot)),
                Some(outcome) => {
                    outcome.applied.into_iter().for_each(|dot| self.emit(Event::Applied(dot)));
                    outcome.conflicts.into_iter().for_each(|(one, two)| self.emit(Event::Conflict(one, two)));
                }
            }
        }
        if self.carries_deltas() {
            self.sync.received(from, dot, new);
            if new {
                self.note_new(now, dot, Some(from));
                self.changed(now);
            }
        }
    }

    /// There is a write to pass on.
    fn changed(&mut self, now: Time) {
        self.state_agreement.changed(now);
        self.hot_flushes = self.config.retransmissions(self.membership.count());
        self.schedule_flush(now);
    }

    /// The time since which writes are still passed on to anyone.
    fn rumors_since(&self, now: Time) -> Time {
        let flushes = self.config.retransmissions(self.membership.count()) as u32;
        Time(now.nanos().saturating_sub((self.config.gossip_interval * flushes).as_nanos() as u64))
    }

    /// The next writes of the log will be those of now.
    fn mark_rumors(&mut self, now: Time) {
        if self.config.peers == Peers::Uniform || self.config.dissemination.announces() {
            let since = self.rumors_since(now);
            self.sync.rumors(now, since);
        }
    }

    /// Sends a peer all that it lacks, or will when both have met.
    pub(crate) fn send_deltas(&mut self, to: NodeId) {
        if self.config.peers == Peers::Uniform && self.carries_deltas() && !self.sync.has_met(to) {
            self.sync.owe(to);
            return;
        }
        if self.sync.has_no_writes() {
            return;
        }
        if self.sync.is_lost(to) {
            self.say_meet(to, false);
            return;
        }
        while self.carries_deltas() && self.sync.is_behind(to) {
            let form = self.form(to);
            if let Some(delta) = self.sync.delta(to, &self.store, form) {
                let cause = if form == Form::Dots { Cause::Announce } else { Cause::Delta };
                if form == Form::Rumors && self.has_tree() {
                    self.sync.set_limb(to, Limb::Branch);
                }
                self.send(to, Channel::Stream, cause, delta);
            }
        }
    }

    /// A gossip interval is over: some peers get news and what they lack.
    pub(crate) fn flush(&mut self, now: Time) {
        self.next_flush = None;
        match self.config.peers {
            Peers::Sticky => self.flush_to_partners(now),
            Peers::Uniform => self.flush_to_anyone(now),
        }
    }

    /// Goes on until every partner has been sent everything.
    fn flush_to_partners(&mut self, now: Time) {
        for peer in self.partners.iter() {
            if let Some(bit) = self.sync.claim_bit(peer, |other| self.partners.contains(other)) {
                self.news.forget(bit);
            }
        }
        self.tell_branches(now);
        let behind = self.news.behind();
        // Beside a tree news waits for a message that is for the peer anyway.
        let told = if self.has_branches() { behind & self.sync.branches() } else { behind };
        let lacks = |peer: &NodeId| self.sync.bit(*peer) & told != 0 || self.is_owed_writes(*peer);
        let mut waiting: Vec<NodeId> =
            self.partners.iter().filter(|peer| self.sync.is_up(*peer)).filter(lacks).collect();
        waiting.shuffle(&mut self.random);
        let mut later = waiting.split_off(waiting.len().min(self.config.fanout));
        for peer in waiting {
            if self.is_owed_writes(peer)
                || self.allowance.take(now, self.config.protocol_period, Told::Partner)
            {
                self.tell_news(peer);
                self.send_deltas(peer);
            } else {
                later.push(peer);
            }
        }
        self.settle_news();
        if later.iter().any(|peer| self.is_owed_writes(*peer)) {
            self.schedule_flush(now);
        } else if !later.is_empty() {
            self.schedule_news(now);
        }
    }

    /// Whether a partner is told of writes in a message of its own. What is only announced along a tree, in case that a link
    /// of it is gone, waits for a message that is for the partner anyway, unless it is much.
    fn is_owed_writes(&self, peer: NodeId) -> bool {
        let enough = if self.form(peer) == Form::Dots && self.has_tree() { ANNOUNCED_AT_ONCE } else { 1 };
        self.carries_deltas() && self.sync.behind(peer) >= enough
    }

    /// Gives up the news that all partners have been told.
    pub(crate) fn settle_news(&mut self) {
        if self.news.is_empty() {
            return;
        }
        let connections = self.partners.iter().fold(0, |all, peer| all | self.sync.bit(peer));
        self.news.settle(connections);
    }

    /// Goes on as long as a piece of news is passed on: nobody knows who lacks it.
    fn flush_to_anyone(&mut self, now: Time) {
        let (me, fanout) = (self.start.me, self.config.fanout);
        for peer in random_members(me, &self.membership, fanout, &mut self.random) {
            self.push_to(peer);
        }
        self.hot_flushes = self.hot_flushes.saturating_sub(1);
        if self.hot_flushes > 0 || !self.news.is_empty() {
            self.schedule_flush(now);
        }
    }

    pub(crate) fn push_to(&mut self, peer: NodeId) {
        let news = self.news_for(peer);
        // Even without news: to tell writes there must be a connection.
        if !news.is_empty() || !self.sync.is_up(peer) {
            self.send(peer, Channel::Datagram, Cause::News, Body::News(news));
        }
        self.send_deltas(peer);
    }

    /// Asks some peers for what is new.
    pub(crate) fn pull(&mut self, now: Time) {
        let interval = self.config.gossip_interval;
        self.next_pull =
            self.next_pull.map(|due| if due + interval > now { due + interval } else { now + interval });
        let peers = match self.config.peers {
            Peers::Uniform => {
                random_members(self.start.me, &self.membership, self.config.fanout, &mut self.random)
            }
            Peers::Sticky => {
                let mut partners: Vec<NodeId> =
                    self.partners.iter().filter(|peer| self.sync.is_up(*peer)).collect();
                partners.shuffle(&mut self.random);
                partners.truncate(self.config.fanout);
                partners
            }
        };
        let salt = self.random.random();
        for peer in peers {
            let check = self.check(salt);
            self.send(peer, Channel::Datagram, Cause::Pull, Body::Pull { salt, check });
            if self.calls_both_ways() {
                self.push_to(peer);
            }
        }
    }

    /// A peer asks for what is new.
    pub(crate) fn answer_pull(&mut self, from: NodeId, salt: u16, theirs: Check) {
        if self.check(salt) == theirs {
            return;
        }
        if self.config.peers == Peers::Sticky {
            self.tell_news(from);
            self.settle_news();
        } else {
            let news = self.news_for(from);
            if !news.is_empty() {
                self.send(from, Channel::Datagram, Cause::News, Body::News(news));
            }
        }
        self.send_deltas(from);
    }

    /// It is time to tell a random partner the whole state, or the versions of it.
    pub(crate) fn push_state(&mut self, now: Time) {
        let (StateTransfer::Full { every } | StateTransfer::Digest { every }) = self.config.state else {
            return;
        };
        self.next_full_push =
            self.next_full_push.map(|due| if due + every > now { due + every } else { now + every });
        if self.config.state == (StateTransfer::Digest { every }) {
            return self.begin_exchange();
        }
        let Some(partner) = self.random_peer() else { return };
        for part in self.store.state().parts() {
            self.send(partner, Channel::Stream, Cause::FullState, Body::FullState(part));
        }
    }

    /// Says goodbye to everyone connected.
    pub(crate) fn leave(&mut self) {
        let me = self.start.me;
        let standing = self.membership.standing(me).with(Status::Left);
        self.membership.merge(me, standing);
        for peer in self.sync.peers().collect::<Vec<_>>() {
            let goodbye = Body::News(vec![Record { member: me, standing, accuser: None, address: None }]);
            self.send(peer, Channel::Stream, Cause::Leave, goodbye);
        }
        self.stage = Stage::Gone;
    }

    pub(crate) fn carries_deltas(&self) -> bool {
        self.config.state == StateTransfer::Delta
    }
}
