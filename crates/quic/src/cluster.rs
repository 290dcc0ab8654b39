use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rumormill_crypto::{
    Credentials,
    real::{Authority, CRYPTO_PROVIDER},
};
use rumormill_lab::{Action, Census, Cluster, ClusterError, Equipment, Inspection, NodeCensus, Stamped};
use rumormill_protocol::{Contact, NodeId, Protocol, Time};
use tokio::sync::mpsc;

use crate::{
    berths::Berths,
    hosts::Hosts,
    kernel::Watch,
    shard::{self, Question, Request, Seed},
    socket::Buffers,
    spec::LocalSpec,
};

/// Requests that wait for one shard; whoever asks for more waits too.
const REQUESTS_MAX: usize = 1_024;
/// How often a sleeping cluster looks whether its shards still run.
const WATCH: Duration = Duration::from_millis(100);

/// Nodes on loopback in this process, each with its own UDP socket, QUIC endpoint and certificate, spread over
/// threads.
///
/// Actions take effect at once, but nodes wait to dial while many dials of their shard are under way. Calls block, and
/// must not be made from inside an asynchronous runtime.
///
/// The modelled network and the faults of the network act at the sender, before the kernel. Timers have a resolution
/// of 1 ms, so a packet that is under way for a time arrives up to that much later than the model says. What is under
/// way arrives even when its sender is paused or crashes; the next life of a node meets the same network.
pub struct LocalCluster<P: Protocol> {
    epoch: Instant,
    /// The number of its first node.
    first: usize,
    contacts: Vec<Contact>,
    authority: Authority,
    buffers: Buffers,
    shards: Vec<Shard>,
    watch: Watch,
    protocol: std::marker::PhantomData<fn() -> P>,
}

/// What one process carries of a cluster that spans several. Its nodes are numbered from `first`; their numbers are those
/// of the whole cluster everywhere, but lists by number hold its own nodes alone.
pub struct Share {
    /// The number of its first node.
    pub first: NodeId,
    /// The authority of all nodes.
    pub authority: Authority,
    /// Where all nodes of the cluster listen, in the order of their numbers.
    pub book: Vec<SocketAddr>,
    /// Sockets of this run that carry no nodes: whatever they send over the nodes' interface is not taken for that of
    /// other programs.
    pub neighbours: Vec<SocketAddr>,
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
        let berths = Berths::bind(spec.nodes, spec.network.ip.loopback())?;
        let book = berths.addresses.clone();
        Self::launch_share(spec, berths, Share { first: NodeId(0), authority, book, neighbours: Vec::new() })
    }

    /// The same of one process's share of a cluster: `spec.nodes` nodes, in these berths.
    ///
    /// # Errors
    /// When the operating system refuses a thread, or a certificate cannot be made.
    pub fn launch_share(
        spec: LocalSpec<P::Config>,
        berths: Berths,
        share: Share,
    ) -> Result<Self, ClusterError> {
        let Share { first, authority, book, neighbours } = share;
        let Berths { sockets, addresses, buffers } = berths;
        let all: Vec<Contact> = contacts(0, &book);
        let contacts = contacts(first.0, &addresses);
        let shards = spec.shards.clamp(1, spec.nodes.max(1));
        let credentials = credentials(&authority, first, spec.nodes, shards)?;
        let host = addresses.first().map_or(spec.network.ip.loopback(), SocketAddr::ip);
        let watch = Watch::begin(host, book.into_iter().chain(neighbours).collect());
        let epoch = Instant::now();
        let mut seeds: Vec<Vec<Seed>> = (0..shards).map(|_| Vec::new()).collect();
        let hosts = Hosts::new(&spec, epoch, &all);
        for (place, ((contact, socket), credentials)) in
            contacts.iter().zip(sockets).zip(credentials).enumerate()
        {
            seeds[place % shards].push(hosts.seed(*contact, socket, credentials));
        }
        let started: Vec<_> = seeds
            .into_iter()
            .enumerate()
            .map(|(number, seeds)| Shard::start::<P>(number, epoch, seeds, spec.config.clone()))
            .collect();
        let mut cluster = Self {
            epoch,
            first: first.index(),
            contacts,
            authority,
            buffers,
            shards: Vec::new(),
            watch,
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

    /// Asks every shard at once, and waits for all answers, in the order of the shards.
    fn ask<T>(&self, question: impl Fn(SyncSender<T>) -> Question) -> Result<Vec<T>, ClusterError> {
        let asked: Result<Vec<Receiver<T>>, ClusterError> = self
            .shards
            .iter()
            .map(|shard| {
                let (reply, answer) = sync_channel(1);
                shard.send(Request::Ask(question(reply)))?;
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

    fn equipment(&self) -> Equipment {
        Equipment {
            real_time: true,
            socket_receive_buffer_bytes: Some(self.buffers.receive as u64),
            socket_send_buffer_bytes: Some(self.buffers.send as u64),
            crypto_provider: Some(CRYPTO_PROVIDER.into()),
        }
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
        let (shards, place) = (self.shards.len(), node.index().wrapping_sub(self.first));
        debug_assert!(place < self.contacts.len(), "{node} is not of this share");
        self.shards[place % shards].send(Request::Act { place: place / shards, action })
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        // A shard that ended is reported by the next call that can say so.
        let Ok(events) = self.ask(Question::Events) else { return };
        events.into_iter().flatten().for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let answers = self.ask(Question::Census)?;
        let seen = self.watch.look();
        let mut census = Census {
            nodes: vec![NodeCensus::default(); self.contacts.len()],
            kernel_drops: seen.drops,
            interface: seen.interface,
            ..Census::default()
        };
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
        let ask = |reply| Question::Inspect { members: members.clone(), writers: writers.clone(), reply };
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
            .spawn(move || shard::run::<P>(epoch, seeds, protocol, inbox, &ready))
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

fn contacts(first: u32, addresses: &[SocketAddr]) -> Vec<Contact> {
    let numbered = (first..).zip(addresses);
    numbered.map(|(number, &address)| Contact { id: NodeId(number), address }).collect()
}

/// Makes the certificates of all nodes, in the order of their numbers, on several threads.
fn credentials(
    authority: &Authority,
    first: NodeId,
    nodes: usize,
    threads: usize,
) -> Result<Vec<Credentials>, ClusterError> {
    let numbers: Vec<u32> = (first.0..first.0 + nodes as u32).collect();
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
