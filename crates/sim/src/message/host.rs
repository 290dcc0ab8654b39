use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rumormill_link::{Action, CloseReason, Directory, LinkConfig, Links, NetworkConfig};
use rumormill_measure::Ledger;
use rumormill_protocol::{
    Cause, Command, Event, LinkEvent, NodeId, Output, Protocol, Purpose, Start, Time, View, Wire, stream,
};

use super::{
    cost::{self, Pace},
    end::{Arrived, End, Letter, Stage},
    parcel::{Content, Name, Parcel},
};
use crate::machine::{Machine, Outbox, life_seed};

/// Of so many messages one is encoded, to see that it is as long as it says.
const CHECKED_ONE_IN: u64 = 1_024;
/// Dials of one life that have names of their own.
const DIAL_BITS: u32 = 40;

/// What message hosts are made from.
pub struct MessageMold<C> {
    /// The run's seed.
    pub seed: u64,
    /// The protocol's settings.
    pub config: C,
    /// The addresses of all nodes, by number.
    pub book: Arc<[SocketAddr]>,
    /// What connections are like.
    pub terms: Arc<Terms>,
}

/// What connections between simulated hosts are like: the same for all, which share it.
pub struct Terms {
    links: Arc<LinkConfig>,
    pub(super) idle_timeout: Duration,
    pub(super) pace: Pace,
}

impl Terms {
    /// By this connection policy, with connections that are down when nothing arrived for `idle_timeout`, on a network from
    /// whose conditions QUIC's own timeouts follow.
    pub fn new(links: LinkConfig, idle_timeout: Duration, network: &NetworkConfig) -> Self {
        Self { links: Arc::new(links), idle_timeout, pace: Pace::of(network) }
    }
}

/// A protocol on the project's connection policy, with each message passed on as it is and QUIC's share modelled:
/// handshakes, packets, acknowledgements and repetition. Congestion and flow control are not.
pub struct MessageHost<P: Protocol> {
    pub(super) me: NodeId,
    generation: u32,
    pub(super) protocol: P,
    /// Whether the node was told to start; until then it refuses connections.
    started: bool,
    pub(super) links: Links<Name, Letter<P::Message>>,
    directory: Directory,
    pub(super) ends: BTreeMap<Name, End<P::Message>>,
    /// Ends with something to send, each at least once.
    pub(super) dirty: Vec<Name>,
    /// What is to be sent outside any connection, or as the last of one, with what it takes.
    pub(super) answers: Vec<(NodeId, Name, Answer)>,
    events: VecDeque<Event>,
    pub(super) ledger: Ledger,
    dials: u64,
    messages: u64,
    /// Not later than the next deadline of any end.
    wake: Option<Time>,
    pub(super) terms: Arc<Terms>,
}

/// A packet that is sent without waiting for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Hello,
    Welcome,
    Refusal,
    Confirm,
    Close,
    Unknown,
}

impl<P: Protocol + Send> Machine for MessageHost<P> {
    type Mold = MessageMold<P::Config>;
    type Packet = Parcel<P::Message>;

    const EVERY_PACKET: bool = false;

    fn new(mold: &Self::Mold, me: NodeId, generation: u32, now: Time) -> Self {
        let seed = life_seed(stream(mold.seed, Purpose::Protocol, Some(me)), generation);
        let start = Start { me, address: mold.book[me.index()], generation, seed };
        Self {
            me,
            generation,
            protocol: P::new(&mold.config, &start, now),
            started: false,
            links: Links::new(me, Arc::clone(&mold.terms.links)),
            directory: Directory::new(mold.book.clone()),
            ends: BTreeMap::new(),
            dirty: Vec::new(),
            answers: Vec::new(),
            events: VecDeque::new(),
            ledger: Ledger::default(),
            dials: 0,
            messages: 0,
            wake: None,
            terms: Arc::clone(&mold.terms),
        }
    }

