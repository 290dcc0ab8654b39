use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rumormill_crypto::{
    Credentials, null,
    real::{self, Authority},
};
use rumormill_lab::{Cluster, ClusterError, NetworkSettings, Scenario};
use rumormill_link::{Identify, LinkConfig, NetworkConfig, transport};
use rumormill_measure::{IpVersion, World};
use rumormill_protocol::{NodeId, Protocol};
use rumormill_quic::{Berths, LocalCluster, LocalSpec, Share};
use rumormill_sim::{MessageHost, MessageMold, QuicHost, QuicMold, SimCluster, Terms};

use crate::fleet::Fleet;

/// Nodes in virtual time that are worth a thread: with fewer, threads that meet at the end of every window take longer
/// than one thread for all.
const NODES_OF_A_SHARD: usize = 500;

/// Where nodes live, and how.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The world.
    pub world: World,
    /// In virtual time: what is simulated.
    pub fidelity: Fidelity,
    /// In virtual time, with simulated packets: what protects them.
    pub crypto: Crypto,
    /// Threads that carry the nodes, where not as many as suit them.
    pub shards: Option<usize>,
    /// How nodes hold what they know.
    pub view: ViewMode,
    /// Who carries the nodes, where it is not this process alone.
    pub(crate) fleet: Option<Arc<Fleet>>,
}

/// What of a connection is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fidelity {
    /// Each message is passed on as it is, and what QUIC makes of it is modelled.
    Message,
    /// Each connection runs QUIC's own state machines, and each packet is simulated.
    Quic,
}

/// What protects simulated packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Crypto {
    /// Nothing: a stand-in for TLS that takes the same bytes, in the same packets.
    Null,
    /// TLS, as between real nodes.
    Real,
}

/// A world as `compare --worlds` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Place {
    /// Virtual time, with the fidelity of --fidelity
    Sim,
    /// Virtual time, with --fidelity message
    SimMessage,
    /// Virtual time, with --fidelity quic
    SimQuic,
    /// Real nodes in this process
    Local,
}

impl Place {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::SimMessage => "sim-message",
            Self::SimQuic => "sim-quic",
            Self::Local => "local",
        }
    }

    pub(crate) const fn world(self) -> World {
        match self {
            Self::Sim | Self::SimMessage | Self::SimQuic => World::Sim,
            Self::Local => World::Local,
        }
    }

    /// The fidelity that its name says.
    pub(crate) const fn fidelity(self) -> Option<Fidelity> {
        match self {
            Self::Sim | Self::Local => None,
            Self::SimMessage => Some(Fidelity::Message),
            Self::SimQuic => Some(Fidelity::Quic),
        }
    }
}

impl Setting {
    /// How many processes carry the nodes.
    pub(crate) fn processes(&self) -> usize {
        self.fleet.as_ref().map_or(1, |fleet| fleet.agents)
    }

    /// What is simulated, where anything is.
    pub(crate) fn simulates(&self) -> Option<Fidelity> {
        (self.world == World::Sim).then_some(self.fidelity)
    }
}

impl fmt::Display for Setting {
    /// The options that ask for it, but for those that change no figure.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "--on {}", self.world)?;
        match &self.fleet {
            Some(fleet) if self.world == World::Fleet => {
                write!(out, " --engine {} --agents {}", fleet.engine, fleet.agents)?;
            }
            Some(fleet) => write!(out, " --processes {}", fleet.agents)?,
            None => {}
        }
        self.simulates().map_or(Ok(()), |fidelity| write!(out, " --fidelity {fidelity}"))
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Message => "message",
            Self::Quic => "quic",
        })
    }
}

/// How nodes hold what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ViewMode {
    /// All nodes share what they all know, and each holds what differs.
    Compact,
    /// Each holds everything by itself, as nodes on machines of their own do.
    Dense,
}

impl ViewMode {
    /// As the option names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Dense => "dense",
        }
    }
}

/// After which a connection on which nothing arrives is down, unless it is to be kept for longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

