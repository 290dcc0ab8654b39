use rumormill_lab::{Action, Stamped};
use rumormill_protocol::{NodeId, Time};

use crate::{
    fingerprint::Fingerprint,
    machine::{Machine, Sent},
    node::Node,
    wheel::{Entry, What, Wheel},
};

const NEVER: Time = Time(u64::MAX);

/// Some of a cluster's nodes, and what is due at them. Node `n` of a cluster of `s` shards lies on shard `n mod s`.
pub(crate) struct Shard<M: Machine> {
    number: usize,
    shards: usize,
    nodes: Vec<Node<M>>,
    /// When each node wants to be woken, packets aside, and when it will be. In vectors of their own: a node whose deadline
    /// moved is not looked at when the old one comes, which would take longer than all else about it.
    due: Vec<Time>,
    armed: Vec<Time>,
    wheel: Wheel<M::Packet>,
    /// Packets for nodes of each shard that are not handed over yet; for its own nodes none.
    pub(crate) departures: Vec<Vec<Entry<M::Packet>>>,
    /// What happened, in order, until it is asked for.
    pub(crate) events: Vec<Stamped>,
    /// Of the packets sent.
    pub(crate) packets: Fingerprint,
    /// Of what happened inside nodes.
    pub(crate) happened: Fingerprint,
    /// Scratch: what a node has just sent.
    sent: Vec<Sent<M::Packet>>,
    /// Scratch: a packet that is being made.
    packet: Vec<u8>,
}

impl<M: Machine> Shard<M> {
    pub(crate) fn new(number: usize, shards: usize, nodes: Vec<Node<M>>) -> Self {
        Self {
            number,
            shards,
            due: vec![NEVER; nodes.len()],
            armed: vec![NEVER; nodes.len()],
            nodes,
            wheel: Wheel::new(),
            departures: (0..shards).map(|_| Vec::new()).collect(),
            events: Vec::new(),
            packets: Fingerprint::default(),
            happened: Fingerprint::default(),
            sent: Vec::new(),
            packet: Vec::new(),
        }
    }

    pub(crate) fn nodes(&self) -> &[Node<M>] {
        &self.nodes
    }

    /// Works off everything that is due before `end`.
    pub(crate) fn run_until(&mut self, end: Time) {
        while let Some(entry) = self.wheel.pop_before(end) {
            let (now, id) = (entry.at, entry.to);
            let place = self.place(id);
            let mut met = self.meet(place, entry);
            // What arrives in one instant is answered together.
            while let Some(entry) = self.wheel.pop_same(now, id) {
                met |= self.meet(place, entry);
            }
            if met {
                self.settle(now, id, place);
            }
        }
    }

    /// Does something to a node.
    pub(crate) fn act(&mut self, now: Time, mold: &M::Mold, id: NodeId, action: Action) {
        let place = self.place(id);
        self.nodes[place].handle(now, mold, action);
        self.settle(now, id, place);
    }

    /// Packets arrive from another shard.
    pub(crate) fn take_in(&mut self, entries: impl Iterator<Item = Entry<M::Packet>>) {
        entries.for_each(|entry| self.wheel.push(entry));
    }

    /// A time at or before the next event.
    pub(crate) fn next_at_least(&mut self) -> Option<Time> {
        self.wheel.next_at_least()
    }

    const fn place(&self, id: NodeId) -> usize {
        id.0 as usize / self.shards
    }

    /// Says whether there was anything to meet.
    fn meet(&mut self, place: usize, entry: Entry<M::Packet>) -> bool {
        match entry.what {
            // The node has since asked to be woken earlier, and was.
            What::Timeout if self.armed[place] != entry.at => return false,
            What::Timeout => {
                self.armed[place] = NEVER;
                if self.due[place] > entry.at {
                    self.arm(entry.to, place);
                    return false;
                }
                self.nodes[place].handle_timeout(entry.at);
            }
            What::Packet(packet) => self.nodes[place].handle_packet(entry.at, entry.from, packet),
        }
        true
    }

    /// Lets a node send and say what happened, and sees to it that it is woken again.
    fn settle(&mut self, now: Time, id: NodeId, place: usize) {
        let node = &mut self.nodes[place];
        node.transmit(now, &mut self.sent, &mut self.packet);
        while let Some(event) = node.poll_event() {
            self.happened.event(now, id, &event);
            self.events.push(Stamped { at: now, node: id, event });
        }
        for Sent { to, arrival, bytes, packet } in self.sent.drain(..) {
            self.packets.packet(now, id, to, bytes);
            let sequence = node.next_sent();
            let entry = Entry { at: arrival, to, from: id, sequence, what: What::Packet(packet) };
            match to.index() % self.shards {
                shard if shard == self.number => self.wheel.push(entry),
                shard => self.departures[shard].push(entry),
            }
        }
        self.due[place] = node.deadline().map_or(NEVER, |deadline| deadline.max(now));
        self.arm(id, place);
    }

    /// Sees to it that a node is woken at its deadline. One that moved to later is met when the old one comes.
    fn arm(&mut self, id: NodeId, place: usize) {
        let at = self.due[place];
        if at < self.armed[place] {
            self.armed[place] = at;
            // A node has one deadline at a time, and sends itself no packets.
            self.wheel.push(Entry { at, to: id, from: id, sequence: 0, what: What::Timeout });
        }
    }
}
