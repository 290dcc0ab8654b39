use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use quinn_proto::EndpointConfig;
use rumormill_lab::{Action, Census, Cluster, ClusterError, Inspection, NodeCensus, Stamped};
use rumormill_link::{HostConfig, LinkConfig, transport};
use rumormill_protocol::{Contact, NodeId, Protocol, Purpose, Start, Time, stream};
use tokio::sync::mpsc;

use crate::{
    identity::{Authority, Credentials, identify},
    kernel,
    shard::{self, Request, Seed},
    socket::{self, Buffers},
};

/// Requests that wait for one shard; whoever asks for more waits too.
const REQUESTS_MAX: usize = 1_024;
/// How often a sleeping cluster looks whether its shards still run.
const WATCH: Duration = Duration::from_millis(100);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct LocalSpec<C> {
    /// How many nodes.
    pub nodes: usize,
    /// The run's seed.
    pub seed: u64,
    /// Threads that carry the nodes.
    pub shards: usize,
    /// The protocol's settings, the same for all nodes.
    pub config: C,
    /// The connection policy.
    pub links: LinkConfig,
    /// After which a connection on which nothing arrives is down.
    pub idle_timeout: Duration,
}

impl<C> LocalSpec<C> {
    /// A cluster with a shard for each core and the usual connections.
    pub fn new(nodes: usize, seed: u64, config: C) -> Self {
        let shards = thread::available_parallelism().map_or(1, usize::from);
        Self {
            nodes,
            seed,
            shards,
            config,
            links: LinkConfig::default(),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Nodes on loopback in this process, each with its own UDP socket, QUIC endpoint and certificate, spread over
/// threads.
///
/// [`Command::Warm`](rumormill_protocol::Command::Warm) is paced: a node boots when few enough of its shard's
/// handshakes are under way, and [`act`](Cluster::act) and every other request wait meanwhile. All other actions
/// take effect at once. Calls block, and must not be made from inside an asynchronous runtime.
pub struct LocalCluster<P: Protocol> {
    epoch: Instant,
    contacts: Vec<Contact>,
    authority: Authority,
    buffers: Buffers,
    shards: Vec<Shard>,
    ports: BTreeSet<u16>,
    /// Packets that the kernel had dropped at these ports before the cluster began.
    drops_before: u64,
    protocol: std::marker::PhantomData<fn() -> P>,
}

struct Shard {
    name: String,
    /// `None` once the shard is told to end.
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl<P: Protocol + 'static> LocalCluster<P> {
    /// Binds the sockets, makes the certificates and brings all nodes to life, silent. Time begins when this is
    /// done, but for the nodes' own making.
    ///
    /// # Errors
    /// When the operating system refuses a socket or a thread, or a certificate cannot be made.
    pub fn launch(spec: LocalSpec<P::Config>) -> Result<Self, ClusterError> {
        let authority = Authority::new().map_err(|error| system("make the certificate authority", error))?;
        let (mut sockets, mut contacts, mut buffers) =
            (Vec::new(), Vec::new(), Buffers { receive: 0, send: 0 });
        for node in 0..spec.nodes {
            let bound = socket::bind();
            let (socket, address, granted) = bound.map_err(|source| ClusterError::System {
                what: format!(
                    "open the UDP socket of node {node} (each node needs one file descriptor and port)"
                ),
                source,
            })?;
            sockets.push(socket);
            contacts.push(Contact { id: NodeId(node as u32), address });
            buffers = granted;
        }
        let shards = spec.shards.clamp(1, spec.nodes.max(1));
        let credentials = credentials(&authority, spec.nodes, shards)?;
        let ports = contacts.iter().map(|contact| contact.address.port()).collect();
        let epoch = Instant::now();
        let mut seeds: Vec<Vec<Seed>> = (0..shards).map(|_| Vec::new()).collect();
        let host = Hosts::new(&spec, epoch, &contacts);
        for ((contact, socket), credentials) in contacts.iter().zip(sockets).zip(credentials) {
            let seed = Seed { id: contact.id, socket, host: host.config(*contact, credentials) };
            seeds[contact.id.index() % shards].push(seed);
        }
        let started: Vec<_> = seeds
            .into_iter()
            .enumerate()
            .map(|(number, seeds)| Shard::start::<P>(number, epoch, seeds, spec.config.clone()))
            .collect();
        let mut cluster = Self {
            epoch,
            contacts,
            authority,
            buffers,
            shards: Vec::new(),
            drops_before: kernel::drops(&ports),
            ports,
            protocol: std::marker::PhantomData,
        };
        let mut ready = Vec::new();
        for shard in started {
            let (shard, came_to_life) = shard?;
            cluster.shards.push(shard);
            ready.push(came_to_life);
        }
        for (shard, ready) in cluster.shards.iter().zip(ready) {
            ready
                .recv()
                .map_err(|_| shard.lost())?
                .map_err(|source| ClusterError::System { what: format!("start {}", shard.name), source })?;
        }
        Ok(cluster)
    }

    /// The authority of this run: with credentials of it, an outside endpoint can connect to the nodes.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The kernel buffers that each socket was granted.
    pub const fn buffers(&self) -> Buffers {
        self.buffers
    }

    /// Asks every shard at once, and waits for all answers, in the order of the shards.
    fn ask<T>(&self, request: impl Fn(SyncSender<T>) -> Request) -> Result<Vec<T>, ClusterError> {
        let asked: Result<Vec<Receiver<T>>, ClusterError> = self
            .shards
            .iter()
            .map(|shard| {
                let (reply, answer) = sync_channel(1);
                shard.send(request(reply))?;
                Ok(answer)
            })
            .collect();
        let answers = self.shards.iter().zip(asked?);
        answers.map(|(shard, answer)| answer.recv().map_err(|_| shard.lost())).collect()
    }

    fn check(&self) -> Result<(), ClusterError> {
        let ended = |shard: &&Shard| shard.thread.as_ref().is_none_or(JoinHandle::is_finished);
        self.shards.iter().find(ended).map_or(Ok(()), |shard| Err(shard.lost()))
    }
}

impl<P: Protocol + 'static> Cluster for LocalCluster<P> {
    fn nodes(&self) -> usize {
        self.contacts.len()
    }

    fn contacts(&self) -> Vec<Contact> {
        self.contacts.clone()
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError> {
        loop {
            self.check()?;
            let left = until - self.now();
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(WATCH));
        }
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        let shards = self.shards.len();
        self.shards[node.index() % shards].send(Request::Act { place: node.index() / shards, action })
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        // A shard that ended is reported by the next call that can say so.
        let Ok(events) = self.ask(Request::Events) else { return };
        events.into_iter().flatten().for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let mut census = Census {
            nodes: vec![NodeCensus::default(); self.contacts.len()],
            kernel_drops: kernel::drops(&self.ports).saturating_sub(self.drops_before),
            ..Census::default()
        };
        let answers = self.ask(Request::Census)?;
        let shards = answers.len();
        for (number, (nodes, lag)) in answers.into_iter().enumerate() {
            census.lag.add(&lag);
            for (place, node) in nodes.into_iter().enumerate() {
                census.nodes[place * shards + number] = node;
            }
        }
        Ok(census)
    }

    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let (members, writers): (Arc<[NodeId]>, Arc<[NodeId]>) = (members.into(), writers.into());
        let ask = |reply| Request::Inspect { members: members.clone(), writers: writers.clone(), reply };
        let mut inspections: Vec<_> = self.ask(ask)?.into_iter().flatten().collect();
        inspections.sort_unstable_by_key(|inspection| inspection.node);
        Ok(inspections)
    }

    fn shut_down(self: Box<Self>) {}
}

impl<P: Protocol> Drop for LocalCluster<P> {
    /// Ends all threads and waits for them.
    fn drop(&mut self) {
        for shard in &mut self.shards {
            shard.requests = None;
        }
        for thread in self.shards.iter_mut().filter_map(|shard| shard.thread.take()) {
            // A panic of a shard was reported by whichever call met it.
            let _ = thread.join();
        }
    }
}

impl Shard {
    fn start<P: Protocol + 'static>(
        number: usize,
        epoch: Instant,
        seeds: Vec<Seed>,
        protocol: P::Config,
    ) -> Result<(Self, Receiver<io::Result<()>>), ClusterError> {
        let name = format!("shard-{number}");
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let (ready, came_to_life) = sync_channel(1);
        let thread = thread::Builder::new()
            .name(name.clone())
            .spawn(move || shard::run::<P>(epoch, seeds, &protocol, inbox, &ready))
            .map_err(|source| ClusterError::System { what: format!("start the thread of {name}"), source })?;
        Ok((Self { name, requests: Some(requests), thread: Some(thread) }, came_to_life))
    }

