use std::net::{IpAddr, SocketAddr, UdpSocket};

use rumormill_lab::ClusterError;

use crate::socket::{Binder, Buffers};

/// Sockets for nodes that are not there yet, so that others can be told where they will listen.
pub struct Berths {
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) buffers: Buffers,
}

impl Berths {
    /// Binds a socket for each node to an address of this host, each to a port of its own. Where a loopback address of
    /// IPv4 runs out of ports, those after it serve too.
    ///
    /// # Errors
    /// When the operating system refuses a socket.
    pub fn bind(nodes: usize, address: IpAddr) -> Result<Self, ClusterError> {
        let mut berths =
            Self { sockets: Vec::new(), addresses: Vec::new(), buffers: Buffers { receive: 0, send: 0 } };
        let mut binder = Binder::new(address);
        for node in 0..nodes {
            let (socket, address, granted) = binder.bind().map_err(|source| ClusterError::System {
                what: format!(
                    "open the UDP socket of node {node} (each node needs one file descriptor and port)"
                ),
                source,
            })?;
            berths.sockets.push(socket);
            berths.addresses.push(address);
            berths.buffers = granted;
        }
        Ok(berths)
    }

    /// Where the nodes will listen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}