    fn handle_packet(&mut self, now: Time, from: NodeId, parcel: Self::Packet) {
        self.ledger.packets_received += 1;
        let name = parcel.name;
        match parcel.content {
            Content::Hello => self.accept(now, from, name),
            Content::Welcome => self.welcomed(now, name),
            Content::Refusal | Content::Close | Content::Unknown => self.end_lost(now, name),
            Content::Data { number, packets, datagrams, sequence, messages } => {
                if self.establish(now, from, name) {
                    self.take(now, name, packets, |end| {
                        end.sort(number, datagrams as usize, sequence, messages)
                    });
                }
            }
        }
        self.obey_links(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.protocol.poll_timeout().is_some_and(|timeout| timeout <= now) {
            self.protocol.handle_timeout(now);
        }
        self.links.handle_timeout(now);
        if self.wake.is_some_and(|wake| wake <= now) {
            self.expire(now);
        }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        self.started |= matches!(command, Command::Warm(_) | Command::Join { .. });
        match &command {
            Command::Warm(boot) => self.directory.warm(boot.clone()),
            Command::Join { seeds } => {
                seeds.iter().for_each(|seed| self.directory.introduce(seed.id, seed.address));
            }
            Command::Leave | Command::Put { .. } | Command::Delete { .. } | Command::Propose { .. } => {}
        }
        self.protocol.handle_command(now, command);
    }

    fn handle_blocked(&mut self, now: Time, blocked: bool) {
        self.protocol.handle_blocked(now, blocked);
    }

    fn transmit(&mut self, now: Time, outbox: &mut Outbox<'_, Self::Packet>) {
        loop {
            while let Some(output) = self.protocol.poll_output() {
                self.obey(now, output);
            }
            if !self.obey_links(now) {
                break;
            }
        }
        self.send_all(now, outbox);
        // An end whose stream overflowed was lost in the sending.
        if self.obey_links(now) {
            self.transmit(now, outbox);
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        let timeouts = [self.protocol.poll_timeout(), self.links.poll_timeout(), self.wake];
        timeouts.into_iter().flatten().min()
    }

    fn count_in(&self, now: Time, sent: &mut Ledger) {
        sent.add(&self.ledger);
        for end in self.ends.values() {
            end.overdue(now).into_iter().for_each(|bytes| count_ack(sent, bytes));
        }
    }

    fn links_up(&self) -> usize {
        self.links.up()
    }

    fn links_pending(&self) -> usize {
        self.links.pending()
    }

    fn messages_dropped(&self) -> u64 {
        self.links.dropped()
    }

    fn view(&self) -> &dyn View {
        self.protocol.view()
    }
}

impl<P: Protocol> MessageHost<P> {
    fn obey(&mut self, now: Time, output: Output<P::Message>) {
        match output {
            Output::Connect(peer) => self.links.pin(now, peer),
            Output::Disconnect(peer) => self.links.unpin(now, peer),
            Output::Release(peer) => self.links.release(peer),
            Output::Introduce { id, address } => self.directory.introduce(id, address),
            Output::Send { to, channel, cause, message } => {
                assert!(to != self.me, "a protocol sends nothing to itself");
                let sizes = message.sizes();
                self.check(&message, sizes.payload);
                self.ledger.checks += u64::from(cause == Cause::Probe);
                let letter = Letter { channel, cause, sizes, message };
                match self.links.route(now, to) {
                    Some(name) => self.hand_over(name, letter),
                    None => self.links.wait(now, to, sizes.compressed, letter),
                }
            }
            Output::Event(event) => self.events.push_back(event),
        }
    }

    /// Says whether there was anything to do.
    fn obey_links(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(action) = self.links.poll_action() {
            any = true;
            match action {
                Action::Dial(peer) => self.dial(now, peer),
                Action::Close(name, reason) => self.close(now, name, reason),
                Action::Tell(peer, link) => {
                    if link == LinkEvent::Up {
                        while let Some(name) = self.links.route(now, peer) {
                            let Some(letter) = self.links.next_waiting(peer) else { break };
                            self.hand_over(name, letter);
                        }
                    }
                    self.protocol.handle_link(now, peer, link);
                }
            }
        }
        any
    }

    fn hand_over(&mut self, name: Name, letter: Letter<P::Message>) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        self.ledger.message(letter.cause, letter.sizes);
        if end.outgoing.is_empty() {
            self.dirty.push(name);
        }
        end.outgoing.push(letter);
    }

    /// Some messages are encoded, to see that they are as long as they say.
    fn check(&mut self, message: &P::Message, payload: usize) {
        self.messages += 1;
        if self.messages.is_multiple_of(CHECKED_ONE_IN) {
            let encoded = message.encode(&mut Vec::new()).payload;
            assert_eq!(encoded, payload, "a message is as long as it says");
        }
    }

    fn dial(&mut self, now: Time, peer: NodeId) {
        if self.directory.address(peer).is_none() || self.ends.len() >= self.terms.links.connections {
            self.links.dial_failed(now, peer);
            return;
        }
        self.dials += 1;
        self.ledger.dials += 1;
        let serial = u64::from(self.generation) << DIAL_BITS | self.dials;
        let name = Name { dialler: self.me, serial };
        let again_at = now + cost::HELLO_TIMEOUT;
        self.ends.insert(name, End::new(peer, Stage::Dialling { again_at }, now));
        self.links.dialling(peer, name);
        self.wake_by(again_at);
        self.answers.push((peer, name, Answer::Hello));
    }

    fn accept(&mut self, now: Time, from: NodeId, name: Name) {
        let answer = match self.ends.get(&name) {
            Some(End { stage: Stage::Accepted { .. }, .. }) => Answer::Welcome,
            // A second copy.
            Some(_) => return,
            None if !self.started || self.ends.len() >= self.terms.links.connections => Answer::Refusal,
            None => {
                let give_up = now + self.terms.links.dial_timeout;
                self.ends.insert(name, End::new(from, Stage::Accepted { give_up }, now));
                self.wake_by(give_up);
                Answer::Welcome
            }
        };
        self.answers.push((from, name, answer));
    }

    fn welcomed(&mut self, now: Time, name: Name) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        end.heard(now);
        if !matches!(end.stage, Stage::Dialling { .. }) {
            return;
        }
        end.stage = Stage::Up;
        let peer = end.peer;
        self.answers.push((peer, name, Answer::Confirm));
        self.links.connected(now, peer, name, self.me);
        self.wake_by(now + self.terms.idle_timeout);
    }

