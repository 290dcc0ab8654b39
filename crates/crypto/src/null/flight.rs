use rumormill_protocol::NodeId;

/// What TLS takes for the flights of our handshakes, without the transport parameters that two of them carry. The
/// name that a client asks for, the certificates and the signatures have one length for all nodes. A test reads
/// these numbers off TLS itself.
const CLIENT_HELLO_BYTES: usize = 226;
const SERVER_HELLO_BYTES: usize = 90;
const SERVER_PROOF_BYTES: usize = 578;
const CLIENT_PROOF_BYTES: usize = 472;
/// The end of both proofs, after the signature that makes a certificate worth judging.
const FINISHED_BYTES: usize = 36;

/// Bytes of what comes before the transport parameters: who speaks, and how long the parameters are.
const HEAD_BYTES: usize = 6;

/// What one end of a handshake sends at one level of encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    /// ClientHello.
    ClientHello,
    /// ServerHello.
    ServerHello,
    /// EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished.
    ServerProof,
    /// Certificate, CertificateVerify, Finished.
    ClientProof,
}

/// What a flight says here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) node: NodeId,
    /// The speaker's transport parameters as QUIC encodes them; empty in flights that carry none.
    pub(super) params: &'a [u8],
    /// How many bytes of the flight are still to come. They say nothing more.
    pub(super) missing: usize,
}

impl Flight {
    /// Appends the flight to `buf`.
    ///
    /// # Panics
    /// When the parameters are over 64 KiB.
    pub(super) fn write(self, node: NodeId, params: &[u8], buf: &mut Vec<u8>) {
        let params_len = u16::try_from(params.len()).expect("TLS has no room for more either");
        let end = buf.len() + self.bytes(params.len());
        buf.extend_from_slice(&node.0.to_be_bytes());
        buf.extend_from_slice(&params_len.to_be_bytes());
        buf.extend_from_slice(params);
        buf.resize(end, 0);
    }

    /// Reads the flight, once as much of it is there as TLS would have to see before it acted on it.
    pub(super) fn read(self, received: &[u8]) -> Option<Said<'_>> {
        let (head, rest) = received.split_first_chunk::<HEAD_BYTES>()?;
        let [a, b, c, d, e, f] = *head;
        let params_len = usize::from(u16::from_be_bytes([e, f]));
        let missing = self.bytes(params_len).saturating_sub(received.len());
        if missing > self.idle_tail() {
            return None;
        }
        Some(Said { node: NodeId(u32::from_be_bytes([a, b, c, d])), params: &rest[..params_len], missing })
    }

    const fn bytes(self, params: usize) -> usize {
        params
            + match self {
                Self::ClientHello => CLIENT_HELLO_BYTES,
                Self::ServerHello => SERVER_HELLO_BYTES,
                Self::ServerProof => SERVER_PROOF_BYTES,
                Self::ClientProof => CLIENT_PROOF_BYTES,
            }
    }

    /// Bytes at the end that need not be there for the peer to be judged.
    const fn idle_tail(self) -> usize {
        match self {
            Self::ClientHello | Self::ServerHello => 0,
            Self::ServerProof | Self::ClientProof => FINISHED_BYTES,
        }
    }
}
