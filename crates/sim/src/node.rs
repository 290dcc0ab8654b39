use std::{sync::Arc, time::Duration};

use rumormill_lab::{Action, Inspection, NodeCensus, NodeLook};
use rumormill_link::{Conditions, NetworkConfig, NodeClock};
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, NodeId, Purpose, Time, stream};

use crate::{
    blocked::{Blocked, PACKETS_HELD_MAX},
    machine::{Machine, Outbox, Sent},
};

/// Commands that wait for a node that is paused; later ones are not obeyed.
const COMMANDS_HELD_MAX: usize = 1_024;

/// A node through all its lives.
pub(crate) struct Node<M: Machine> {
    me: NodeId,
    state: State<M>,
    /// Its own clock, where that was ever not right. The machine knows no other time; packets travel in the run's.
    clock: Option<Box<NodeClock>>,
    /// What waits while neither sends nor receives go through, until all of it has been read.
    blocked: Option<Box<Blocked<M::Packet>>>,
    /// What was held up and leaves now.
    released: Vec<Sent<M::Packet>>,
    /// The network as its packets meet it; what has left it is under way, whatever becomes of it.
    conditions: Conditions,
    /// How often it was started before.
    generation: u32,
    /// What its earlier lives left; nothing before one of them ended.
    past: Option<Box<Past>>,
    /// Packets that it sent so far.
    sent: u64,
}

/// What lives that have ended sent, and how many messages they dropped.
#[derive(Default)]
struct Past {
    ledger: Ledger,
    dropped: u64,
}

enum State<M: Machine> {
    Running(M),
    Paused(M, Held<M>),
    Crashed,
}

/// What waits for a node that is paused.
struct Held<M: Machine> {
    packets: Vec<(NodeId, M::Packet)>,
    commands: Vec<Command>,
}

impl<M: Machine> Node<M> {
    /// A node that is silent until it is told to start.
    pub(crate) fn new(mold: &M::Mold, me: NodeId, network: Arc<NetworkConfig>, seed: u64) -> Self {
        Self {
            me,
            state: State::Running(M::new(mold, me, 0, Time::ZERO)),
            clock: None,
            blocked: None,
            released: Vec::new(),
            conditions: Conditions::new(network, stream(seed, Purpose::Network, Some(me))),
            generation: 0,
            past: None,
            sent: 0,
        }
    }

    /// The number of the next packet that it sends.
    pub(crate) const fn next_sent(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// When it wants to be woken, packets aside.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let State::Running(machine) = &self.state else { return None };
        let due = machine.poll_timeout().map(|own| match &self.clock {
            None => own,
            Some(clock) => clock.when(own),
        });
        match self.blocked.as_ref().and_then(|blocked| blocked.next_read()) {
            None => due,
            Some(read) => Some(due.map_or(read, |due| due.min(read))),
        }
    }

    /// What its own clock shows.
    fn own_time(&self, now: Time) -> Time {
        self.clock.as_ref().map_or(now, |clock| clock.read(now))
    }

    /// A packet arrived.
    pub(crate) fn handle_packet(&mut self, now: Time, from: NodeId, packet: M::Packet) {
        let now = self.own_time(now);
        match (&mut self.state, &mut self.blocked) {
            (State::Crashed, _) => {}
            (_, Some(blocked)) => blocked.arrive(from, packet),
            (State::Running(machine), None) => machine.handle_packet(now, from, packet),
            (State::Paused(_, held), None) if held.packets.len() < PACKETS_HELD_MAX => {
                held.packets.push((from, packet));
            }
            (State::Paused(..), None) => {}
        }
    }

