//! SWIM's failure detector (Das, Gupta, Motivala, DSN 2002) and what news of members does to a node.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, SliceRandom};
use rumormill_protocol::{Cause, Channel, Event, NodeId, Output, Status, Time};

use crate::{
    config::{Config, Peers},
    lifeguard::helper_patience,
    log::Holders,
    message::{Body, Names, Record},
    node::{Node, Stage},
    probe::Answered,
    standing::Standing,
    suspicion::Lasting,
    tour::random_members,
};

/// Who told a piece of news, if it is not this node's own, and the connection that it came over.
#[derive(Clone, Copy, Debug, Default)]
struct Teller {
    from: Option<NodeId>,
    told: Holders,
}

/// Pieces of news that ride on one message at most, by how they are named: they then fit a packet with the message.
const RECORDS_IN_FULL: usize = 40;
const RECORDS_BY_INDEX: usize = 160;

const fn records_per_message(names: Names) -> usize {
    match names {
        Names::Full => RECORDS_IN_FULL,
        Names::Roster(_) => RECORDS_BY_INDEX,
    }
}

impl Node {
    /// A protocol period begins: the last one's probe is judged, the next partner probed. Where this node's health
    /// stretches the time of a probe, an unanswered one goes on through several periods (as memberlist does it).
    pub(crate) fn begin_period(&mut self, now: Time) {
        let late = now.since(self.next_period);
        self.next_period += self.config.protocol_period;
        if self.next_period <= now {
            // Periods that were slept through are skipped, not made up for in a burst.
            self.next_period = now + self.config.protocol_period;
        }
        if self.judges_alone() {
            self.beat(now, late);
            self.visit_the_dead(now);
            self.stall.probes();
            return;
        }
        if !self.prober.is_waiting(now) {
            self.judge_probe(now);
            self.probe_next(now);
        }
        self.visit_the_dead(now);
    }

    /// The last probe's time is over.
    fn judge_probe(&mut self, now: Time) {
        let Some(probe) = self.prober.finish() else { return };
        if self.config.lifeguard.probe {
            self.health.ill(1 + probe.missed_nacks());
        }
        self.accuse(now, probe.target);
    }

    fn probe_next(&mut self, now: Time) {
        let Some(target) = self.next_to_probe(now) else { return };
        let Config { protocol_period, probe_timeout, .. } = *self.config;
        let [period, timeout] = [protocol_period, probe_timeout].map(|time| self.health.stretch(time));
        // With uniform peers a probe is SWIM's: a packet, and its answer.
        let again = (self.config.peers == Peers::Sticky).then(|| now + timeout / 2);
        let seq = self.prober.start(now, target, again, now + timeout, now + period);
        self.ping(target, Channel::Datagram, seq, Cause::Probe);
        // To anyone at random writes travel by gossip alone, so that their way is that of the literature.
        match self.config.peers {
            Peers::Sticky => self.let_ride(target, self.config.dissemination.pushes()),
            Peers::Uniform => self.dial_ahead(),
        }
        self.stall.probes();
    }

    /// Dials whom it probes next, once and a period ahead: a handshake takes three packets, and what is lost of them is
    /// sent again after a second, so that a probe which has to wait for it fails more often than its two packets do.
    fn dial_ahead(&mut self) {
        let Some(next) = self.tour.ahead(self.start.me, &self.membership) else { return };
        if !self.sync.is_up(next) {
            self.outputs.extend([Output::Connect(next), Output::Disconnect(next)]);
        }
    }

    /// What a partner was not told goes along with a message that is for it anyway.
    fn let_ride(&mut self, to: NodeId, writes: bool) {
        self.tell_news(to);
        self.settle_news();
        if writes {
            self.send_deltas(to);
        }
    }

    /// A member did not answer this node.
    fn accuse(&mut self, now: Time, member: NodeId) {
        let standing = self.membership.standing(member);
        if standing.is_member() {
            // SWIM's suspicions say whose they are (DSN 2002, section 4.2), and so do memberlist's. Where nobody counts who
            // confirms them, partners save that.
            let names_accuser = self.config.lifeguard.suspicion || self.config.peers == Peers::Uniform;
            let accuser = Some(self.start.me).filter(|_| names_accuser);
            let suspect = standing.with(Status::Suspect);
            self.hear_accused(now, None, member, suspect, accuser);
            if self.config.peers == Peers::Sticky && accuser.is_some() {
                self.tell_other_accusers(now, Record { member, standing: suspect, accuser, address: None });
            }
        }
    }

