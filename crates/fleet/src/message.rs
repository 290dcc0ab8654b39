//! What coordinator and agents say to each other.

use std::net::SocketAddr;

use rumormill_crypto::real::Seal;
use rumormill_lab::Equipment;
use rumormill_measure::{IpVersion, LoadReport};
use serde::{Deserialize, Serialize};

use crate::{
    form::{ActionsForm, CensusForm, EventsForm, InspectionsForm},
    identity::KEY_BYTES,
    place::Place,
};

/// The version of everything here. It rises with every change, in whatever it is.
pub const PROTOCOL_VERSION: u16 = 1;

/// What every hello begins with, in every version; the version follows.
const MAGIC: [u8; 4] = *b"rmfl";

/// What must be the same at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// Name, version and commit of the program.
    pub tool: String,
}

/// The first word of an agent that has no certificate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) tool: String,
    pub(crate) secret: [u8; 32],
    pub(crate) key: [u8; KEY_BYTES],
}

impl Hello {
    /// The protocol's version stands before everything that may change with it.
    pub(crate) fn write(&self, protocol: u16) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(protocol.to_be_bytes());
        bytes.extend(postcard::to_stdvec(self)?);
        Ok(bytes)
    }

    /// The version, and where it is `protocol` the rest.
    pub(crate) fn read(bytes: &[u8], protocol: u16) -> Option<(u16, Option<Self>)> {
        let (version, rest) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
        let version = u16::from_be_bytes(*version);
        let hello = (version == protocol).then(|| postcard::from_bytes(rest).ok()).flatten();
        Some((version, hello))
    }
}

/// The answer to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The agent's certificate.
    Welcome(Vec<u8>),
    /// Why not, in a sentence: readable in every version.
    Refused(String),
}

impl Answer {
    pub(crate) fn write(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Self::Welcome(certificate) => (1, certificate.as_slice()),
            Self::Refused(why) => (0, why.as_bytes()),
        };
        [&[kind], content].concat()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (1, certificate) => Some(Self::Welcome(certificate.to_vec())),
            (0, why) => Some(Self::Refused(String::from_utf8_lossy(why).into_owned())),
            _ => None,
        }
    }
}

/// The first word of an agent that has one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Introduction {
    pub(crate) place: Place,
}

/// What an agent is to carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The protocol's name.
    pub protocol: String,
    /// The scenario, resolved, as a file.
    pub scenario: String,
    /// How nodes hold what they know, by its name.
    pub view: String,
    /// Threads that carry the nodes; 0 is one for each core.
    pub shards: u32,
    /// The number of its first node.
    pub first: u32,
    /// How many nodes it carries.
    pub nodes: u32,
}

/// What the coordinator asks. Only what says so is answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Answered with the addresses of the nodes.
    Prepare(Setup),
    /// Answered with the equipment.
    Launch(LaunchForm),
    Act(ActionsForm),
    BeginLoad,
    /// Answered.
    Load,
    /// Answered, in several parts if need be.
    Events,
    /// Answered.
    Census,
    /// Answered.
    Inspect {
        members: Vec<u32>,
        writers: Vec<u32>,
    },
    /// The agent ends its nodes, and itself.
    End,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LaunchForm {
    pub(crate) book: Vec<SocketAddr>,
    pub(crate) neighbours: Vec<SocketAddr>,
    secret: [u8; 32],
    key: Vec<u8>,
    certificate: Vec<u8>,
}

impl LaunchForm {
    pub(crate) fn new(book: Vec<SocketAddr>, neighbours: Vec<SocketAddr>, seal: Seal) -> Self {
        let Seal { secret, key, certificate } = seal;
        Self { book, neighbours, secret, key, certificate }
    }

    pub(crate) fn seal(&self) -> Seal {
        Seal { secret: self.secret, key: self.key.clone(), certificate: self.certificate.clone() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Prepared(Vec<SocketAddr>),
    Launched(EquipmentForm),
    Load(LoadReport),
    Events {
        events: EventsForm,
        more: bool,
    },
    Census {
        census: CensusForm,
        sent: Sent,
        late_us_max: u64,
    },
    Inspections(InspectionsForm),
    /// What was asked cannot be done, in a sentence.
    Failed(String),
}

/// What one end of a control connection sent.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) wire_bytes: u64,
    pub(crate) packets: u64,
}

impl Sent {
    pub(crate) fn of(connection: &quinn::Connection) -> Self {
        let sent = connection.stats().udp_tx;
        let ip = IpVersion::of(connection.remote_address().ip());
        let wire_bytes = sent.bytes + sent.datagrams * ip.header_bytes();
        Self { wire_bytes, packets: sent.datagrams }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EquipmentForm {
    receive: Option<u64>,
    send: Option<u64>,
    crypto: Option<String>,
}

impl EquipmentForm {
    pub(crate) fn of(equipment: Equipment) -> Self {
        Self {
            receive: equipment.socket_receive_buffer_bytes,
            send: equipment.socket_send_buffer_bytes,
            crypto: equipment.crypto_provider,
        }
    }

    pub(crate) fn read(self) -> Equipment {
        Equipment {
            real_time: true,
            socket_receive_buffer_bytes: self.receive,
            socket_send_buffer_bytes: self.send,
            crypto_provider: self.crypto,
        }
    }
}

/// A ping: its number. A pong: its number, and the time on the agent's clock.
pub(crate) mod ping {
    pub(crate) fn write(number: u64) -> Vec<u8> {
        number.to_be_bytes().to_vec()
    }

    pub(crate) fn answer(ping: &[u8], clock_ns: u64) -> Option<Vec<u8>> {
        (ping.len() == 8).then(|| [ping, &clock_ns.to_be_bytes()].concat())
    }

    pub(crate) fn read(pong: &[u8]) -> Option<(u64, u64)> {
        let (number, clock_ns) = pong.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*number), u64::from_be_bytes(clock_ns.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_read_as_far_as_its_number() {
        let hello = Hello { tool: "rumormill 1".into(), secret: [7; 32], key: [8; 32] };
        let bytes = hello.write(3).expect("plain data");
        let (version, read) = Hello::read(&bytes, 3).expect("a hello");
        assert_eq!((version, read.map(|hello| hello.tool)), (3, Some("rumormill 1".into())));
        let (version, read) = Hello::read(&bytes, 4).expect("a hello");
        assert!(version == 3 && read.is_none());
        assert!(Hello::read(&bytes[1..], 3).is_none());
        assert!(Hello::read(&bytes[..9], 3).is_some_and(|(_, hello)| hello.is_none()));
    }

    #[test]
    fn answers_and_pings_read_back() {
        for answer in [Answer::Welcome(vec![1, 2]), Answer::Refused("no".into())] {
            assert_eq!(Answer::read(&answer.write()), Some(answer));
        }
        assert_eq!([Answer::read(&[]), Answer::read(&[2, 7])], [None, None]);
        let pong = ping::answer(&ping::write(5), 77).expect("a ping");
        assert_eq!(ping::read(&pong), Some((5, 77)));
        assert_eq!((ping::answer(&pong, 1), ping::read(&pong[1..])), (None, None));
    }
}
