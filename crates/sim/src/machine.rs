use rumormill_link::Conditions;
use rumormill_measure::Ledger;
use rumormill_protocol::{Command, Event, NodeId, Time, View, mix};

use crate::blocked::Outgoing;

/// One life of a node as the simulator drives it: packets, timeouts and commands go in, packets and events come out.
/// What a packet is, is the machine's own affair.
///
/// After any `handle_*` call, or several of one instant, the simulator calls [`transmit`](Self::transmit) once, takes
/// the events, and calls again at [`poll_timeout`](Self::poll_timeout) or at the next input.
pub trait Machine: Sized + Send {
    /// What lives of all nodes are made from.
    type Mold: Sync + Send;
    /// What travels between nodes.
    type Packet: Clone + Send;

    /// Whether each packet that the network would carry is one of [`Self::Packet`], so that all of them can be named
    /// by time, ends and size.
    const EVERY_PACKET: bool;

    /// A life that is silent until it is told to start. `generation` is how many there were before.
    fn new(mold: &Self::Mold, me: NodeId, generation: u32, now: Time) -> Self;

    /// A packet arrived.
    fn handle_packet(&mut self, now: Time, from: NodeId, packet: Self::Packet);

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Time);

    /// The world asks something of the node.
    fn handle_command(&mut self, now: Time, command: Command);

    /// From now on what it sends is held up, or no longer.
    fn handle_blocked(&mut self, now: Time, blocked: bool);

    /// Does all that is left to do at `now`, and sends what there is to send.
    fn transmit(&mut self, now: Time, outbox: &mut Outbox<'_, Self::Packet>);

    /// The next thing that happened inside the node.
    fn poll_event(&mut self) -> Option<Event>;

    /// When the machine next wants [`handle_timeout`](Self::handle_timeout).
    fn poll_timeout(&self) -> Option<Time>;

    /// Adds what it sent until `now`.
    fn count_in(&self, now: Time, sent: &mut Ledger);

    /// Connections that stand.
    fn links_up(&self) -> usize;

    /// Connections that the protocol wants and does not have.
    fn links_pending(&self) -> usize;

    /// Messages dropped unsent.
    fn messages_dropped(&self) -> u64;

    /// What the node believes.
    fn view(&self) -> &dyn View;
}

/// Where a machine puts its packets: each meets the sender's network conditions here, and is on its way with the time
/// at which it arrives.
pub struct Outbox<'a, P> {
    now: Time,
    conditions: &'a mut Conditions,
    sent: &'a mut Vec<Sent<P>>,
    /// Where packets wait while the sender is blocked.
    held: Option<&'a mut Outgoing<P>>,
    scratch: &'a mut Vec<u8>,
}

/// A packet on its way.
pub(crate) struct Sent<P> {
    pub(crate) to: NodeId,
    pub(crate) arrival: Time,
    /// As UDP payload.
    pub(crate) bytes: usize,
    pub(crate) packet: P,
}

impl<'a, P> Outbox<'a, P> {
    pub(crate) const fn new(
        now: Time,
        conditions: &'a mut Conditions,
        sent: &'a mut Vec<Sent<P>>,
        held: Option<&'a mut Outgoing<P>>,
        scratch: &'a mut Vec<u8>,
    ) -> Self {
        Self { now, conditions, sent, held, scratch }
    }

    /// Room to write packets in, shared by many machines.
    pub const fn scratch(&mut self) -> &mut Vec<u8> {
        self.scratch
    }

    /// Sends something that takes so many packets, together `bytes` long as UDP payload. It arrives with the last of
    /// them.
    ///
    /// # Errors
    /// When any of them is lost; then it does not arrive at all.
    pub fn send(&mut self, to: NodeId, packets: usize, bytes: usize, flight: P) -> Result<(), Undelivered<P>>
    where
        P: Clone,
    {
        if self.held.as_ref().is_some_and(|held| !held.has_room()) {
            self.conditions.lose(bytes);
            return Err(Undelivered { lost: packets, flight });
        }
        let (arrival, lost) = if packets == 1 {
            let fate = self.conditions.send(self.now, Some(to), bytes);
            if let Some(arrival) = fate.copy {
                self.leave(Sent { to, arrival, bytes, packet: flight.clone() });
            }
            (fate.arrival, usize::from(fate.arrival.is_none()))
        } else {
            self.conditions.send_many(self.now, Some(to), packets, bytes)
        };
        match arrival {
            Some(arrival) if lost == 0 => {
                self.leave(Sent { to, arrival, bytes, packet: flight });
                Ok(())
            }
            _ => Err(Undelivered { lost, flight }),
        }
    }

    fn leave(&mut self, sent: Sent<P>) {
        match &mut self.held {
            Some(held) => held.hold(self.now, sent),
            None => self.sent.push(sent),
        }
    }
}

/// The seed of one life of a node, from that of the first: the same as real nodes'.
pub(crate) fn life_seed(first: u64, generation: u32) -> u64 {
    (0..generation).fold(first, |seed, _| mix(seed))
}

/// A flight of which packets were lost.
#[derive(Debug)]
pub struct Undelivered<P> {
    /// How many packets.
    pub lost: usize,
    /// The flight, to be sent again.
    pub flight: P,
}
