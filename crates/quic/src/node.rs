use std::rc::Rc;

use bytes::BytesMut;
use rumormill_lab::{Action, Inspection, NodeCensus, Stamped};
use rumormill_link::{Host, HostConfig, NodeClock};
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, NodeId, Protocol, Time, mix};
use tokio::net::UdpSocket;

use crate::{
    desk::{Desk, EVENTS_MAX},
    port::Port,
};

/// Packets read before the node acts on them, so that one acknowledgement serves many and no node holds up its
/// shard.
const BATCH: usize = 64;
/// Commands that wait for a node that is paused; later ones are not obeyed.
const COMMANDS_HELD_MAX: usize = 1_024;

/// A node on its socket, through all its lives.
pub(crate) struct Node<P: Protocol> {
    /// Its place in the shard.
    place: usize,
    port: Port,
    /// Its own clock. The host knows no other time; packets travel in the run's.
    clock: NodeClock,
    birth: Birth<P>,
    state: State<P>,
    /// What its earlier lives sent.
    past: Ledger,
    /// Messages that its earlier lives dropped.
    past_dropped: u64,
    /// Nothing was due before this: the node was made or went on then.
    awake_since: Time,
    /// Dials under way when the desk last heard of them.
    dials: usize,
    /// Whether it is among the desk's dialers.
    waits_to_dial: bool,
}

/// What a life begins with.
pub(crate) struct Birth<P: Protocol> {
    /// The present life's.
    pub(crate) host: HostConfig,
    pub(crate) protocol: Rc<P::Config>,
}

enum State<P: Protocol> {
    Running(Box<Host<P>>),
    /// It does nothing, and has been asked this meanwhile.
    Paused(Box<Host<P>>, Vec<Command>),
    /// It only reads and discards, so that neither the kernel nor its peers hear of the end.
    Crashed,
}

impl<P: Protocol> Node<P> {
    /// A node that is silent until it is told to start.
    pub(crate) fn new(place: usize, port: Port, birth: Birth<P>, now: Time) -> Self {
        Self {
            place,
            port,
            clock: NodeClock::default(),
            state: State::Running(birth.host(now)),
            birth,
            past: Ledger::default(),
            past_dropped: 0,
            awake_since: now,
            dials: 0,
            waits_to_dial: false,
        }
    }

    pub(crate) const fn socket(&self) -> &Rc<UdpSocket> {
        self.port.socket()
    }

    /// Whether it wants to be woken for packets.
    pub(crate) const fn reads(&self) -> bool {
        !matches!(self.state, State::Paused(..)) && !self.port.is_blocked()
    }

