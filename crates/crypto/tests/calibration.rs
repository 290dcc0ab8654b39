//! The stand-in's handshakes against those of TLS, read off both ends without QUIC between them.

use std::{collections::VecDeque, io::Cursor};

use quinn_proto::{
    Side, TransportError,
    crypto::{Keys, Session},
    transport_parameters::TransportParameters,
};
use rumormill_crypto::{Credentials, null, real::Authority};
use rumormill_link::server_name;
use rumormill_protocol::NodeId;

/// QUIC version 1.
const VERSION: u32 = 1;

/// Everything about a handshake that QUIC can see.
#[derive(Debug, PartialEq, Eq)]
struct Story {
    steps: Vec<Step>,
    /// Bytes that the client and the server read.
    read: [usize; 2],
    end: Result<(), TransportError>,
}

/// What one call for handshake data gave.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    side: Side,
    bytes: usize,
    keys: Option<KeySizes>,
    handshaking: bool,
    peer_params: Option<TransportParameters>,
    knows_peer: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct KeySizes {
    tag: usize,
    sample: usize,
    confidentiality_limit: u64,
    integrity_limit: u64,
}

struct Ends {
    dialler: Credentials,
    name: String,
    acceptor: Credentials,
    /// Of the dialler and the acceptor.
    params: [TransportParameters; 2],
}

impl Ends {
    /// Runs a handshake whose flights travel in pieces of at most `piece` bytes.
    fn shake(&self, piece: usize) -> Story {
        let client = self.dialler.client.clone().start_session(VERSION, &self.name, &self.params[0]);
        let server = self.acceptor.server.crypto.clone().start_session(VERSION, &self.params[1]);
        let mut ends = [client.expect("a valid name"), server];
        let mut story = Story { steps: Vec::new(), read: [0; 2], end: Ok(()) };
        let mut pieces = VecDeque::new();
        write_all(&mut ends, 0, piece, &mut pieces, &mut story.steps);
        while let Some((to, bytes)) = pieces.pop_front() {
            story.read[to] += bytes.len();
            if let Err(error) = ends[to].read_handshake(&bytes) {
                story.end = Err(error);
                break;
            }
            write_all(&mut ends, to, piece, &mut pieces, &mut story.steps);
        }
        story
    }
}

/// Takes all that an end has to say, as QUIC does after it read something.
fn write_all(
    ends: &mut [Box<dyn Session>; 2],
    from: usize,
    piece: usize,
    pieces: &mut VecDeque<(usize, Vec<u8>)>,
    steps: &mut Vec<Step>,
) {
    let end = &mut ends[from];
    loop {
        let mut flight = Vec::new();
        let keys = end.write_handshake(&mut flight);
        if flight.is_empty() && keys.is_none() {
            return;
        }
        steps.push(Step {
            side: [Side::Client, Side::Server][from],
            bytes: flight.len(),
            keys: keys.map(|keys| KeySizes::of(&keys)),
            handshaking: end.is_handshaking(),
            peer_params: end.transport_parameters().expect("well-formed parameters"),
            knows_peer: end.peer_identity().is_some(),
        });
        pieces.extend(flight.chunks(piece).map(|bytes| (1 - from, bytes.to_vec())));
    }
}

impl Story {
    /// Bytes of the flights in their order.
    fn flights(&self) -> Vec<usize> {
        self.steps.iter().map(|step| step.bytes).filter(|&bytes| bytes > 0).collect()
    }
}

impl KeySizes {
    fn of(keys: &Keys) -> Self {
        Self {
            tag: keys.packet.local.tag_len(),
            sample: keys.header.local.sample_size(),
            confidentiality_limit: keys.packet.local.confidentiality_limit(),
            integrity_limit: keys.packet.local.integrity_limit(),
        }
    }
}

/// An idle time in milliseconds and a connection id make the parameters longer or shorter.
fn params(idle_ms: u32, id: &[u8]) -> TransportParameters {
    let idle = match idle_ms {
        0..64 => vec![idle_ms as u8],
        64..16_384 => (0x4000 | idle_ms as u16).to_be_bytes().to_vec(),
        _ => (0x8000_0000 | idle_ms).to_be_bytes().to_vec(),
    };
    let mut bytes = vec![0x01, idle.len() as u8];
    bytes.extend(idle);
    bytes.extend([0x0f, id.len() as u8]);
    bytes.extend(id);
    TransportParameters::read(Side::Client, &mut Cursor::new(bytes)).expect("well-formed parameters")
}

/// The same ends with real and with null credentials.
fn both(authority: &Authority, dialler: NodeId, dialled: NodeId, acceptor: NodeId) -> [Ends; 2] {
    let real = |node| authority.credentials(node).expect("the cryptography works");
    let params = [params(30_000, &[1; 8]), params(30_000, &[2; 8])];
    [[real(dialler), real(acceptor)], [null::credentials(dialler), null::credentials(acceptor)]]
        .map(|[dialler, acceptor]| Ends { dialler, name: server_name(dialled), acceptor, params })
}

fn authority() -> Authority {
    Authority::new().expect("the cryptography works")
}

#[test]
fn flights_are_as_long_as_those_of_tls() {
    let authority = authority();
    // Numbers of one to ten digits; the last is the 256th of a row, so that random serial numbers would show.
    let nodes = [1, 9, 31_415, 1_234_567, u32::MAX].into_iter().chain(100..356);
    for (node, peer) in nodes.zip((0..7).cycle()) {
        let [real, null] = both(&authority, NodeId(node), NodeId(peer + 10), NodeId(peer + 10));
        let [real, null] = [real, null].map(|ends| ends.shake(usize::MAX));
        assert_eq!(null.flights(), real.flights(), "the stand-in's flights, and TLS's; node {node}");
        assert_eq!(null, real, "node {node}");
    }
}

#[test]
fn longer_parameters_lengthen_both_alike() {
    let authority = authority();
    let variants = [params(5, &[]), params(900, &[1; 8]), params(30_000, &[2; 20])];
    let mut sizes = Vec::new();
    for ours in variants {
        for theirs in variants {
            let mut ends = both(&authority, NodeId(1), NodeId(2), NodeId(2));
            for ends in &mut ends {
                ends.params = [ours, theirs];
            }
            let [real, null] = ends.map(|ends| ends.shake(usize::MAX));
            assert_eq!(null, real);
            sizes.push(real.read);
        }
    }
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes.len(), 9, "the variants differ in length");
}

#[test]
fn flights_may_come_in_pieces() {
    let ends = both(&authority(), NodeId(1), NodeId(2), NodeId(2));
    for piece in [1, 2, 89, 90, 91, 500] {
        let [real, null] = ends.each_ref().map(|ends| ends.shake(piece));
        assert_eq!(null, real);
        assert_eq!(null.end, Ok(()));
    }
}

#[test]
fn a_wrong_node_is_refused_at_the_same_byte_in_the_same_words() {
    let ends = both(&authority(), NodeId(1), NodeId(2), NodeId(3));
    for piece in [1, 7, usize::MAX] {
        let [real, null] = ends.each_ref().map(|ends| ends.shake(piece));
        assert!(real.end.is_err());
        assert_eq!(null, real);
    }
}