    /// Nobody but its partners probes a member, so nobody else confirms a suspicion of it, and one of them with enough
    /// confirmations ends it for all: those tell each other whom they accuse, as far as they are connected since they
    /// asked each other about it.
    fn tell_other_accusers(&mut self, now: Time, accusation: Record) {
        for other in self.partners.partners_of(accusation.member, &self.membership, now) {
            if self.sync.is_up(other) {
                let news = self.records(other, vec![accusation]);
                self.send(other, Channel::Datagram, Cause::News, Body::News(news));
            }
        }
    }

    fn next_to_probe(&mut self, now: Time) -> Option<NodeId> {
        match self.config.peers {
            Peers::Sticky => self.partners.next_to_probe(now),
            Peers::Uniform => self.tour.next(self.start.me, &self.membership, &mut self.random),
        }
    }

    /// Tells a dead member now and then that it counts as dead: if it was only cut off, it refutes that, and both
    /// sides of what was cut meet again.
    fn visit_the_dead(&mut self, now: Time) {
        let (period, members) = (self.config.protocol_period, self.membership.count());
        let Some(dead) = self.graves.visit(now, period, members, &mut self.random) else { return };
        let news = self.news_for(dead);
        self.send(dead, Channel::Datagram, Cause::Reconnect, Body::News(news));
        self.stall.probes();
    }

    fn ping(&mut self, target: NodeId, channel: Channel, seq: u16, cause: Cause) {
        let news = self.news_for(target);
        let (again, check) = (channel == Channel::Stream, self.check(seq));
        self.send(target, channel, cause, Body::Ping { seq, again, check, news });
    }

    pub(crate) fn answer_ping(&mut self, from: NodeId, seq: u16, again: bool) {
        let news = self.news_for(from);
        let channel = if again { Channel::Stream } else { Channel::Datagram };
        self.send(from, channel, Cause::Ack, Body::Ack { seq, news });
        if self.config.peers == Peers::Sticky {
            self.let_ride(from, true);
        }
    }

    pub(crate) fn handle_ack(&mut self, now: Time, seq: u16) {
        match self.prober.answered(now, seq) {
            Answered::Own => self.health.well(),
            Answered::For { requester, seq } => self.answer_for_other(requester, seq),
            Answered::Nobody => {}
        }
    }

    /// Whom this node was asked to probe has not answered in time: who asked is told that its helper at least is there.
    pub(crate) fn say_nacks(&mut self, now: Time) {
        while let Some((requester, seq)) = self.prober.nack(now) {
            self.send(requester, Channel::Datagram, Cause::Indirect, Body::Nack { seq });
        }
    }

    /// Whom this node was asked to probe is there.
    pub(crate) fn answer_for_other(&mut self, requester: NodeId, seq: u16) {
        let news = self.news_for(requester);
        self.send(requester, Channel::Datagram, Cause::Indirect, Body::Ack { seq, news });
    }

    /// Half of the direct probe's time is over: a packet may be lost, and what is on the stream is sent until it
    /// arrives. Others are asked only about who does not answer that either (memberlist's fallback over TCP).
    pub(crate) fn ask_again(&mut self, now: Time) {
        if let Some(probe) = self.prober.unanswered(now)
            && self.sync.is_up(probe.target)
        {
            self.ping(probe.target, Channel::Stream, probe.seq, Cause::Probe);
            self.stall.probes();
        }
    }

    /// The direct probe's time is over: others are asked, first those who hold a connection with the target.
    pub(crate) fn ask_others(&mut self, now: Time) {
        let Some(probe) = self.prober.overdue(now) else { return };
        let me = self.start.me;
        let useful = |node: &Self, helper: NodeId| {
            helper != me && helper != probe.target && node.membership.status(helper) == Status::Alive
        };
        let near = match self.config.peers {
            Peers::Sticky => self.partners.partners_of(probe.target, &self.membership, now),
            Peers::Uniform => BTreeSet::new(),
        };
        let mut helpers: Vec<NodeId> = near.into_iter().filter(|helper| useful(self, *helper)).collect();
        helpers.shuffle(&mut self.random);
        let others = match self.config.peers {
            Peers::Sticky => {
                let mut partners: Vec<NodeId> = self.partners.iter().collect();
                partners.shuffle(&mut self.random);
                partners
            }
            // One more than needed: the suspect may be among them.
            Peers::Uniform => {
                random_members(me, &self.membership, self.config.indirect_probes + 1, &mut self.random)
            }
        };
        for other in others {
            if useful(self, other) && !helpers.contains(&other) {
                helpers.push(other);
            }
        }
        helpers.truncate(self.config.indirect_probes);
        self.prober.asked(helpers.len());
        self.stall.probes();
        for helper in helpers {
            let news = self.news_for(helper);
            let body = Body::PingRequest { seq: probe.seq, target: probe.target, news };
            self.send(helper, Channel::Datagram, Cause::Indirect, body);
        }
    }

