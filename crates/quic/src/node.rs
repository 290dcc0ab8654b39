use std::rc::Rc;

use bytes::BytesMut;
use rumormill_lab::{Action, Inspection, NodeCensus, Stamped};
use rumormill_link::Host;
use rumormill_measure::{Histogram, Ledger};
use rumormill_protocol::{NodeId, Protocol, Time};
use socket2::SockRef;
use tokio::{net::UdpSocket, sync::Notify};

/// Packets read before the node acts on them, so that one acknowledgement serves many and no node holds up its
/// shard.
const BATCH: usize = 64;

/// A node on its socket.
pub(crate) struct Node<P: Protocol> {
    id: NodeId,
    socket: Rc<UdpSocket>,
    life: Life<P>,
    /// Dials under way when the desk last heard of them.
    dials: usize,
}

enum Life<P: Protocol> {
    Running(Box<Host<P>>),
    /// It only reads and discards, so that neither the kernel nor its peers hear of the end. Its last counts.
    Crashed(Box<Ledger>),
}

/// What the nodes of a shard share while one of them acts.
pub(crate) struct Desk {
    /// What happened, in order, until it is asked for.
    pub(crate) events: Vec<Stamped>,
    /// How late the nodes were for their own timeouts.
    pub(crate) lag: Histogram,
    /// Dials under way, of all nodes together.
    dials: usize,
    /// Told when there are fewer dials.
    room: Rc<Notify>,
    packet: Vec<u8>,
    incoming: Box<[u8; 2_048]>,
}

/// Events that a shard keeps until they are asked for: 24 B each.
const EVENTS_MAX: usize = 1 << 25;

/// Dials of a shard above which no further node boots.
const DIALS_MAX: usize = 32;

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            lag: Histogram::default(),
            dials: 0,
            room: Rc::default(),
            packet: Vec::new(),
            incoming: Box::new([0; 2_048]),
        }
    }

    /// Whom to wait for before a node boots; `None` when it may boot now.
    pub(crate) fn wait_for_room(&self) -> Option<Rc<Notify>> {
        (self.dials >= DIALS_MAX).then(|| self.room.clone())
    }

    fn count_dials(&mut self, before: usize, now: usize) {
        self.dials = self.dials + now - before;
        if now < before {
            self.room.notify_one();
        }
    }
}

impl<P: Protocol> Node<P> {
    pub(crate) fn new(id: NodeId, socket: Rc<UdpSocket>, host: Host<P>) -> Self {
        Self { id, socket, life: Life::Running(Box::new(host)), dials: 0 }
    }

    pub(crate) const fn socket(&self) -> &Rc<UdpSocket> {
        &self.socket
    }

    /// When the node wants to be woken, packets aside.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.life {
            Life::Running(host) => host.poll_timeout(),
            Life::Crashed(_) => None,
        }
    }

    /// Packets may have arrived, or the deadline passed.
    pub(crate) fn wake(&mut self, now: Time, desk: &mut Desk) {
        let arrived = self.receive(now, desk);
        let Life::Running(host) = &mut self.life else { return };
        let due = host.poll_timeout().filter(|&deadline| deadline <= now);
        if let Some(deadline) = due {
            desk.lag.record(now - deadline);
            host.handle_timeout(now);
        }
        if arrived || due.is_some() {
            self.act(now, desk);
        }
    }

    /// Does something to the node.
    pub(crate) fn handle(&mut self, now: Time, action: Action, desk: &mut Desk) {
        let Life::Running(host) = &mut self.life else { return };
        match action {
            Action::Command(command) => {
                host.handle_command(now, command);
                self.act(now, desk);
            }
            Action::Crash => {
                self.life = Life::Crashed(Box::new(host.ledger().clone()));
                desk.count_dials(std::mem::take(&mut self.dials), 0);
            }
        }
    }

    pub(crate) fn census(&self) -> NodeCensus {
        match &self.life {
            Life::Running(host) => NodeCensus {
                ledger: host.ledger().clone(),
                links_up: host.links_up(),
                links_pending: host.links_pending(),
                alive: host.protocol().view().alive(),
                crashed: false,
            },
            Life::Crashed(ledger) => {
                NodeCensus { ledger: (**ledger).clone(), crashed: true, ..NodeCensus::default() }
            }
        }
    }

    /// What the node believes; nothing when it crashed.
    pub(crate) fn inspect(&self, members: &[NodeId], writers: &[NodeId]) -> Option<Inspection> {
        let Life::Running(host) = &self.life else { return None };
        let view = host.protocol().view();
        Some(Inspection {
            node: self.id,
            statuses: members.iter().map(|&member| view.status(member)).collect(),
            versions: writers.iter().map(|&writer| view.version(writer)).collect(),
        })
    }

    fn receive(&mut self, now: Time, desk: &mut Desk) -> bool {
        let mut any = false;
        for _ in 0..BATCH {
            let Ok((size, from)) = self.socket.try_recv_from(&mut desk.incoming[..]) else { break };
            any = true;
            if let Life::Running(host) = &mut self.life {
                // Loopback carries no marks of congestion.
                host.handle_datagram(now, from, None, BytesMut::from(&desk.incoming[..size]));
            }
        }
        any
    }

    /// Sends what there is to send, and notes what happened.
    fn act(&mut self, now: Time, desk: &mut Desk) {
        let Life::Running(host) = &mut self.life else { return };
        // The kernel itself is asked: tokio would refuse a packet until it has heard that a new socket is writable.
        let socket = SockRef::from(&*self.socket);
        while let Some(transmit) = host.poll_transmit(now, &mut desk.packet) {
            if socket.send_to(&desk.packet[..transmit.size], &transmit.destination.into()).is_err() {
                host.refused(&transmit);
            }
        }
        desk.count_dials(self.dials, host.dials());
        self.dials = host.dials();
        while let Some(event) = host.poll_event() {
            assert!(desk.events.len() < EVENTS_MAX, "events are asked for while the cluster runs");
            desk.events.push(Stamped { at: now, node: self.id, event });
        }
    }
}
