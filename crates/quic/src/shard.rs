use std::{
    cell::RefCell,
    io, panic,
    rc::Rc,
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant},
};

use rumormill_lab::{Action, Inspection, NodeCensus, Stamped};
use rumormill_link::{HostConfig, NetworkConfig};
use rumormill_measure::Histogram;
use rumormill_protocol::{NodeId, Protocol, Time};
use tokio::{
    net::UdpSocket,
    runtime::Builder,
    sync::{Notify, mpsc},
    task::{JoinSet, LocalSet},
    time::sleep_until,
};

use crate::{
    desk::{DIALERS_AT_ONCE, Desk},
    node::{Birth, Node},
    port::{Numbers, Port},
};

/// What the cluster asks of a shard. Places are those of the shard's own nodes.
pub(crate) enum Request {
    Act { place: usize, action: Action },
    Ask(Question),
}

/// What is answered at once.
pub(crate) enum Question {
    Events(SyncSender<Vec<Stamped>>),
    Census(SyncSender<(Vec<NodeCensus>, Histogram)>),
    Inspect { members: Arc<[NodeId]>, writers: Arc<[NodeId]>, reply: SyncSender<Vec<Inspection>> },
}

/// A node that is about to be brought to life.
pub(crate) struct Seed {
    pub(crate) socket: std::net::UdpSocket,
    pub(crate) network: NetworkConfig,
    /// All nodes by where they listen.
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) host: HostConfig,
}

/// Runs a shard's nodes on this thread, one task each, until `requests` closes. Says on `ready` whether they came
/// to life.
pub(crate) fn run<P: Protocol + 'static>(
    epoch: Instant,
    seeds: Vec<Seed>,
    protocol: P::Config,
    requests: mpsc::Receiver<Request>,
    ready: &SyncSender<io::Result<()>>,
) {
    let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody listens only when the launch was given up already.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        match Shard::<P>::new(epoch, seeds, protocol) {
            Ok(shard) => {
                let _ = ready.send(Ok(()));
                shard.serve(requests).await;
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        }
    });
}

/// The nodes of one thread. A node acts at once, in whichever task finds something for it; its own task waits for
/// its packets and its deadline.
struct Shard<P: Protocol> {
    epoch: Instant,
    nodes: Vec<Rc<Place<P>>>,
    desk: Rc<RefCell<Desk>>,
}

struct Place<P: Protocol> {
    node: RefCell<Node<P>>,
    /// The deadline may have moved.
    moved: Notify,
}

impl<P: Protocol + 'static> Shard<P> {
    fn new(epoch: Instant, seeds: Vec<Seed>, protocol: P::Config) -> io::Result<Self> {
        let protocol = Rc::new(protocol);
        let nodes: io::Result<Vec<_>> = seeds
            .into_iter()
            .enumerate()
            .map(|(place, seed)| {
                let socket = UdpSocket::from_std(seed.socket)?;
                let port = Port::new(socket, seed.network, seed.host.seed, seed.numbers);
                let birth = Birth { host: seed.host, protocol: protocol.clone() };
                let node = Node::new(place, port, birth, Time::ZERO);
                Ok(Rc::new(Place { node: RefCell::new(node), moved: Notify::new() }))
            })
            .collect();
        Ok(Self { epoch, nodes: nodes?, desk: Rc::new(RefCell::new(Desk::new())) })
    }

    async fn serve(self, mut requests: mpsc::Receiver<Request>) {
        let mut tasks = JoinSet::new();
        for place in &self.nodes {
            tasks.spawn_local(attend(self.epoch, place.clone(), self.desk.clone()));
        }
        let room = self.desk.borrow().room();
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Act { place, action }) => self.act(place, action),
                    Some(Request::Ask(question)) => self.answer(question),
                    None => return,
                },
                () = room.notified() => {
                    self.dial();
                    tokio::task::yield_now().await;
                }
                // Nodes end with their shard or by a panic, which must not pass for silence.
                Some(Err(ended)) = tasks.join_next() => panic::resume_unwind(ended.into_panic()),
            }
        }
    }

    /// Lets some nodes dial while there is room, the one that has waited longest first.
    fn dial(&self) {
        for _ in 0..DIALERS_AT_ONCE {
            let Some(place) = self.next_dialer() else { return };
            let place = &self.nodes[place];
            place.node.borrow_mut().dial(now(self.epoch), &mut self.desk.borrow_mut());
            place.moved.notify_one();
        }
        self.desk.borrow().room().notify_one();
    }

    fn next_dialer(&self) -> Option<usize> {
        let mut desk = self.desk.borrow_mut();
        if desk.may_dial() { desk.dialers.pop_front() } else { None }
    }

    fn act(&self, place: usize, action: Action) {
        let place = &self.nodes[place];
        place.node.borrow_mut().handle(now(self.epoch), action, &mut self.desk.borrow_mut());
        place.moved.notify_one();
    }

    fn answer(&self, question: Question) {
        // A cluster that no longer waits for its answer is going away.
        match question {
            Question::Events(reply) => {
                let _ = reply.send(std::mem::take(&mut self.desk.borrow_mut().events));
            }
            Question::Census(reply) => {
                let nodes = self.nodes.iter().map(|place| place.node.borrow().census()).collect();
                let _ = reply.send((nodes, self.desk.borrow().lag.clone()));
            }
            Question::Inspect { members, writers, reply } => {
                let inspect = |place: &Rc<Place<P>>| place.node.borrow().inspect(&members, &writers);
                let _ = reply.send(self.nodes.iter().filter_map(inspect).collect());
            }
        }
    }
}

/// Wakes one node for its packets and deadlines, for as long as its shard lives.
async fn attend<P: Protocol>(epoch: Instant, place: Rc<Place<P>>, desk: Rc<RefCell<Desk>>) {
    let far = Duration::from_secs(86_400 * 365);
    let socket = place.node.borrow().socket().clone();
    let mut armed = None;
    let mut alarm = std::pin::pin!(sleep_until((epoch + far).into()));
    loop {
        let (deadline, reads) = {
            let node = place.node.borrow();
            (node.deadline(), node.reads())
        };
        if deadline != armed {
            let after = deadline.map_or(far, |deadline| deadline - Time::ZERO);
            alarm.as_mut().reset((epoch + after.min(far)).into());
            armed = deadline;
        }
        tokio::select! {
            // An error shows again, and is met, when the socket is read.
            _ = socket.readable(), if reads => {}
            () = &mut alarm => {}
            () = place.moved.notified() => {}
        }
        place.node.borrow_mut().wake(now(epoch), &mut desk.borrow_mut());
    }
}

fn now(epoch: Instant) -> Time {
    Time::ZERO + epoch.elapsed()
}
