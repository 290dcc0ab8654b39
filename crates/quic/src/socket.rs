use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of kernel buffer asked for, in each direction: a burst of full state to one node would overrun the
/// usual 200 KiB.
const BUFFER_BYTES: usize = 1 << 20;

/// The kernel's buffers of a node's socket, in bytes as the kernel counts them, its own overhead included.
#[derive(Clone, Copy)]
pub(crate) struct Buffers {
    /// For packets received and not read yet.
    pub(crate) receive: usize,
    /// For packets sent and not delivered yet.
    pub(crate) send: usize,
}

/// A UDP socket on a port of its own of the loopback interface, and the buffers that were granted. The kernel
/// hands over one packet at a time, since coalescing is off unless asked for.
pub(crate) fn bind() -> io::Result<(UdpSocket, SocketAddr, Buffers)> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.set_send_buffer_size(BUFFER_BYTES)?;
    socket.bind(&SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    let buffers = Buffers { receive: socket.recv_buffer_size()?, send: socket.send_buffer_size()? };
    let socket = UdpSocket::from(socket);
    let address = socket.local_addr()?;
    Ok((socket, address, buffers))
}
