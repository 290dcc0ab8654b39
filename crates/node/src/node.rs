use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use rand::RngExt;
use rumormill_protocol::{
    Cause, Channel, Command, Event, LinkEvent, NodeId, Output, Protocol, Random, Start, Status, Time, View,
    generator,
};

use crate::{
    agreement::Agreement,
    base::Base,
    config::{Config, Dissemination, Peers, StateTransfer},
    graves::Graves,
    log::Holders,
    membership::Membership,
    message::{Body, Message},
    news::News,
    partners::Partners,
    probe::Prober,
    rings::Rings,
    standing::Standing,
    store::Store,
    suspicion::Suspicions,
    sync::Sync,
    tour::Tour,
};

/// Room for outputs that a node keeps when it has none: a burst must not take memory for ever.
const OUTPUTS_KEPT: usize = 8;

/// One gossip node as a state machine; [`Protocol`] says how it is driven.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) start: Start,
    pub(crate) random: Random,
    pub(crate) stage: Stage,
    pub(crate) membership: Membership,
    pub(crate) partners: Partners,
    pub(crate) tour: Tour,
    pub(crate) graves: Graves,
    /// Through whom it joins.
    seeds: Vec<NodeId>,
    pub(crate) prober: Prober,
    pub(crate) suspicions: Suspicions,
    pub(crate) news: News,
    pub(crate) store: Store,
    pub(crate) sync: Sync,
    /// When the next protocol period begins.
    pub(crate) next_period: Time,
    /// Where this node's gossip intervals lie: it flushes at whole intervals after this.
    gossip_phase: Duration,
    /// When to flush, while there is anything to flush.
    pub(crate) next_flush: Option<Time>,
    /// When to push the whole state.
    pub(crate) next_full_push: Option<Time>,
    /// When to ask for news.
    pub(crate) next_pull: Option<Time>,
    /// With uniform peers: flushes for which the latest write is still passed on.
    pub(crate) hot_flushes: usize,
    /// How others' membership tables compare with this node's, and their states.
    pub(crate) members_agreement: Agreement,
    pub(crate) state_agreement: Agreement,
    outputs: VecDeque<Output<Message>>,
}

/// How far a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not started: silent.
    Idle,
    /// Started alone, waiting for a member to tell who is there.
    Joining,
    /// Part of the cluster.
    Running,
    /// Said goodbye: silent again.
    Gone,
}

impl Protocol for Node {
    type Config = Config;
    type Message = Message;

    fn new(config: &Config, start: &Start, _now: Time) -> Self {
        Self {
            config: config.clone(),
            start: *start,
            random: generator(start.seed),
            stage: Stage::Idle,
            membership: Membership::new(config.commons.clone()),
            partners: Partners::new(Rings::new(config.partners, config.rotate_every)),
            tour: Tour::default(),
            graves: Graves::default(),
            seeds: Vec::new(),
            prober: Prober::default(),
            suspicions: Suspicions::default(),
            news: News::default(),
            store: Store::new(config.commons.clone()),
            sync: Sync::default(),
            next_period: Time::ZERO,
            gossip_phase: Duration::ZERO,
            next_flush: None,
            next_full_push: None,
            next_pull: None,
            hot_flushes: 0,
            members_agreement: Agreement::default(),
            state_agreement: Agreement::default(),
            outputs: VecDeque::new(),
        }
    }

    fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        if !self.is_started() || from == self.start.me {
            return;
        }
        match message.body {
            Body::Ping { seq, again, check, news } => {
                self.hear_all(now, from, &news);
                self.answer_ping(from, seq, again);
                self.compare(now, from, seq, check);
            }
            Body::Pull { salt, check } => {
                self.answer_pull(from, salt, check);
                self.compare(now, from, salt, check);
            }
            Body::Ack { seq, news } => {
                self.hear_all(now, from, &news);
                self.handle_ack(seq);
            }
            Body::PingRequest { seq, target, news } => {
                self.hear_all(now, from, &news);
                self.probe_for(from, seq, target);
            }
            Body::News(news) => self.hear_all(now, from, &news),
            Body::Meet(meet) => self.handle_meet(now, from, &meet),
            Body::Members { first, dense, records } => {
                self.handle_members(now, from, first, &dense, &records);
            }
            Body::AskDigest => {
                self.sync.asks(from);
                self.let_feed(now);
            }
            Body::Digest(digest) => self.handle_digest(from, &digest),
            Body::Delta { upto, entries } => {
                self.apply(now, from, &entries);
                if let Some(upto) = upto {
                    self.sync.took(from, upto);
                    self.sync.fed(from);
                    self.let_feed(now);
                }
            }
            Body::Rumors(entries) => self.apply_rumors(now, from, &entries),
            Body::FullState(part) => self.apply_part(now, from, &part),
        }
    }

    fn handle_link(&mut self, now: Time, peer: NodeId, link: LinkEvent) {
        if !self.is_started() || peer == self.start.me {
            return;
        }
        match link {
            LinkEvent::Up => {
                let before = self.sync.up(peer);
                self.forget_told(before);
                if self.reads_rings() {
                    self.partner_up(now, peer);
                }
                // Whoever takes part in a handshake is alive.
                for (requester, seq) in self.prober.alive(peer) {
                    self.answer_for_other(requester, seq);
                }
                self.say_meet(peer, false);
            }
            LinkEvent::Down => {
                let connection = self.sync.down(peer);
                self.forget_told(connection);
                self.let_feed(now);
            }
            // The detector finds out by itself whether the peer is there.
            LinkEvent::DialFailed => self.sync.owe_nothing(peer),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if !self.is_started() {
            return;
        }
        for peer in self.partners.overdue(now) {
            self.outputs.push_back(Output::Connect(peer));
        }
        if self.partners.reading_due(now) {
            self.read_rings(now);
        }
        self.expire_suspicions(now);
        self.ask_again(now);
        self.ask_others(now);
        if self.next_period <= now {
            self.begin_period(now);
        }
        if self.next_flush.is_some_and(|at| at <= now) {
            self.flush(now);
        }
        if self.next_full_push.is_some_and(|at| at <= now) {
            self.push_full_state(now);
        }
        if self.sync.feed_deadline().is_some_and(|at| at <= now) {
            self.let_feed(now);
        }
        if self.next_pull.is_some_and(|at| at <= now) {
            self.pull(now);
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Warm(warm) if self.stage == Stage::Idle => {
                let base = Base::of(&warm, self.config.commons.as_ref());
                self.membership.load(Arc::clone(&base));
                self.store.load(base);
                self.begin(now, Stage::Running);
                self.read_rings(now);
            }
            Command::Join { seeds } if self.stage == Stage::Idle => {
                self.begin(now, Stage::Joining);
                for seed in seeds.into_iter().filter(|seed| seed.id != self.start.me) {
                    self.seeds.push(seed.id);
                    self.outputs.push_back(Output::Introduce { id: seed.id, address: seed.address });
                    self.outputs.push_back(Output::Connect(seed.id));
                }
            }
            Command::Leave if self.is_started() => self.leave(),
            Command::Put { key, value } if self.is_started() => self.put(now, key, value),
            Command::Warm(_) | Command::Join { .. } | Command::Leave | Command::Put { .. } => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        let next = self.outputs.pop_front();
        if next.is_none() && self.outputs.capacity() > OUTPUTS_KEPT {
            self.outputs = VecDeque::new();
        }
        next
    }

    fn poll_timeout(&self) -> Option<Time> {
        if !self.is_started() {
            return None;
        }
        [
            Some(self.next_period),
            self.prober.next_deadline(),
            self.suspicions.next(),
            self.partners.next_deadline(),
            self.next_flush,
            self.next_full_push,
            self.next_pull,
            self.sync.feed_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl View for Node {
    fn status(&self, member: NodeId) -> Status {
        self.membership.status(member)
    }

    fn life(&self, member: NodeId) -> u32 {
        self.membership.standing(member).life()
    }

    fn alive(&self) -> usize {
        self.membership.count()
    }

    fn version(&self, writer: NodeId) -> u64 {
        self.store.version(writer)
    }
}

impl Node {
    const fn is_started(&self) -> bool {
        matches!(self.stage, Stage::Joining | Stage::Running)
    }

    /// Starts the timers, each at a random phase: nodes that boot together must not act together.
    fn begin(&mut self, now: Time, stage: Stage) {
        self.stage = stage;
        self.members_agreement.agreed(now);
        self.state_agreement.agreed(now);
        self.membership.merge(self.start.me, Standing::first_of_life(self.start.generation));
        self.next_period = now + self.random_part_of(self.config.protocol_period);
        self.gossip_phase = self.random_part_of(self.config.gossip_interval);
        if let StateTransfer::Full { every } = self.config.state {
            self.next_full_push = Some(now + self.random_part_of(every));
        }
        if self.config.dissemination.pulls() {
            self.next_pull = Some(now + self.random_part_of(self.config.gossip_interval));
        }
    }

    /// A member told who is there: this node is one of them, and holds its seeds no longer.
    pub(crate) fn joined(&mut self, now: Time) {
        self.stage = Stage::Running;
        let seeds = std::mem::take(&mut self.seeds);
        self.outputs.extend(seeds.into_iter().map(Output::Disconnect));
        if self.reads_rings() {
            self.partners.read_soon(now);
        }
    }

    fn random_part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.random.random_range(0.0..1.0))
    }

    /// Whether this node has partners by the rings, or will have as soon as it knows a member.
    pub(crate) fn reads_rings(&self) -> bool {
        self.stage == Stage::Running && self.config.peers == Peers::Sticky
    }

    fn partner_up(&mut self, now: Time, peer: NodeId) {
        if self.partners.up(peer, now) {
            self.outputs.push_back(Output::Connect(peer));
        }
        let concerned = self.partners.concerns(peer, self.start.me, now);
        if concerned && self.membership.standing(peer).is_member() {
            self.partners.read_soon(now);
        }
    }

    /// A connection ended: what went over it counts for nothing.
    fn forget_told(&mut self, connection: Holders) {
        if self.config.peers == Peers::Sticky {
            self.news.forget(connection);
        }
    }

    /// Brings the partners in line with the rings.
    pub(crate) fn read_rings(&mut self, now: Time) {
        if !self.reads_rings() {
            return;
        }
        let changes = self.partners.read(self.start.me, &self.membership, now, &mut self.random);
        self.outputs.extend(changes.connect.into_iter().map(Output::Connect));
        self.outputs.extend(changes.disconnect.into_iter().map(Output::Disconnect));
        for peer in self.partners.iter().filter(|peer| self.sync.is_up(*peer)).collect::<Vec<_>>() {
            if self.partners.up(peer, now) {
                self.outputs.push_back(Output::Connect(peer));
            }
        }
    }

    /// Sends a message, named and compressed as suits the connection.
    pub(crate) fn send(&mut self, to: NodeId, channel: Channel, cause: Cause, body: Body) {
        if to == self.start.me {
            return;
        }
        let message = Message { names: self.sync.names(to), compression: self.config.compression, body };
        self.outputs.push_back(Output::Send { to, channel, cause, message });
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn introduce(&mut self, id: NodeId, address: SocketAddr) {
        if id != self.start.me && self.membership.introduce(id, address) {
            self.outputs.push_back(Output::Introduce { id, address });
        }
    }

    /// Whether a peer that is asked for news is told some in the same call. Where partners keep, telling them has its own
    /// time and goes on until all of them know.
    pub(crate) fn calls_both_ways(&self) -> bool {
        self.config.dissemination == Dissemination::PushPull && self.config.peers == Peers::Uniform
    }

    /// Something waits to be flushed: the next whole gossip interval is the time for it.
    pub(crate) fn schedule_flush(&mut self, now: Time) {
        let dissemination = self.config.dissemination;
        if self.next_flush.is_some() || dissemination == Dissemination::Pull || self.calls_both_ways() {
            return;
        }
        let interval = self.config.gossip_interval.as_nanos() as u64;
        let phase = self.gossip_phase.as_nanos() as u64;
        let since_phase = now.nanos().saturating_sub(phase);
        self.next_flush = Some(Time(phase + (since_phase / interval.max(1) + 1) * interval.max(1)));
    }
}