    pub(crate) fn probe_for(&mut self, now: Time, requester: NodeId, seq: u16, target: NodeId) {
        if target == self.start.me {
            self.answer_ping(requester, seq, false);
        } else if self.membership.standing(target).is_member() {
            let patience = helper_patience(self.config.protocol_period - self.config.probe_timeout);
            let nack_at = self.config.lifeguard.probe.then(|| now + patience);
            let own = self.prober.relay(requester, seq, target, nack_at);
            self.ping(target, Channel::Datagram, own, Cause::Indirect);
        }
    }

    pub(crate) fn expire_suspicions(&mut self, now: Time) {
        while let Some((member, suspected_as)) = self.suspicions.pop(now) {
            if self.membership.standing(member) == suspected_as {
                self.hear(now, None, member, suspected_as.with(Status::Dead));
            }
        }
    }

    pub(crate) fn hear_all(&mut self, now: Time, from: NodeId, news: &[Record]) {
        if news.is_empty() {
            return;
        }
        let teller = self.teller(from);
        let mut any_news = false;
        for record in news {
            if let Some(address) = record.address {
                self.introduce(record.member, address);
            }
            any_news |= self.take_in(now, teller, record.member, record.standing, record.accuser);
        }
        if any_news {
            self.schedule_news(now);
        }
    }

    /// Takes in an opinion of a member, from another or (`None`) of one's own making.
    pub(crate) fn hear(&mut self, now: Time, from: Option<NodeId>, member: NodeId, said: Standing) {
        self.hear_accused(now, from, member, said, None);
    }

    /// As [`hear`](Self::hear); of a suspicion also who raised or confirmed it, where that matters.
    fn hear_accused(
        &mut self,
        now: Time,
        from: Option<NodeId>,
        member: NodeId,
        said: Standing,
        accuser: Option<NodeId>,
    ) {
        let teller = from.map_or(Teller::default(), |from| self.teller(from));
        if self.take_in(now, teller, member, said, accuser) {
            self.schedule_news(now);
        }
    }

    fn teller(&self, from: NodeId) -> Teller {
        // Only partners are told each piece once.
        let told = match self.config.peers {
            Peers::Sticky => self.sync.bit(from),
            Peers::Uniform => 0,
        };
        Teller { from: Some(from), told }
    }

    /// As [`hear`](Self::hear); says whether there is something to pass on.
    fn take_in(
        &mut self,
        now: Time,
        teller: Teller,
        member: NodeId,
        said: Standing,
        accuser: Option<NodeId>,
    ) -> bool {
        if member == self.start.me {
            return self.refute(now, said);
        }
        let Some(said) = self.admitted(member, said) else { return false };
        let Some(before) = self.membership.merge(member, said) else {
            self.news.heard_again(member, said, teller.told);
            let confirms = accuser.is_some_and(|by| self.suspicions.confirm(now, member, said, by));
            // Of partners only those of the member can confirm it, and they tell each other.
            return confirms
                && self.config.peers == Peers::Uniform
                && self.pass_on(member, said, accuser, teller);
        };
        self.members_agreement.changed(now);
        self.listen_to(now, member, before, said);
        match said.status() {
            Status::Dead => self.graves.add(member, now),
            _ => self.graves.remove(member),
        }
        let new_life = before.life() != said.life();
        match said.status() {
            Status::Suspect => {
                if before.status() != Status::Suspect {
                    self.emit(Event::Suspected(member));
                }
                let lasts = self.suspicion_lasts();
                self.suspicions.raise(now, member, said, lasts, accuser);
            }
            Status::Alive if before.status() != Status::Alive || new_life => self.emit(Event::Alive(member)),
            Status::Dead if before.is_member() => self.emit(Event::DeclaredDead(member)),
            Status::Left if before.is_member() => self.emit(Event::Left(member)),
            _ => {}
        }
        if said.status() == Status::Left || new_life {
            self.lose_leader(now, member);
        }
        let concerned = match (before.is_member(), said.is_member()) {
            (false, true) => self.partners.concerns(member, self.start.me, now),
            (true, false) => self.partners.contains(member),
            _ => false,
        };
        if concerned && self.reads_rings() {
            self.partners.read_soon(now);
        }
        self.pass_on(member, said, accuser, teller)
    }

