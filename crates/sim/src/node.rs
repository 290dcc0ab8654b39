use std::sync::Arc;

use rumormill_lab::{Action, Inspection, NodeCensus};
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
    /// What waits while neither sends nor receives go through.
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
        match &self.state {
            State::Running(machine) => machine.poll_timeout().map(|own| match &self.clock {
                None => own,
                Some(clock) => clock.when(own),
            }),
            State::Paused(..) | State::Crashed => None,
        }
    }

    /// What its own clock shows.
    fn own_time(&self, now: Time) -> Time {
        self.clock.as_ref().map_or(now, |clock| clock.read(now))
    }

    /// A packet arrived.
    pub(crate) fn handle_packet(&mut self, now: Time, from: NodeId, packet: M::Packet) {
        let now = self.own_time(now);
        match &mut self.state {
            State::Crashed => {}
            _ if self.blocked.is_some() => {
                self.blocked.iter_mut().for_each(|blocked| blocked.arrive(from, packet.clone()));
            }
            State::Running(machine) => machine.handle_packet(now, from, packet),
            State::Paused(_, held) if held.packets.len() < PACKETS_HELD_MAX => {
                held.packets.push((from, packet));
            }
            State::Paused(..) => {}
        }
    }

    /// Its deadline has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let now = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            machine.handle_timeout(now);
        }
    }

    /// Does something to the node.
    pub(crate) fn handle(&mut self, now: Time, mold: &M::Mold, action: Action) {
        match action {
            Action::Command(command) => self.obey(now, command),
            Action::Crash => self.crash(now),
            Action::Restart => self.restart(now, mold),
            Action::Pause => self.pause(),
            Action::Resume => self.resume(now),
            Action::Block => self.block(now),
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
            let held = self.blocked.as_mut().map(|blocked| &mut blocked.outgoing);
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
        let mut census = match self.machine() {
            None => NodeCensus { crashed: true, ..NodeCensus::default() },
            Some(machine) => NodeCensus {
                ledger: machine.ledger(self.own_time(now)),
                messages_dropped: machine.messages_dropped(),
                links_up: machine.links_up(),
                links_pending: machine.links_pending(),
                alive: machine.view().alive(),
                crashed: false,
            },
        };
        self.conditions.count_in(&mut census.ledger);
        if let Some(past) = &self.past {
            census.ledger.add(&past.ledger);
            census.messages_dropped += past.dropped;
        }
        census
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
        let Some(machine) = self.machine() else { return };
        let (sent, dropped) = (machine.ledger(now), machine.messages_dropped());
        let past = self.past.get_or_insert_default();
        past.ledger.add(&sent);
        past.dropped += dropped;
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

    fn block(&mut self, now: Time) {
        if self.blocked.is_some() || self.machine().is_none() {
            return;
        }
        self.blocked = Some(Box::new(Blocked::new()));
        let own = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            machine.handle_blocked(own, true);
        }
    }

    /// What waited goes through: what was sent first, then what arrived.
    fn unblock(&mut self, now: Time) {
        let Some(blocked) = self.blocked.take() else { return };
        self.released.extend(blocked.outgoing.leave(now));
        let own = self.own_time(now);
        if let State::Running(machine) = &mut self.state {
            machine.handle_blocked(own, false);
        }
        for (from, packet) in blocked.arrived {
            self.handle_packet(now, from, packet);
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.handle_timeout(now);
        }
    }

    /// Goes on: first with what arrived and what is due, then with what was asked.
    fn resume(&mut self, now: Time) {
        let own = self.own_time(now);
        let held = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Paused(mut machine, held) => {
                machine.handle_blocked(own, self.blocked.is_some());
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