fn idle_timeout(links: &LinkConfig) -> Duration {
    IDLE_TIMEOUT.max(links.linger)
}

/// Makes a cluster of nodes that speak `P`, or of one process's share of them.
pub(crate) fn launch<P>(
    scenario: &Scenario,
    setting: &Setting,
    links: LinkConfig,
    config: P::Config,
    share: Option<(Berths, Share)>,
) -> Result<Box<dyn Cluster>, ClusterError>
where
    P: Protocol + Send + 'static,
    P::Message: 'static,
{
    let (nodes, seed, network) = (scenario.nodes_ever(), scenario.seed, network(&scenario.network));
    if setting.world == World::Sim {
        let shards = setting.shards.unwrap_or_else(|| (nodes / NODES_OF_A_SHARD).clamp(1, cores()));
        return Ok(match setting.fidelity {
            Fidelity::Message => {
                let book = book(nodes, network.ip);
                let idle_timeout = idle_timeout(&links);
                let terms = Arc::new(Terms::new(links, idle_timeout, &network));
                let mold = MessageMold { seed, config, book, terms };
                Box::new(SimCluster::<MessageHost<P>>::new(nodes, seed, shards, &network, mold))
            }
            Fidelity::Quic => {
                let mold = quic_mold(scenario, setting.crypto, links, config)?;
                Box::new(SimCluster::<QuicHost<P>>::new(nodes, seed, shards, &network, mold))
            }
        });
    }
    let nodes = share.as_ref().map_or(nodes, |(berths, _)| berths.addresses().len());
    let mut spec = LocalSpec::new(nodes, seed, config);
    spec.shards = share.as_ref().map_or(spec.shards, |_| setting.shards.unwrap_or_else(cores));
    spec.network = network;
    spec.idle_timeout = idle_timeout(&links);
    spec.links = links;
    Ok(Box::new(match share {
        None => LocalCluster::<P>::launch(spec)?,
        Some((berths, share)) => LocalCluster::<P>::launch_share(spec, berths, share)?,
    }))
}

fn quic_mold<C>(
    scenario: &Scenario,
    crypto: Crypto,
    links: LinkConfig,
    config: C,
) -> Result<QuicMold<C>, ClusterError> {
    let seed = scenario.seed;
    let (endpoint, identify, credentials): (_, Identify, MakeCredentials) = match crypto {
        Crypto::Null => (null::endpoint_config(), null::identify, Box::new(null::credentials)),
        Crypto::Real => {
            let cannot = |error: real::IdentityError| ClusterError::System {
                what: "make the nodes' certificates".into(),
                source: std::io::Error::other(error),
            };
            let authority = Authority::seeded(seed).map_err(cannot)?;
            let endpoint = authority.endpoint_config();
            // All that can go wrong goes wrong with the first.
            authority.credentials(NodeId(0)).map_err(cannot)?;
            let make = move |node| authority.credentials(node).expect("the first node's were made");
            (endpoint, real::identify, Box::new(make))
        }
    };
    let (transport, book) =
        (transport(idle_timeout(&links)), book(scenario.nodes_ever(), scenario.network.ip));
    let epoch = Instant::now();
    Ok(QuicMold { seed, config, links, transport, epoch, endpoint, credentials, identify, book })
}

type MakeCredentials = Box<dyn Fn(NodeId) -> Credentials + Send + Sync>;

/// Where simulated nodes listen.
fn book(nodes: usize, ip: IpVersion) -> Arc<[SocketAddr]> {
    (0..nodes as u32).map(|number| rumormill_sim::address(ip, NodeId(number))).collect()
}

/// The cores that nodes may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn network(settings: &NetworkSettings) -> NetworkConfig {
    let &NetworkSettings { ip, latency, jitter, loss, burst, rate, reorder, duplicate } = settings;
    let rate_bits_per_second = rate.bits_per_second;
    NetworkConfig { ip, latency, jitter, loss, burst, rate_bits_per_second, reorder, duplicate }
}
