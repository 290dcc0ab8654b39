use std::{
    collections::{HashMap, VecDeque},
    io,
    io::Read,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
};

use rumormill_lab::Impairment;
use rumormill_link::{Egress, NetworkConfig};
use rumormill_measure::Ledger;
use rumormill_protocol::{NodeId, Time};
use socket2::SockRef;
use tokio::net::UdpSocket;

/// Packets that are thrown away at once: more than the largest buffer asked for holds, since the kernel counts each
/// as at least 256 B.
const DISCARD_MAX: usize = 8_192;

/// Packets that a blocked node may have sent: 20 MB of the largest. More are refused, as by a full send buffer.
const HELD_MAX: usize = 16_384;

/// Which node listens at an address.
pub(crate) type Numbers = HashMap<SocketAddr, NodeId>;

/// Where a node's packets leave and arrive: its socket, behind the modelled network. It outlives the node's lives:
/// what has left a node is under way, whatever becomes of the node.
pub(crate) struct Port {
    socket: Rc<UdpSocket>,
    egress: Egress<Parcel>,
    /// What was sent while the node is blocked.
    held: Option<VecDeque<Parcel>>,
    numbers: Arc<Numbers>,
}

/// A packet under way in the modelled network.
#[derive(Clone, Debug)]
struct Parcel {
    destination: SocketAddr,
    bytes: Box<[u8]>,
}

impl Port {
    pub(crate) fn new(socket: UdpSocket, network: NetworkConfig, seed: u64, numbers: Arc<Numbers>) -> Self {
        Self { socket: Rc::new(socket), egress: Egress::new(network, seed), held: None, numbers }
    }

    pub(crate) const fn socket(&self) -> &Rc<UdpSocket> {
        &self.socket
    }

    /// From now on packets that leave meet this, until [`repair`](Self::repair).
    pub(crate) fn impair(&mut self, fault: u32, impairment: Impairment) {
        let Impairment { toward, loss, delay } = impairment;
        self.egress.impair(fault, toward, loss, delay);
    }

    /// The end of a fault.
    pub(crate) fn repair(&mut self, fault: u32) {
        self.egress.repair(fault);
    }

    /// From now on nothing is received, and what is sent waits.
    pub(crate) fn block(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Whether nothing is received.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.held.is_some()
    }

    /// What waited leaves, in order. What the kernel does not take now is lost.
    pub(crate) fn unblock(&mut self, now: Time) {
        for Parcel { destination, bytes } in self.held.take().unwrap_or_default() {
            if self.send(now, destination, &bytes).is_err() {
                self.egress.refused(bytes.len());
            }
        }
    }

    /// What waited is lost with the process that sent it.
    pub(crate) fn drop_held(&mut self) {
        self.held = None;
    }

    /// When the next packet under way is to be handed to the kernel.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.egress.poll_timeout()
    }

    /// What the modelled network lost and copied.
    pub(crate) fn ledger(&self) -> Ledger {
        self.egress.ledger()
    }

    /// Sends a packet: straight to the kernel where the network is perfect.
    ///
    /// # Errors
    /// When the kernel does not take it now; then it was not sent.
    pub(crate) fn send(&mut self, now: Time, destination: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        if let Some(held) = &mut self.held {
            if held.len() >= HELD_MAX {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            held.push_back(Parcel { destination, bytes: bytes.into() });
            return Ok(());
        }
        if self.egress.is_perfect() {
            return hand_over(&self.socket, destination, bytes);
        }
        let to = self.numbers.get(&destination).copied();
        self.egress.send(now, to, bytes.len(), Parcel { destination, bytes: bytes.into() });
        self.flush(now);
        Ok(())
    }

    /// Hands the kernel what has been under way for long enough.
    pub(crate) fn flush(&mut self, now: Time) {
        while let Some(parcel) = self.egress.poll_due(now) {
            if hand_over(&self.socket, parcel.destination, &parcel.bytes).is_err() {
                self.egress.refused(parcel.bytes.len());
            }
        }
    }

    /// The next packet that arrived.
    pub(crate) fn receive(&self, into: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.socket.try_recv_from(into).ok()
    }

    /// Throws away what arrived and was not read.
    pub(crate) fn discard(&self) {
        let socket = SockRef::from(&*self.socket);
        for _ in 0..DISCARD_MAX {
            if (&*socket).read(&mut [0; 1]).is_err() {
                return;
            }
        }
    }
}

/// The kernel itself is asked: tokio would refuse a packet until it has heard that a new socket is writable.
fn hand_over(socket: &UdpSocket, destination: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    SockRef::from(socket).send_to(bytes, &destination.into()).map(|_| ())
}