    /// Its deadline has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let own = self.own_time(now);
        let State::Running(machine) = &mut self.state else { return };
        if let Some(blocked) = &mut self.blocked {
            while let Some((from, packet)) = blocked.read(now) {
                machine.handle_packet(own, from, packet);
            }
        }
        machine.handle_timeout(own);
        self.blocked.take_if(|blocked| blocked.is_over());
    }

    /// Does something to the node.
    pub(crate) fn handle(&mut self, now: Time, mold: &M::Mold, action: Action) {
        match action {
            Action::Command(command) => self.obey(now, command),
            Action::Crash => self.crash(now),
            Action::Restart => self.restart(now, mold),
            Action::Pause => self.pause(),
            Action::Resume => self.resume(now),
            Action::Block { reading } => self.block(now, reading),
            Action::Unblock => self.unblock(now),
            Action::Pace(pace) => self.clock.get_or_insert_default().run_at(now, pace.millionths()),
            Action::Impair { fault, impairment } => {
                self.conditions.impair(fault, impairment.toward, impairment.loss, impairment.delay);
            }
            Action::Repair { fault } => self.conditions.repair(fault),
        }
    }

    /// Sends what there is to send.
    pub(crate) fn transmit(&mut self, now: Time, sent: &mut Vec<Sent<M::Packet>>, scratch: &mut Vec<u8>) {
        sent.append(&mut self.released);
        let own = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            let held = self.blocked.as_mut().and_then(|blocked| blocked.outgoing());
            machine.transmit(own, &mut Outbox::new(now, &mut self.conditions, sent, held, scratch));
        }
    }

    /// The next thing that happened inside the node.
    pub(crate) fn poll_event(&mut self) -> Option<rumormill_protocol::Event> {
        match &mut self.state {
            State::Running(machine) => machine.poll_event(),
            State::Paused(..) | State::Crashed => None,
        }
    }

    pub(crate) fn census(&self, now: Time) -> NodeCensus {
        let NodeLook { links_up, links_pending, alive, crashed } = self.look();
        let mut census = NodeCensus { links_up, links_pending, alive, crashed, ..NodeCensus::default() };
        self.count_in(now, &mut census.ledger);
        let dropped = self.machine().map_or(0, M::messages_dropped);
        census.messages_dropped = dropped + self.past.as_ref().map_or(0, |past| past.dropped);
        census
    }

    /// Adds what it sent in all its lives.
    pub(crate) fn count_in(&self, now: Time, sent: &mut Ledger) {
        if let Some(machine) = self.machine() {
            machine.count_in(self.own_time(now), sent);
        }
        self.conditions.count_in(sent);
        if let Some(past) = &self.past {
            sent.add(&past.ledger);
        }
    }

    pub(crate) fn look(&self) -> NodeLook {
        self.machine().map_or(NodeLook { crashed: true, ..NodeLook::default() }, |machine| NodeLook {
            links_up: machine.links_up(),
            links_pending: machine.links_pending(),
            alive: machine.view().alive(),
            crashed: false,
        })
    }

    /// What the node believes; nothing when it crashed.
    pub(crate) fn inspect(&self, members: &[NodeId], writers: &[NodeId]) -> Option<Inspection> {
        let view = self.machine()?.view();
        Some(Inspection {
            node: self.me,
            statuses: members.iter().map(|&member| view.status(member)).collect(),
            lives: members.iter().map(|&member| view.life(member)).collect(),
            versions: writers.iter().map(|&writer| view.version(writer)).collect(),
        })
    }

    const fn machine(&self) -> Option<&M> {
        match &self.state {
            State::Running(machine) | State::Paused(machine, _) => Some(machine),
            State::Crashed => None,
        }
    }

    fn obey(&mut self, now: Time, command: Command) {
        let now = self.own_time(now);
        match &mut self.state {
            State::Running(machine) => machine.handle_command(now, command),
            State::Paused(_, held) if held.commands.len() < COMMANDS_HELD_MAX => held.commands.push(command),
            State::Paused(..) | State::Crashed => {}
        }
    }

    fn crash(&mut self, now: Time) {
        let now = self.own_time(now);
        let (State::Running(machine) | State::Paused(machine, _)) = &self.state else { return };
        let past = self.past.get_or_insert_default();
        machine.count_in(now, &mut past.ledger);
        past.dropped += machine.messages_dropped();
        self.state = State::Crashed;
        self.blocked = None;
    }

    fn restart(&mut self, now: Time, mold: &M::Mold) {
        self.crash(now);
        self.generation += 1;
        self.state = State::Running(M::new(mold, self.me, self.generation, self.own_time(now)));
    }

    fn pause(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Running(machine) => {
                State::Paused(machine, Held { packets: Vec::new(), commands: Vec::new() })
            }
            other => other,
        };
    }

    fn is_blocked(&self) -> bool {
        self.blocked.as_ref().is_some_and(|blocked| blocked.holds())
    }

    fn block(&mut self, now: Time, reading: Duration) {
        if self.is_blocked() || self.machine().is_none() {
            return;
        }
        self.blocked.get_or_insert_default().hold(reading);
        let own = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            machine.handle_blocked(own, true);
        }
    }

    /// What waited goes through: what was sent at once, what arrived as it is read.
    fn unblock(&mut self, now: Time) {
        let Some(outgoing) = self.blocked.as_mut().and_then(|blocked| blocked.release(now)) else { return };
        self.released.extend(outgoing.leave(now));
        self.blocked.take_if(|blocked| blocked.is_over());
        let own = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            machine.handle_blocked(own, false);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.handle_timeout(now);
        }
    }

    /// Goes on: first with what arrived and what is due, then with what was asked.
    fn resume(&mut self, now: Time) {
        let (own, blocked) = (self.own_time(now), self.is_blocked());
        let held = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Paused(mut machine, held) => {
                machine.handle_blocked(own, blocked);
                self.state = State::Running(machine);
                held
            }
            other => {
                self.state = other;
                return;
            }
        };
        for (from, packet) in held.packets {
            self.handle_packet(now, from, packet);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.handle_timeout(now);
        }
        for command in held.commands {
            self.obey(now, command);
        }
    }
}
