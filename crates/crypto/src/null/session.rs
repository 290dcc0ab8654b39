use std::{any::Any, io::Cursor, sync::Arc};

use quinn_proto::{
    ConnectError, ConnectionId, Side, TransportError, TransportErrorCode,
    crypto::{
        ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session,
        UnsupportedVersion,
    },
    transport_parameters::TransportParameters,
};
use rumormill_link::{node_named, server_name};
use rumormill_protocol::NodeId;

use super::{flight::Flight, keys::Secret};

/// TLS's alert for what is said at the wrong time.
const UNEXPECTED_MESSAGE: u8 = 10;
/// TLS's alert for a certificate that does not bear the name that was dialled.
const BAD_CERTIFICATE: u8 = 42;

/// Makes the handshakes of a node.
pub(super) struct Identity(pub(super) NodeId);

impl ClientConfig for Identity {
    fn start_session(
        self: Arc<Self>,
        _: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let dialled = node_named(server_name);
        let dialled = dialled.ok_or_else(|| ConnectError::InvalidServerName(server_name.into()))?;
        Ok(Box::new(Handshake::dial(self.0, dialled, encode(params))))
    }
}

impl ServerConfig for Identity {
    fn initial_keys(&self, _: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        Ok(Secret::initial(dst_cid).keys(Side::Server))
    }

    /// No retries are sent, and none is taken for valid.
    fn retry_tag(&self, _: u32, _: &ConnectionId, _: &[u8]) -> [u8; 16] {
        [0; 16]
    }

    fn start_session(self: Arc<Self>, _: u32, params: &TransportParameters) -> Box<dyn Session> {
        Box::new(Handshake::accept(self.0, encode(params)))
    }
}

/// One end of a connection, as far as cryptography is concerned.
struct Handshake {
    side: Side,
    me: NodeId,
    /// Who is expected at the other end; an acceptor takes anyone.
    dialled: Option<NodeId>,
    peer: Option<NodeId>,
    /// Our transport parameters, until they are sent.
    params: Vec<u8>,
    peer_params: Vec<u8>,
    /// Of the last keys that were given out, and before any of those that come first.
    secret: Secret,
    /// What is to be given out next.
    due: Option<Due>,
    /// What the peer is to send next; nothing when the handshake is complete.
    awaited: Option<Flight>,
    /// As much of it as has arrived.
    received: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    ClientHello,
    /// With ServerHello, if we are the server.
    HandshakeKeys,
    /// With our proof.
    ApplicationKeys,
}

impl Handshake {
    fn dial(me: NodeId, dialled: NodeId, params: Vec<u8>) -> Self {
        Self {
            side: Side::Client,
            me,
            dialled: Some(dialled),
            peer: None,
            secret: Secret::handshake(&params),
            params,
            peer_params: Vec::new(),
            due: Some(Due::ClientHello),
            awaited: Some(Flight::ServerHello),
            received: Vec::new(),
        }
    }

    fn accept(me: NodeId, params: Vec<u8>) -> Self {
        Self {
            side: Side::Server,
            me,
            dialled: None,
            peer: None,
            secret: Secret::default(),
            params,
            peer_params: Vec::new(),
            due: None,
            awaited: Some(Flight::ClientHello),
            received: Vec::new(),
        }
    }

    /// Refuses a peer that is not the one we dialled, in the words of TLS: they are sent.
    fn judge(&self, peer: NodeId) -> Result<(), TransportError> {
        let Some(dialled) = self.dialled.filter(|&dialled| dialled != peer) else { return Ok(()) };
        let reason = format!(
            "invalid peer certificate: certificate not valid for name {:?}; \
             certificate is only valid for DnsName({:?})",
            server_name(dialled),
            server_name(peer),
        );
        Err(alert(BAD_CERTIFICATE, reason))
    }
}

impl Session for Handshake {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        Secret::initial(dst_cid).keys(side)
    }

    /// Nothing is negotiated.
    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.peer.map(|peer| -> Box<dyn Any> { Box::new(peer) })
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.side.is_client().then_some(false)
    }

    fn is_handshaking(&self) -> bool {
        self.awaited.is_some()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let Some(awaited) = self.awaited else {
            return Err(alert(UNEXPECTED_MESSAGE, "the handshake is over".into()));
        };
        self.received.extend_from_slice(buf);
        let Some(said) = awaited.read(&self.received) else { return Ok(false) };
        if awaited == Flight::ServerProof {
            self.judge(said.node)?;
        }
        if said.missing > 0 {
            return Ok(false);
        }
        (self.due, self.awaited) = match awaited {
            Flight::ClientHello => {
                self.secret = Secret::handshake(said.params);
                self.peer_params = said.params.to_vec();
                (Some(Due::HandshakeKeys), Some(Flight::ClientProof))
            }
            Flight::ServerHello => (Some(Due::HandshakeKeys), Some(Flight::ServerProof)),
            Flight::ServerProof => {
                self.peer_params = said.params.to_vec();
                self.peer = Some(said.node);
                (Some(Due::ApplicationKeys), None)
            }
            Flight::ClientProof => {
                self.peer = Some(said.node);
                (None, None)
            }
        };
        self.received = Vec::new();
        Ok(false)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        if self.peer_params.is_empty() {
            return Ok(None);
        }
        Ok(Some(TransportParameters::read(self.side, &mut Cursor::new(&self.peer_params))?))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        match (self.due.take()?, self.side) {
            (Due::ClientHello, _) => {
                Flight::ClientHello.write(self.me, &self.params, buf);
                self.params = Vec::new();
                return None;
            }
            (Due::HandshakeKeys, Side::Client) => {}
            (Due::HandshakeKeys, Side::Server) => {
                Flight::ServerHello.write(self.me, &[], buf);
                self.due = Some(Due::ApplicationKeys);
            }
            (Due::ApplicationKeys, Side::Client) => Flight::ClientProof.write(self.me, &[], buf),
            (Due::ApplicationKeys, Side::Server) => {
                Flight::ServerProof.write(self.me, &self.params, buf);
                self.params = Vec::new();
            }
        }
        self.secret = self.secret.next();
        Some(self.secret.keys(self.side))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.secret = self.secret.next();
        Some(self.secret.packet_keys(self.side))
    }

    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        false
    }

    fn export_keying_material(
        &self,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}

fn alert(code: u8, reason: String) -> TransportError {
    TransportError { code: TransportErrorCode::crypto(code), frame: None, reason }
}

fn encode(params: &TransportParameters) -> Vec<u8> {
    let mut bytes = Vec::new();
    params.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_end_is_small() {
        // What is on the heap besides ends with the handshake, but for the peer's parameters.
        assert!(size_of::<Handshake>() <= 192, "{} bytes", size_of::<Handshake>());
    }

    #[test]
    fn nothing_may_follow_a_handshake() {
        let mut session = Handshake::accept(NodeId(1), Vec::new());
        session.awaited = None;
        let error = session.read_handshake(&[0]).expect_err("there is nothing to say any more");
        assert_eq!(error.code, TransportErrorCode::crypto(UNEXPECTED_MESSAGE));
    }
}