    /// Something arrived that only an established connection carries; says whether this is one.
    fn establish(&mut self, now: Time, from: NodeId, name: Name) -> bool {
        let Some(end) = self.ends.get_mut(&name) else {
            self.answers.push((from, name, Answer::Unknown));
            return false;
        };
        end.heard(now);
        match end.stage {
            Stage::Up => true,
            // It overtook the acceptor's answer.
            Stage::Dialling { .. } => false,
            Stage::Accepted { .. } => {
                end.stage = Stage::Up;
                end.says_done = true;
                self.links.connected(now, from, name, from);
                let (packets, bytes) = cost::DONE;
                self.ledger.packets += packets as u64;
                self.ledger.quic_bytes += bytes as u64;
                self.ledger.handshake_bytes += bytes as u64;
                self.wake_by(now + self.terms.idle_timeout);
                // At once, so that the protocol hears of the connection before it hears what came over it.
                self.obey_links(now);
                self.ends.contains_key(&name)
            }
        }
    }

    fn take(
        &mut self,
        now: Time,
        name: Name,
        packets: u32,
        sort: impl FnOnce(&mut End<P::Message>) -> Arrived<P::Message>,
    ) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        let peer = end.peer;
        let messages = match sort(end) {
            Arrived::Again => return,
            Arrived::Overflow => {
                self.close(now, name, CloseReason::Violation);
                self.links.lost(now, peer, name);
                return;
            }
            Arrived::Messages(messages) => messages,
        };
        end.owes(now, packets).into_iter().for_each(|bytes| count_ack(&mut self.ledger, bytes));
        if end.acknowledges_now() {
            self.dirty.push(name);
        }
        if !messages.is_empty() {
            self.links.received(now, peer);
        }
        for message in messages {
            self.protocol.handle_message(now, peer, message);
        }
    }

    /// The peer has ended a connection, or does not know it.
    fn end_lost(&mut self, now: Time, name: Name) {
        let Some(end) = self.forget(now, name) else { return };
        match end.stage {
            Stage::Up => self.links.lost(now, end.peer, name),
            Stage::Dialling { .. } => {
                self.ledger.handshakes_failed += 1;
                self.links.dial_failed(now, end.peer);
            }
            Stage::Accepted { .. } => self.ledger.handshakes_failed += 1,
        }
    }

    /// Closes a connection that the policy has forgotten, or is about to.
    pub(super) fn close(&mut self, now: Time, name: Name, reason: CloseReason) {
        let Some(end) = self.forget(now, name) else { return };
        self.ledger.handshakes_failed += u64::from(end.stage != Stage::Up);
        self.ledger.overflows += u64::from(reason == CloseReason::Overflow);
        self.answers.push((end.peer, name, Answer::Close));
    }

    /// Takes an end out of the table; what it acknowledged alone until now counts.
    fn forget(&mut self, now: Time, name: Name) -> Option<End<P::Message>> {
        let end = self.ends.remove(&name)?;
        end.overdue(now).into_iter().for_each(|bytes| count_ack(&mut self.ledger, bytes));
        Some(end)
    }

    /// Does what is due at ends of connections.
    fn expire(&mut self, now: Time) {
        self.wake = None;
        let names: Vec<Name> = self.ends.keys().copied().collect();
        for name in names {
            self.expire_end(now, name);
        }
        self.obey_links(now);
    }

    fn expire_end(&mut self, now: Time, name: Name) {
        let Some(end) = self.ends.get_mut(&name) else { return };
        let peer = end.peer;
        match &mut end.stage {
            Stage::Dialling { again_at } => {
                if *again_at <= now {
                    *again_at = now + 2 * cost::HELLO_TIMEOUT;
                    self.answers.push((peer, name, Answer::Hello));
                }
                let next = *again_at;
                self.wake_by(next);
            }
            Stage::Accepted { give_up } if *give_up <= now => self.end_lost(now, name),
            Stage::Accepted { give_up } => {
                let next = *give_up;
                self.wake_by(next);
            }
            Stage::Up => {
                let idle_at = end.idle_since + self.terms.idle_timeout;
                if idle_at <= now {
                    self.end_lost(now, name);
                    return;
                }
                let again_at = end.stall.as_ref().map(|stall| stall.again_at);
                if again_at.is_some_and(|again_at| again_at <= now) {
                    self.dirty.push(name);
                }
                self.wake_by(
                    again_at.filter(|&again_at| again_at > now).map_or(idle_at, |at| at.min(idle_at)),
                );
            }
        }
    }

    pub(super) fn wake_by(&mut self, time: Time) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }
}

/// Counts a packet that carries acknowledgements alone.
pub(super) const fn count_ack(ledger: &mut Ledger, bytes: usize) {
    ledger.packets += 1;
    ledger.quic_bytes += bytes as u64;
    ledger.ack_bytes += bytes as u64;
}