    /// When the node wants to be woken, packets aside.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let own = match &self.state {
            State::Running(host) => host.poll_timeout().map(|own| self.clock.when(own)),
            State::Paused(..) | State::Crashed => None,
        };
        own.into_iter().chain(self.port.poll_timeout()).min()
    }

    /// Packets may have arrived, or the deadline passed.
    pub(crate) fn wake(&mut self, now: Time, desk: &mut Desk) {
        self.port.flush(now);
        let arrived = self.reads() && self.receive(now, desk);
        let own = self.clock.read(now);
        let State::Running(host) = &mut self.state else { return };
        host.allow_dials(own, desk.may_dial());
        let due = host.poll_timeout().filter(|&deadline| deadline <= own);
        if let Some(deadline) = due {
            desk.was_late(now - self.clock.when(deadline).max(self.awake_since));
            host.handle_timeout(own);
        }
        if arrived || due.is_some() {
            self.act(now, desk);
        }
    }

    /// There is room for its dials.
    pub(crate) fn dial(&mut self, now: Time, desk: &mut Desk) {
        self.waits_to_dial = false;
        if let State::Running(host) = &mut self.state {
            host.allow_dials(self.clock.read(now), true);
            self.act(now, desk);
        }
    }

    /// Does something to the node.
    pub(crate) fn handle(&mut self, now: Time, action: Action, desk: &mut Desk) {
        match action {
            Action::Command(command) => self.obey(now, command, desk),
            Action::Crash => self.crash(desk),
            Action::Restart => self.restart(now, desk),
            Action::Pause => self.pause(desk),
            Action::Resume => self.resume(now, desk),
            Action::Block { .. } => self.block(now, desk),
            Action::Unblock => self.unblock(now, desk),
            Action::Pace(pace) => self.clock.run_at(now, pace.millionths()),
            Action::Impair { fault, impairment } => self.port.impair(fault, impairment),
            Action::Repair { fault } => self.port.repair(fault),
        }
    }

    pub(crate) fn census(&self) -> NodeCensus {
        let mut census = NodeCensus {
            ledger: self.past.clone(),
            messages_dropped: self.past_dropped,
            ..NodeCensus::default()
        };
        census.ledger.add(&self.port.ledger());
        let Some(host) = self.host() else { return NodeCensus { crashed: true, ..census } };
        census.ledger.add(host.ledger());
        census.messages_dropped += host.messages_dropped();
        census.links_up = host.links_up();
        census.links_pending = host.links_pending();
        census.alive = host.protocol().view().alive();
        census
    }

    /// What the node believes; nothing when it crashed.
    pub(crate) fn inspect(&self, members: &[NodeId], writers: &[NodeId]) -> Option<Inspection> {
        let view = self.host()?.protocol().view();
        Some(Inspection {
            node: self.birth.host.start.me,
            statuses: members.iter().map(|&member| view.status(member)).collect(),
            lives: members.iter().map(|&member| view.life(member)).collect(),
            versions: writers.iter().map(|&writer| view.version(writer)).collect(),
        })
    }

    fn host(&self) -> Option<&Host<P>> {
        match &self.state {
            State::Running(host) | State::Paused(host, _) => Some(host),
            State::Crashed => None,
        }
    }

    fn obey(&mut self, now: Time, command: Command, desk: &mut Desk) {
        match &mut self.state {
            State::Running(host) => {
                let own = self.clock.read(now);
                host.allow_dials(own, desk.may_dial());
                host.handle_command(own, command);
                self.act(now, desk);
            }
            State::Paused(_, held) if held.len() < COMMANDS_HELD_MAX => held.push(command),
            State::Paused(..) | State::Crashed => {}
        }
    }

    fn crash(&mut self, desk: &mut Desk) {
        let Some(host) = self.host() else { return };
        let (sent, dropped) = (host.ledger().clone(), host.messages_dropped());
        self.past.add(&sent);
        self.past_dropped += dropped;
        self.state = State::Crashed;
        self.port.drop_held();
        self.forget_dials(desk);
    }

    /// Begins the next life. It hears nothing that was sent to an earlier one before.
    fn restart(&mut self, now: Time, desk: &mut Desk) {
        self.crash(desk);
        self.port.discard();
        self.birth.advance();
        self.state = State::Running(self.birth.host(self.clock.read(now)));
        self.awake_since = now;
    }

    fn pause(&mut self, desk: &mut Desk) {
        self.state = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Running(host) => State::Paused(host, Vec::new()),
            other => other,
        };
        // A node that stands still must not keep others from booting.
        self.forget_dials(desk);
    }

    /// Goes on: first with what arrived and what is due, then with what was asked.
    fn resume(&mut self, now: Time, desk: &mut Desk) {
        let (mut host, held) = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Paused(host, held) => (host, held),
            other => {
                self.state = other;
                return;
            }
        };
        host.handle_blocked(self.clock.read(now), self.port.is_blocked());
        self.state = State::Running(host);
        self.awake_since = now;
        self.wake(now, desk);
        for command in held {
            self.obey(now, command, desk);
        }
    }

    fn block(&mut self, now: Time, desk: &mut Desk) {
        if matches!(self.state, State::Crashed) {
            return;
        }
        self.port.block();
        self.tell_blocked(now, true, desk);
    }

    /// What waited goes through: what was sent first, then what arrived.
    fn unblock(&mut self, now: Time, desk: &mut Desk) {
        self.port.unblock(now);
        self.tell_blocked(now, false, desk);
        self.wake(now, desk);
    }

    fn tell_blocked(&mut self, now: Time, blocked: bool, desk: &mut Desk) {
        if let State::Running(host) = &mut self.state {
            host.handle_blocked(self.clock.read(now), blocked);
            self.act(now, desk);
        }
    }

    fn receive(&mut self, now: Time, desk: &mut Desk) -> bool {
        let (mut any, own) = (false, self.clock.read(now));
        for _ in 0..BATCH {
            let Some((size, from)) = self.port.receive(&mut desk.incoming[..]) else { break };
            any = true;
            if let State::Running(host) = &mut self.state {
                // Loopback carries no marks of congestion.
                host.handle_datagram(own, from, None, BytesMut::from(&desk.incoming[..size]));
            }
        }
        any
    }

    /// Sends what there is to send, and notes what happened.
    fn act(&mut self, now: Time, desk: &mut Desk) {
        let State::Running(host) = &mut self.state else { return };
        while let Some(transmit) = host.poll_transmit(self.clock.read(now), &mut desk.packet) {
            if self.port.send(now, transmit.destination, &desk.packet[..transmit.size]).is_err() {
                host.refused(&transmit);
            }
        }
        desk.count_dials(self.dials, host.dials());
        self.dials = host.dials();
        if host.dials_waiting() > 0 && !desk.may_dial() && !self.waits_to_dial {
            self.waits_to_dial = true;
            desk.dialers.push_back(self.place);
        }
        while let Some(event) = host.poll_event() {
            assert!(desk.events.len() < EVENTS_MAX, "events are asked for while the cluster runs");
            desk.events.push(Stamped { at: now, node: self.birth.host.start.me, event });
        }
    }

    fn forget_dials(&mut self, desk: &mut Desk) {
        desk.count_dials(std::mem::take(&mut self.dials), 0);
    }
}

impl<P: Protocol> Birth<P> {
    fn host(&self, now: Time) -> Box<Host<P>> {
        Box::new(Host::new(self.host.clone(), self.protocol.as_ref(), now))
    }

    /// The next life has other connection ids and other chance, but no less repeatable ones.
    fn advance(&mut self) {
        let HostConfig { start, seed, .. } = &mut self.host;
        start.generation += 1;
        start.seed = mix(start.seed);
        *seed = mix(*seed);
    }
}
