//! The floor under every gossip protocol on these connections: each node holds eight, and once a second sends one of its
//! peers a ping, which is answered, and two datagrams of 200 bytes. Nothing is learnt and nobody is watched, so that
//! what it costs is the price of the connections, and how fast it runs in virtual time that of the simulator.
//!
//!     cargo run --release --example bare_load -- run --preset idle --protocol bare-load --nodes 10000 --on sim
//!     cargo run --release --example bare_load -- run --preset idle --protocol bare-load --nodes 1000 --on local

use std::{collections::VecDeque, process::ExitCode, time::Duration};

use rumormill::{Registry, protocol::*};

/// How far from it, around the circle of all nodes, the peers lie that a node dials; as many dial it.
const STEPS: [u32; 4] = [1, 7, 31, 127];
const PERIOD: Duration = Duration::from_secs(1);
const LOAD_BYTES: usize = 200;

fn main() -> ExitCode {
    let mut registry = Registry::standard();
    registry.add::<BareLoad>("bare-load", |_, _| ());
    rumormill::run(&registry)
}

struct BareLoad {
    start: Start,
    nodes: usize,
    peers: Vec<NodeId>,
    turn: usize,
    next: Option<Time>,
    outputs: VecDeque<Output<Said>>,
}

impl Protocol for BareLoad {
    type Config = ();
    type Message = Said;

    fn new((): &(), start: &Start, _: Time) -> Self {
        Self { start: *start, nodes: 0, peers: Vec::new(), turn: 0, next: None, outputs: VecDeque::new() }
    }

    fn handle_command(&mut self, now: Time, command: Command) {
        let Command::Warm(warm) = command else { return };
        let (me, nodes) = (self.start.me.0, warm.roster.len() as u32);
        self.nodes = warm.roster.len();
        let around = |step: u32| NodeId((me + step % nodes) % nodes);
        let dialled: Vec<_> = STEPS.map(around).into_iter().filter(|peer| peer.0 != me).collect();
        self.outputs.extend(dialled.iter().copied().map(Output::Connect));
        let dialling = STEPS.map(|step| around(nodes - step % nodes));
        self.peers = dialled.into_iter().chain(dialling).filter(|peer| peer.0 != me).collect();
        self.peers.sort_unstable();
        self.peers.dedup();
        // Nodes that boot together must not act together, nor all begin with the same peer.
        self.turn = self.start.seed as usize % self.peers.len();
        self.next = Some(now + PERIOD.mul_f64(self.start.seed as f64 / u64::MAX as f64));
    }

    fn handle_link(&mut self, _: Time, peer: NodeId, link: LinkEvent) {
        self.outputs.extend((link == LinkEvent::Up).then_some(Output::Connect(peer)));
    }

    fn handle_message(&mut self, _: Time, from: NodeId, said: Said) {
        if said == Said::Ping {
            self.say(from, Cause::Ack, Said::Pong);
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        let Some(due) = self.next.filter(|due| *due <= now) else { return };
        self.next = Some(if due + PERIOD > now { due + PERIOD } else { now + PERIOD });
        let to = self.peers[self.turn];
        self.turn = (self.turn + 1) % self.peers.len();
        self.say(to, Cause::Probe, Said::Ping);
        self.say(to, Cause::Other, Said::Load);
        self.say(to, Cause::Other, Said::Load);
    }

    fn poll_output(&mut self) -> Option<Output<Said>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.next
    }

    fn view(&self) -> &dyn View {
        self
    }
}

impl BareLoad {
    fn say(&mut self, to: NodeId, cause: Cause, message: Said) {
        self.outputs.push_back(Output::Send { to, channel: Channel::Datagram, cause, message });
    }
}

impl View for BareLoad {
    fn status(&self, member: NodeId) -> Status {
        if member.index() < self.nodes { Status::Alive } else { Status::Unknown }
    }

    fn life(&self, _: NodeId) -> u32 {
        0
    }

    fn alive(&self) -> usize {
        self.nodes
    }

    fn version(&self, _: NodeId) -> u64 {
        0
    }
}

/// One byte that says what it is, and what a load carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Ping,
    Pong,
    Load,
}

impl Wire for Said {
    fn encode(&self, out: &mut Vec<u8>) -> Sizes {
        let payload = if *self == Self::Load { LOAD_BYTES } else { 1 };
        out.resize(out.len() + payload, *self as u8);
        Sizes { payload, compressed: payload }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let tag = *bytes.first().ok_or(DecodeError::Truncated)?;
        [Self::Ping, Self::Pong, Self::Load]
            .into_iter()
            .find(|said| *said as u8 == tag)
            .ok_or(DecodeError::Tag(tag))
    }
}
