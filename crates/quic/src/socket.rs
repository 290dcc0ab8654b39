use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
};

use rumormill_measure::IpVersion;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of kernel buffer asked for, in each direction: a burst of full state to one node would overrun the
/// usual 200 KiB.
pub const BUFFER_BYTES: usize = 1 << 20;

/// The last byte of the last address of the loopback interface over which nodes may spread: each has all ports.
const LAST_BYTE_MAX: u8 = 254;

/// Addresses of the loopback interface over which nodes may spread: 127.0.0.1 and those after it, or ::1 alone.
pub const fn addresses(ip: IpVersion) -> u8 {
    match ip {
        IpVersion::V4 => LAST_BYTE_MAX,
        IpVersion::V6 => 1,
    }
}

/// The kernel's buffers of a node's socket, in bytes as the kernel counts them, its own overhead included.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    /// For packets received and not read yet.
    pub(crate) receive: usize,
    /// For packets sent and not delivered yet.
    pub(crate) send: usize,
}

/// Binds sockets, each to an address and port that nobody has. One address serves until its ports are used up.
pub(crate) struct Binder {
    address: IpAddr,
}

impl Binder {
    pub(crate) const fn new(address: IpAddr) -> Self {
        Self { address }
    }

    /// A UDP socket, where it listens, and the buffers that were granted. The kernel hands over
    /// one packet at a time, since coalescing is off unless asked for.
    pub(crate) fn bind(&mut self) -> io::Result<(UdpSocket, SocketAddr, Buffers)> {
        let socket = Socket::new(Domain::for_address(self.any_port()), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.set_send_buffer_size(BUFFER_BYTES)?;
        while let Err(error) = socket.bind(&SockAddr::from(self.any_port())) {
            let next = next_loopback(self.address).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
            self.address = next.ok_or(error)?;
        }
        let buffers = Buffers { receive: socket.recv_buffer_size()?, send: socket.send_buffer_size()? };
        let socket = UdpSocket::from(socket);
        let address = socket.local_addr()?;
        Ok((socket, address, buffers))
    }

    fn any_port(&self) -> SocketAddr {
        SocketAddr::from((self.address, 0))
    }
}

/// The address after this one of the loopback interface, which has all of IPv4's.
fn next_loopback(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V4(address) = address else { return None };
    let [first, second, third, last] = address.octets();
    let is_last = !address.is_loopback() || last >= LAST_BYTE_MAX;
    (!is_last).then(|| Ipv4Addr::new(first, second, third, last + 1).into())
}