    /// Says whether it is to be passed on.
    fn pass_on(
        &mut self,
        member: NodeId,
        said: Standing,
        accuser: Option<NodeId>,
        Teller { from, told }: Teller,
    ) -> bool {
        // A node that joins learns what everyone knows: not news to anyone.
        let tells = !self.judges_alone() || said.status() != Status::Dead;
        let passes = self.stage == Stage::Running && tells;
        if passes {
            self.news.push_accusation(member, said, accuser, from, told);
        }
        passes
    }

    fn suspicion_lasts(&self) -> Lasting {
        let members = self.membership.count();
        let least = self.config.suspicion_timeout(members);
        if self.config.lifeguard.suspicion {
            Lasting::until_confirmed(least, self.config.suspicion_max_mult, members)
        } else {
            Lasting::fixed(least)
        }
    }

    /// Others say something of this node: a higher incarnation outranks it, now or already. Whoever still says what
    /// was refuted before has not heard of that, and may not be the only one.
    /// Says whether there is something to pass on.
    fn refute(&mut self, now: Time, said: Standing) -> bool {
        let mut mine = self.membership.standing(self.start.me);
        if said > mine {
            mine = Standing::alive(said.incarnation() + 1);
            self.membership.merge(self.start.me, mine);
            self.members_agreement.changed(now);
            if self.config.lifeguard.probe && matches!(said.status(), Status::Suspect | Status::Dead) {
                self.health.ill(1);
            }
        } else if said == mine || said.status() == Status::Alive {
            return false;
        }
        self.news.push(self.start.me, mine, None, 0);
        true
    }

    /// News that may ride on a message to `to`. Partners get theirs at gossip intervals, each piece once and safely, so
    /// that none rides to them.
    pub(crate) fn news_for(&mut self, to: NodeId) -> Vec<Record> {
        let taken = match self.config.peers {
            Peers::Sticky => Vec::new(),
            Peers::Uniform => {
                let limit = self.config.retransmissions(self.membership.count());
                self.news.take_for(to, records_per_message(self.sync.names(to)), limit)
            }
        };
        let mut news = self.records(to, taken);
        // Whoever is taken for dead must hear of it whenever it is spoken to, so that it can refute it; and with the buddy
        // system whoever is suspected.
        let standing = self.membership.standing(to);
        let doubted = match standing.status() {
            Status::Alive | Status::Unknown => false,
            Status::Suspect => self.config.lifeguard.buddy && !self.judges_alone(),
            Status::Dead | Status::Left => true,
        };
        if doubted && !news.iter().any(|record| record.member == to) {
            news.push(Record { member: to, standing, accuser: None, address: None });
        }
        news
    }

    /// Tells a connected peer all news that it was not told yet, over the stream, which loses nothing.
    pub(crate) fn tell_news(&mut self, to: NodeId) {
        if self.news.is_empty() {
            return;
        }
        let (connection, most) = (self.sync.bit(to), records_per_message(self.sync.names(to)));
        // Where it cannot be remembered what was told there would be no end to telling.
        if connection == 0 {
            return;
        }
        loop {
            let taken = self.news.take_over(connection, most);
            if taken.is_empty() {
                return;
            }
            let news = self.records(to, taken);
            self.send(to, Channel::Stream, Cause::News, Body::News(news));
        }
    }

    fn records(&self, to: NodeId, taken: Vec<Record>) -> Vec<Record> {
        if taken.is_empty() {
            return taken;
        }
        let names = self.sync.names(to);
        let addressed =
            |said: Record| Record { accuser: said.accuser, ..self.record(names, said.member, said.standing) };
        taken.into_iter().map(addressed).collect()
    }

    /// An opinion as it is told: with the address where the receiver may not have it.
    pub(crate) fn record(&self, names: Names, member: NodeId, standing: Standing) -> Record {
        let by_index = matches!(names, Names::Roster(length) if member.0 < length);
        let address = match member {
            _ if by_index || !standing.is_member() => None,
            _ if member == self.start.me => Some(self.start.address),
            _ => self.membership.address(member),
        };
        Record { member, standing, accuser: None, address }
    }

    /// Whom to push everything to: any member, or a partner at random among those that are connected.
    pub(crate) fn random_peer(&mut self) -> Option<NodeId> {
        if self.config.peers == Peers::Uniform {
            return random_members(self.start.me, &self.membership, 1, &mut self.random).pop();
        }
        let connected: Vec<NodeId> = self.partners.iter().filter(|peer| self.sync.is_up(*peer)).collect();
        connected.choose(&mut self.random).copied()
    }
}
