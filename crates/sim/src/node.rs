use rumormill_lab::{Action, Inspection, NodeCensus};
use rumormill_link::{Conditions, NetworkConfig};
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, NodeId, Purpose, Time, stream};

use crate::machine::{Machine, Outbox, Sent};

/// Packets that wait for a node that is paused; later ones are lost. A real socket's buffer has room for fewer.
const PACKETS_HELD_MAX: usize = 65_536;
/// Commands that wait for a node that is paused; later ones are not obeyed.
const COMMANDS_HELD_MAX: usize = 1_024;

/// A node through all its lives.
pub(crate) struct Node<M: Machine> {
    me: NodeId,
    state: State<M>,
    /// The network as its packets meet it; what has left it is under way, whatever becomes of it.
    conditions: Conditions,
    /// How often it was started before.
    generation: u32,
    /// What its earlier lives sent.
    past: Ledger,
    /// Messages that its earlier lives dropped.
    past_dropped: u64,
    /// Packets that it sent so far.
    sent: u64,
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
    pub(crate) fn new(mold: &M::Mold, me: NodeId, network: NetworkConfig, seed: u64) -> Self {
        Self {
            me,
            state: State::Running(M::new(mold, me, 0, Time::ZERO)),
            conditions: Conditions::new(network, stream(seed, Purpose::Network, Some(me))),
            generation: 0,
            past: Ledger::default(),
            past_dropped: 0,
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
            State::Running(machine) => machine.poll_timeout(),
            State::Paused(..) | State::Crashed => None,
        }
    }

    /// A packet arrived.
    pub(crate) fn handle_packet(&mut self, now: Time, from: NodeId, packet: M::Packet) {
        match &mut self.state {
            State::Running(machine) => machine.handle_packet(now, from, packet),
            State::Paused(_, held) if held.packets.len() < PACKETS_HELD_MAX => {
                held.packets.push((from, packet));
            }
            State::Paused(..) | State::Crashed => {}
        }
    }

    /// Its deadline has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
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
            Action::Impair { fault, impairment } => {
                self.conditions.impair(fault, impairment.toward, impairment.loss, impairment.delay);
            }
            Action::Repair { fault } => self.conditions.repair(fault),
        }
    }

    /// Sends what there is to send.
    pub(crate) fn transmit(&mut self, now: Time, sent: &mut Vec<Sent<M::Packet>>, scratch: &mut Vec<u8>) {
        if let State::Running(machine) = &mut self.state {
            machine.transmit(now, &mut Outbox::new(now, &mut self.conditions, sent, scratch));
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
        let mut census = NodeCensus {
            ledger: self.past.clone(),
            messages_dropped: self.past_dropped,
            ..NodeCensus::default()
        };
        census.ledger.add(self.conditions.ledger());
        let Some(machine) = self.machine() else { return NodeCensus { crashed: true, ..census } };
        census.ledger.add(&machine.ledger(now));
        census.messages_dropped += machine.messages_dropped();
        census.links_up = machine.links_up();
        census.links_pending = machine.links_pending();
        census.alive = machine.view().alive();
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
        match &mut self.state {
            State::Running(machine) => machine.handle_command(now, command),
            State::Paused(_, held) if held.commands.len() < COMMANDS_HELD_MAX => held.commands.push(command),
            State::Paused(..) | State::Crashed => {}
        }
    }

    fn crash(&mut self, now: Time) {
        let Some(machine) = self.machine() else { return };
        let (sent, dropped) = (machine.ledger(now), machine.messages_dropped());
        self.past.add(&sent);
        self.past_dropped += dropped;
        self.state = State::Crashed;
    }

    fn restart(&mut self, now: Time, mold: &M::Mold) {
        self.crash(now);
        self.generation += 1;
        self.state = State::Running(M::new(mold, self.me, self.generation, now));
    }

    fn pause(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Running(machine) => {
                State::Paused(machine, Held { packets: Vec::new(), commands: Vec::new() })
            }
            other => other,
        };
    }

    /// Goes on: first with what arrived and what is due, then with what was asked.
    fn resume(&mut self, now: Time) {
        let held = match std::mem::replace(&mut self.state, State::Crashed) {
            State::Paused(machine, held) => {
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
