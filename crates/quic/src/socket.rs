use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of kernel buffer asked for, in each direction: a burst of full state to one node would overrun the
/// usual 200 KiB.
pub const BUFFER_BYTES: usize = 1 << 20;

/// Addresses of the loopback interface over which nodes may spread, 127.0.0.1 and those after it: each has all ports.
pub const ADDRESSES: u8 = 254;

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
    address: Ipv4Addr,
}

impl Binder {
    pub(crate) const fn new(address: Ipv4Addr) -> Self {
        Self { address }
    }

    /// A UDP socket, where it listens, and the buffers that were granted. The kernel hands over
    /// one packet at a time, since coalescing is off unless asked for.
    pub(crate) fn bind(&mut self) -> io::Result<(UdpSocket, SocketAddr, Buffers)> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
        socket.set_send_buffer_size(BUFFER_BYTES)?;
        while let Err(error) = socket.bind(&SockAddr::from(self.any_port())) {
            let [first, second, third, last] = self.address.octets();
            let is_last = !self.address.is_loopback() || last >= ADDRESSES;
            if error.kind() != io::ErrorKind::AddrInUse || is_last {
                return Err(error);
            }
            // Of the loopback interface each address is there.
            self.address = Ipv4Addr::new(first, second, third, last + 1);
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