    fn send(&self, request: Request) -> Result<(), ClusterError> {
        let requests = self.requests.as_ref().ok_or_else(|| self.lost())?;
        requests.blocking_send(request).map_err(|_| self.lost())
    }

    fn lost(&self) -> ClusterError {
        ClusterError::Lost(self.name.clone())
    }
}

/// What all hosts of a cluster have in common.
struct Hosts {
    seed: u64,
    epoch: Instant,
    endpoint: EndpointConfig,
    transport: Arc<quinn_proto::TransportConfig>,
    links: LinkConfig,
    book: Arc<[SocketAddr]>,
}

impl Hosts {
    fn new<C>(spec: &LocalSpec<C>, epoch: Instant, contacts: &[Contact]) -> Self {
        Self {
            seed: spec.seed,
            epoch,
            endpoint: EndpointConfig::default(),
            transport: transport(spec.idle_timeout),
            links: spec.links.clone(),
            book: contacts.iter().map(|contact| contact.address).collect(),
        }
    }

    fn config(&self, contact: Contact, credentials: Credentials) -> HostConfig {
        let seed = |purpose| stream(self.seed, purpose, Some(contact.id));
        HostConfig {
            start: Start {
                me: contact.id,
                address: contact.address,
                generation: 0,
                seed: seed(Purpose::Protocol),
            },
            epoch: self.epoch,
            seed: seed(Purpose::Network),
            endpoint: self.endpoint.clone(),
            server: credentials.server,
            client: credentials.client,
            transport: self.transport.clone(),
            identify,
            links: self.links.clone(),
            book: self.book.clone(),
        }
    }
}

/// Makes the certificates of all nodes, in the order of their numbers, on several threads.
fn credentials(
    authority: &Authority,
    nodes: usize,
    threads: usize,
) -> Result<Vec<Credentials>, ClusterError> {
    let numbers: Vec<u32> = (0..nodes as u32).collect();
    let make = |numbers: &[u32]| -> Result<Vec<_>, _> {
        numbers.iter().map(|&number| authority.credentials(NodeId(number))).collect()
    };
    let made: Result<Vec<Vec<_>>, _> = thread::scope(|scope| {
        let share = nodes.div_ceil(threads).max(1);
        let workers: Vec<_> =
            numbers.chunks(share).map(|numbers| scope.spawn(move || make(numbers))).collect();
        workers.into_iter().map(|worker| worker.join().expect("making certificates does not panic")).collect()
    });
    Ok(made.map_err(|error| system("make the nodes' certificates", error))?.into_iter().flatten().collect())
}

fn system(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> ClusterError {
    ClusterError::System { what: what.into(), source: io::Error::other(error) }
}
