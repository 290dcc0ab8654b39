use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use rumormill_protocol::{
    Cause, Channel, Command, Dot, Event, LinkEvent, NodeId, Output, Protocol, Random, Start, Status, Time,
    View, generator,
};

use crate::{
    agreement::Agreement,
    allowance::Allowance,
    base::Base,
    config::{Compression, Config, Detector, DigestForm, Dissemination, Peers},
    consensus::Consensus,
    election::Election,
    graves::Graves,
    heartbeat::Pulses,
    lifeguard::{Health, Stall},
    log::Holders,
    membership::Membership,
    message::{Body, Message, Names},
    news::News,
    partners::Partners,
    probe::Prober,
    reconcile::Reconciliation,
    rings::Rings,
    shaper::Shaper,
    store::Store,
    suspicion::Suspicions,
    sync::Sync,
    tour::Tour,
    tree::Limb,
    wants::Wants,
    writing::Writing,
};

/// How long a node that has joined leaves a seed to get what it said, before it makes room there for others that join.
const SEED_GRACE: Duration = Duration::from_millis(100);

/// Room for outputs that a node keeps when it has none: a burst must not take memory for ever.
const OUTPUTS_KEPT: usize = 8;

/// One gossip node as a state machine; [`Protocol`] says how it is driven.
#[derive(Debug)]
pub struct Node {
    /// Shared by all nodes of a process, so that it is in the cache when a node is not.
    pub(crate) config: Arc<Config>,
    pub(crate) start: Start,
    pub(crate) random: Random,
    pub(crate) stage: Stage,
    pub(crate) membership: Membership,
    pub(crate) partners: Partners,
    pub(crate) tour: Tour,
    pub(crate) graves: Graves,
    /// Through whom it joins, and when they are released.
    pub(crate) seeds: Vec<NodeId>,
    pub(crate) release_seeds: Option<Time>,
    pub(crate) prober: Prober,
    pub(crate) health: Health,
    /// When it was last woken long after what it planned.
    pub(crate) woke_late: Time,
    pub(crate) stall: Stall,
    pub(crate) suspicions: Suspicions,
    /// What is known of heartbeats, where they are the detector.
    pub(crate) pulses: Pulses,
    pub(crate) news: News,
    pub(crate) allowance: Allowance,
    pub(crate) store: Store,
    pub(crate) writing: Writing,
    pub(crate) sync: Sync,
    pub(crate) wants: Wants,
    /// Which write shapes the tree, once there was any.
    pub(crate) shaper: Option<Box<Shaper>>,
    pub(crate) reconcile: Reconciliation,
    /// When the next protocol period begins.
    pub(crate) next_period: Time,
    /// Where this node's gossip intervals lie: it flushes at whole intervals after this.
    pub(crate) gossip_phase: Duration,
    /// When to flush, while there is anything to flush.
    pub(crate) next_flush: Option<Time>,
    /// When to push the whole state, or to begin an exchange of digests.
    pub(crate) next_full_push: Option<Time>,
    /// When to ask for news.
    pub(crate) next_pull: Option<Time>,
    /// With uniform peers: flushes for which the latest write is still passed on.
    pub(crate) hot_flushes: usize,
    /// How others' membership tables compare with this node's, and their states.
    pub(crate) members_agreement: Agreement,
    pub(crate) state_agreement: Agreement,
    /// Who leads, where anyone does.
    pub(crate) election: Option<Box<Election>>,
    /// What is being agreed on, once anything was.
    pub(crate) consensus: Option<Box<Consensus>>,
    pub(crate) outputs: VecDeque<Output<Message>>,
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
    type Config = Arc<Config>;
    type Message = Message;

    fn new(config: &Arc<Config>, start: &Start, _now: Time) -> Self {
        Self {
            config: Arc::clone(config),
            start: *start,
            random: generator(start.seed),
            stage: Stage::Idle,
            membership: match config.detector {
                Detector::Swim => Membership::new(config.commons.clone()),
                Detector::Heartbeat(_) => Membership::judging_alone(config.commons.clone()),
            },
            partners: Partners::new(Rings::new(config.partners, config.rotate_every)),
            tour: Tour::default(),
            graves: Graves::default(),
            seeds: Vec::new(),
            release_seeds: None,
            prober: Prober::default(),
            health: Health::default(),
            woke_late: Time::ZERO,
            stall: Stall::default(),
            suspicions: Suspicions::default(),
            pulses: Pulses::default(),
            news: News::default(),
            allowance: Allowance::default(),
            store: Store::new(config.commons.clone()),
            writing: Writing::default(),
            sync: Sync::default(),
            wants: Wants::default(),
            shaper: None,
            reconcile: Reconciliation::default(),
            next_period: Time::ZERO,
            gossip_phase: Duration::ZERO,
            next_flush: None,
            next_full_push: None,
            next_pull: None,
            hot_flushes: 0,
            members_agreement: Agreement::default(),
            state_agreement: Agreement::default(),
            election: Election::of(config.election),
            consensus: None,
            outputs: VecDeque::new(),
        }
    }

    fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        if !self.is_started() || from == self.start.me {
            return;
        }
        self.notice_sleep(now);
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
                self.handle_ack(now, seq);
            }
            Body::PingRequest { seq, target, news } => {
                self.hear_all(now, from, &news);
                self.probe_for(now, from, seq, target);
            }
            Body::Nack { seq } => self.prober.nacked(seq),
            Body::News(news) => self.hear_all(now, from, &news),
            Body::Meet(meet) => self.handle_meet(now, from, &meet),
            Body::Members { first, more, dense, records } => {
                self.handle_members(now, from, first, &dense, &records);
                if self.stage == Stage::Joining && !more {
                    self.joined(now);
                }
            }
            Body::AskDigest => self.handle_ask_digest(now, from),
            Body::Digest(digest) => self.handle_digest(now, from, &digest),
            Body::Ask(ask) => self.handle_ask(now, from, ask),
            Body::Sketch(sketch) => self.handle_sketch(now, from, &sketch),
            Body::Versions(versions) => self.handle_versions(now, from, &versions),
            Body::Delta { upto, entries } => {
                self.apply(now, from, &entries);
                if let Some(upto) = upto {
                    self.sync.took(from, upto);
                    self.sync.fed(from);
                    self.reconcile.stop_telling(from);
                    self.let_feed(now);
                    self.recalled(now);
                }
                self.push_eagerly();
            }
            Body::Rumors(entries) => {
                self.apply_rumors(now, from, &entries);
                self.push_eagerly();
            }
            Body::Announce(dots) => self.hear_announced(now, from, &dots),
            Body::Graft { eager, have } => self.answer_graft(from, eager, &have),
            Body::Prune => self.sync.set_limb(from, Limb::Beside),
            Body::FullState(part) => self.apply_part(now, from, &part),
            Body::Heartbeats(heartbeats) => self.handle_heartbeats(now, from, &heartbeats),
            Body::Ballot(ballot) => self.handle_ballot(now, from, ballot),
            Body::Proposal(proposal) => self.handle_proposal(now, from, proposal),
        }
        self.tell_branches(now);
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
                self.tell_settled(peer);
            }
            LinkEvent::Down => {
                let connection = self.sync.down(peer);
                self.forget_told(connection);
                self.reconcile.forget(peer);
                self.let_feed(now);
                self.ask_next(now);
            }
            // The detector finds out by itself whether the peer is there.
            LinkEvent::DialFailed => self.sync.owe_nothing(peer),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if !self.is_started() {
            return;
        }
        self.notice_sleep(now);
        self.do_what_is_due(now);
    }

    fn handle_blocked(&mut self, now: Time, blocked: bool) {
        if blocked {
            self.stall.block();
            return;
        }
        if !self.stall.may_probe() {
            self.prober.leaves(now, self.health.stretch(self.config.probe_timeout));
        }
        if self.stall.release() && self.is_started() {
            // What was held up goes on before anything that came meanwhile is read: it may have come too late.
            self.do_what_is_due(now);
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Warm(warm) if self.stage == Stage::Idle => {
                let base = Base::of(&warm, self.config.commons.as_ref());
                self.membership.load(Arc::clone(&base));
                self.store.load(base);
                self.begin(now, Stage::Running);
                self.partners.hold(now);
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
            Command::Put { key, value } if self.is_started() => self.write(now, key, Some(value)),
            Command::Delete { key } if self.is_started() => self.write(now, key, None),
            Command::Propose { slot, value } if self.is_started() => self.propose(now, slot, value),
            Command::Warm(_)
            | Command::Join { .. }
            | Command::Leave
            | Command::Put { .. }
            | Command::Delete { .. }
            | Command::Propose { .. } => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        let next = self.outputs.pop_front();
        if next.is_none() {
            // The next ones come to lie where the last ones did, which is in the cache.
            self.outputs.clear();
            if self.outputs.capacity() > OUTPUTS_KEPT {
                self.outputs = VecDeque::new();
            }
        }
        next
    }

    fn poll_timeout(&self) -> Option<Time> {
        if self.is_started() { self.next_deadline() } else { None }
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

    fn siblings(&self, key: &str) -> Vec<Dot> {
        self.store.standing(key).to_vec()
    }
}

impl Node {
    const fn is_started(&self) -> bool {
        matches!(self.stage, Stage::Joining | Stage::Running)
    }

    /// A member told who is there: this node is one of them, and makes room at its seeds for others that join.
    pub(crate) fn joined(&mut self, now: Time) {
        self.stage = Stage::Running;
        self.outputs.extend(self.seeds.iter().copied().map(Output::Disconnect));
        self.release_seeds = Some(now + SEED_GRACE);
        if self.reads_rings() {
            self.partners.read_soon(now);
        }
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
        let names = if body.names_nobody() { Names::Full } else { self.sync.names(to) };
        let flat = match &body {
            Body::Digest(_) => self.config.digest == DigestForm::Full,
            // Numbers that have little in common: zstd takes longer over them than all else that is done with them.
            Body::News(_) => names != Names::Full,
            _ => false,
        };
        let compression = if flat { Compression::None } else { self.config.compression };
        let message = Message { names, compression, body };
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
}
