use std::{collections::HashMap, io, io::Read, net::SocketAddr, rc::Rc, sync::Arc};

use rumormill_lab::Impairment;
use rumormill_link::{Egress, NetworkConfig};
use rumormill_measure::Ledger;
use rumormill_protocol::{NodeId, Time};
use socket2::SockRef;
use tokio::net::UdpSocket;

/// Packets that are thrown away at once: more than the largest buffer asked for holds, since the kernel counts each
/// as at least 256 B.
const DISCARD_MAX: usize = 8_192;

/// Which node listens at an address.
pub(crate) type Numbers = HashMap<SocketAddr, NodeId>;

/// Where a node's packets leave and arrive: its socket, behind the modelled network. It outlives the node's lives:
/// what has left a node is under way, whatever becomes of the node.
pub(crate) struct Port {
    socket: Rc<UdpSocket>,
    egress: Egress<Parcel>,
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
        Self { socket: Rc::new(socket), egress: Egress::new(network, seed), numbers }
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

    /// When the next packet under way is to be handed to the kernel.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.egress.poll_timeout()
    }

    /// What the modelled network lost and copied.
    pub(crate) const fn ledger(&self) -> &Ledger {
        self.egress.ledger()
    }

    /// Sends a packet: straight to the kernel where the network is perfect.
    ///
    /// # Errors
    /// When the kernel does not take it now; then it was not sent.
    pub(crate) fn send(&mut self, now: Time, destination: SocketAddr, bytes: &[u8]) -> io::Result<()> {
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
