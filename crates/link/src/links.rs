use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use rumormill_protocol::{LinkEvent, NodeId, Time};

use crate::waiting::Waiting;

mod config;
#[cfg(test)]
mod tests;

pub use config::LinkConfig;

/// What the owner of the connections has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<K> {
    /// Dial a peer, and say [`Links::dialling`] or [`Links::dial_failed`].
    Dial(NodeId),
    /// Close a connection. It is forgotten already.
    Close(K, CloseReason),
    /// Tell the protocol. On [`LinkEvent::Up`] the messages of [`Links::next_waiting`] go out first.
    Tell(NodeId, LinkEvent),
}

/// Why this end closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CloseReason {
    /// Nobody here wants it and it was idle, or too many such were open.
    Unwanted = 0,
    /// Another connection to the same peer is kept instead.
    Duplicate = 1,
    /// The peer did not answer in time.
    Late = 2,
    /// The peer is not who it should be.
    Identity = 3,
    /// The peer broke the rules of framing, or sent too much that could not be decoded.
    Violation = 4,
    /// The peer does not keep up with its stream.
    Overflow = 5,
}

/// When connections are dialled, kept and closed: the connection policy of one node, whatever carries the
/// connections. `K` is a connection as its owner knows it, `M` a message that waits for one.
///
/// # Driving it
/// After any call that takes `now`, the owner obeys [`poll_action`](Self::poll_action) until it returns `None`,
/// in order, and calls [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout) or later.
///
/// # What the protocol hears
/// `Up` once for each connection that is kept, whoever dialled it; `Down` once when that is gone; `DialFailed`
/// once for each dial that failed while there was no connection. When two ends dial each other at once, both keep
/// the connection that the lower id dialled: one of them may hear `Up`, `Down`, `Up`.
#[derive(Debug)]
pub struct Links<K, M> {
    me: NodeId,
    config: Arc<LinkConfig>,
    /// At most `config.peers` entries: those that are pinned, connected, dialled or waited for.
    peers: BTreeMap<NodeId, Peer<K, M>>,
    /// Peers whose dial is [`Dial::Queued`], the oldest first.
    queue: VecDeque<NodeId>,
    /// How many dials are [`Dial::Active`].
    active: usize,
    /// Whether the machine has room for further dials.
    may_dial: bool,
    actions: VecDeque<Action<K>>,
    /// Not later than the next deadline of any peer, or of a connection that is one too many.
    wake: Option<Time>,
    dropped: u64,
    /// Connections that stand, and peers that are pinned and have none.
    up: usize,
    pending: usize,
}

#[derive(Debug)]
struct Peer<K, M> {
    pinned: bool,
    up: Option<Up<K>>,
    dial: Dial<K>,
    /// Failed dials and short-lived connections since the last that stood for long.
    failures: u32,
    waiting: Waiting<M>,
}

#[derive(Clone, Copy, Debug)]
struct Up<K> {
    key: K,
    dialler: NodeId,
    since: Time,
    used: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial<K> {
    None,
    Queued,
    Active { key: Option<K>, give_up: Time },
    BackOff { until: Time },
}

impl<K: Copy + Eq, M> Links<K, M> {
    /// The policy of the node `me`, without any connection.
    pub fn new(me: NodeId, config: impl Into<Arc<LinkConfig>>) -> Self {
        Self {
            me,
            config: config.into(),
            peers: BTreeMap::new(),
            queue: VecDeque::new(),
            active: 0,
            may_dial: true,
            actions: VecDeque::new(),
            wake: None,
            dropped: 0,
            up: 0,
            pending: 0,
        }
    }

    /// The protocol wants a connection to a peer held. Says nothing where there is one already.
    pub fn pin(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.admit(id) else {
            self.actions.push_back(Action::Tell(id, LinkEvent::DialFailed));
            return;
        };
        let newly = !std::mem::replace(&mut peer.pinned, true);
        let is_pending = newly && peer.up.is_none();
        self.pending += usize::from(is_pending);
        self.want(now, id);
    }

    /// The protocol no longer wants the connection to a peer held: it stays until it has been idle.
    pub fn unpin(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let was_pinned = std::mem::take(&mut peer.pinned);
        self.pending -= usize::from(was_pinned && peer.up.is_none());
        if let Some(up) = peer.up {
            self.wake_by(up.used + self.config.linger);
            self.close_surplus(now);
            return;
        }
        match peer.dial {
            Dial::BackOff { .. } => peer.dial = Dial::None,
            Dial::Queued if peer.waiting.is_empty() => {
                peer.dial = Dial::None;
                self.queue.retain(|&queued| queued != id);
            }
            _ => {}
        }
        self.forget_unused(now, id);
    }

    /// Closes the connection to a peer at once, unless the protocol wants it held.
    pub fn release(&mut self, id: NodeId) {
        if self.peers.get(&id).is_some_and(|peer| !peer.pinned) {
            self.close(id);
        }
    }

    /// The connection to use for a message to a peer now, if there is one; this counts as use.
    pub fn route(&mut self, now: Time, id: NodeId) -> Option<K> {
        let up = self.peers.get_mut(&id)?.up.as_mut()?;
        up.used = now;
        Some(up.key)
    }

    /// Keeps a message of this size until a connection to the peer is up, and dials one. The oldest messages give
    /// way when too much waits.
    pub fn wait(&mut self, now: Time, id: NodeId, bytes: usize, message: M) {
        let (messages_max, bytes_max) = (self.config.waiting_messages, self.config.waiting_bytes);
        let Some(peer) = self.admit(id) else {
            self.dropped += 1;
            return;
        };
        let gave_way = peer.waiting.push(bytes, message, messages_max, bytes_max);
        self.dropped += gave_way;
        self.want(now, id);
    }

    /// The oldest message that waits for this peer.
    pub fn next_waiting(&mut self, id: NodeId) -> Option<M> {
        self.peers.get_mut(&id)?.waiting.pop()
    }

    /// Messages came in on the connection to a peer: it is in use.
    pub fn received(&mut self, now: Time, id: NodeId) {
        self.route(now, id);
    }

    /// A dial that [`Action::Dial`] asked for is under way as this connection.
    pub fn dialling(&mut self, id: NodeId, dialled: K) {
        if let Some(Peer { dial: Dial::Active { key, .. }, .. }) = self.peers.get_mut(&id) {
            *key = Some(dialled);
        }
    }

    /// A dial that [`Action::Dial`] asked for has come to nothing.
    pub fn dial_failed(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !matches!(peer.dial, Dial::Active { .. }) {
            return;
        }
        peer.dial = Dial::None;
        self.active -= 1;
        if peer.up.is_none() {
            self.dropped += peer.waiting.clear();
            self.actions.push_back(Action::Tell(id, LinkEvent::DialFailed));
            self.back_off(now, id);
        }
        self.forget_unused(now, id);
        self.dial_next(now);
    }

    /// A connection to a peer was established, dialled by `dialler`: this node or the peer.
    pub fn connected(&mut self, now: Time, id: NodeId, key: K, dialler: NodeId) {
        let ours = dialler == self.me;
        let Some(peer) = self.admit(id) else {
            self.actions.push_back(Action::Close(key, CloseReason::Unwanted));
            return;
        };
        let old = peer.up;
        // A dial of ours that is still under way goes on; it is settled when it ends.
        let dial_ends = ours || !matches!(peer.dial, Dial::Active { .. });
        if dial_ends {
            match std::mem::replace(&mut peer.dial, Dial::None) {
                Dial::Active { .. } => self.active -= 1,
                Dial::Queued => self.queue.retain(|&queued| queued != id),
                Dial::None | Dial::BackOff { .. } => {}
            }
        }
        match old {
            Some(old) if self.outlasts(now, &old, dialler) => {
                self.actions.push_back(Action::Close(key, CloseReason::Duplicate));
            }
            _ => {
                let peer = self.peers.entry(id).or_default();
                peer.up = Some(Up { key, dialler, since: now, used: now });
                self.pending -= usize::from(peer.pinned && old.is_none());
                self.up += usize::from(old.is_none());
                if let Some(old) = old {
                    self.actions.push_back(Action::Close(old.key, CloseReason::Duplicate));
                    self.actions.push_back(Action::Tell(id, LinkEvent::Down));
                }
                self.actions.push_back(Action::Tell(id, LinkEvent::Up));
                self.wake_by(now + self.config.linger);
                self.close_surplus(now);
            }
        }
        self.dial_next(now);
    }

    /// A connection that was established is gone, or its owner closes it.
    pub fn lost(&mut self, now: Time, id: NodeId, key: K) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(up) = peer.up.take_if(|up| up.key == key) else { return };
        if now - up.since >= self.config.back_off_max {
            peer.failures = 0;
        }
        self.up -= 1;
        self.pending += usize::from(peer.pinned);
        self.actions.push_back(Action::Tell(id, LinkEvent::Down));
        if peer.dial == Dial::None {
            self.back_off(now, id);
        }
        self.forget_unused(now, id);
    }

    /// Gives up dials that take too long, starts those whose time has come, closes what has been idle.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.wake.is_none_or(|wake| wake > now) {
            return;
        }
        let due: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| peer.is_due(now, &self.config)).map(|(&id, _)| id).collect();
        for id in due {
            self.expire(now, id);
        }
        self.wake = self.peers.values().filter_map(|peer| peer.deadline(&self.config)).min();
        self.close_surplus(now);
    }

    /// What is to be done next, if anything.
    pub fn poll_action(&mut self) -> Option<Action<K>> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) next has something to do; it may turn out to be nothing.
    pub const fn poll_timeout(&self) -> Option<Time> {
        self.wake
    }

    /// Connections that stand.
    pub const fn up(&self) -> usize {
        self.up
    }

    /// Peers that the protocol wants a connection to and that have none.
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Dials under way.
    pub const fn dials(&self) -> usize {
        self.active
    }

    /// Dials that wait for others to end, or for [`allow_dials`](Self::allow_dials).
    pub fn dials_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether the machine has room for further dials; it has until something else is said. Those under way go on.
    pub fn allow_dials(&mut self, now: Time, may_dial: bool) {
        self.may_dial = may_dial;
        self.dial_next(now);
    }

    /// Messages dropped unsent, because too many waited or their dial failed.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The entry of a peer, made where there is none; `None` when the table is full.
    fn admit(&mut self, id: NodeId) -> Option<&mut Peer<K, M>> {
        if !self.peers.contains_key(&id) && self.peers.len() >= self.config.peers {
            return None;
        }
        Some(self.peers.entry(id).or_default())
    }

    /// Queues a dial unless there is a connection, a dial, or a time to wait for first.
    fn want(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if peer.up.is_none() && peer.dial == Dial::None {
            peer.dial = Dial::Queued;
            self.queue.push_back(id);
            self.dial_next(now);
        }
    }

    fn dial_next(&mut self, now: Time) {
        while self.may_dial && self.active < self.config.dials_at_once {
            let Some(id) = self.queue.pop_front() else { return };
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            let give_up = now + self.config.dial_timeout;
            peer.dial = Dial::Active { key: None, give_up };
            self.active += 1;
            self.actions.push_back(Action::Dial(id));
            self.wake_by(give_up);
        }
    }

    fn back_off(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.pinned) else { return };
        let until = now + self.config.back_off(peer.failures, u64::from(self.me.0) << 32 | u64::from(id.0));
        peer.failures = peer.failures.saturating_add(1);
        peer.dial = Dial::BackOff { until };
        self.wake_by(until);
    }

    /// Whether the standing connection is kept rather than a new one that `dialler` dialled. Both ends decide
    /// alike, since both know who dialled which.
    fn outlasts(&self, now: Time, standing: &Up<K>, dialler: NodeId) -> bool {
        // No dial takes this long, so the new one was begun when its dialler no longer had the standing one.
        let stale = now - standing.since > 2 * self.config.dial_timeout;
        !stale && standing.dialler < dialler
    }

    /// Closes the least recently used of the unpinned connections while they are too many, but none that is in use.
    fn close_surplus(&mut self, now: Time) {
        loop {
            let unpinned = self.peers.iter().filter(|(_, peer)| !peer.pinned);
            let unpinned = unpinned.filter_map(|(&id, peer)| Some((peer.up.as_ref()?.used, id)));
            let (count, oldest) = unpinned.fold((0, None), |(count, oldest): (usize, Option<_>), next| {
                (count + 1, Some(oldest.map_or(next, |oldest| next.min(oldest))))
            });
            let Some((used, id)) = oldest.filter(|_| count > self.config.unpinned) else { return };
            let settled = used + self.config.settled;
            if settled > now {
                self.wake_by(settled);
                return;
            }
            self.close(id);
        }
    }

    /// Closes the connection to a peer that is not pinned.
    fn close(&mut self, id: NodeId) {
        let Some(up) = self.peers.get_mut(&id).and_then(|peer| peer.up.take()) else { return };
        self.up -= 1;
        self.actions.push_back(Action::Close(up.key, CloseReason::Unwanted));
        self.actions.push_back(Action::Tell(id, LinkEvent::Down));
        if self.peers.get(&id).is_some_and(Peer::is_unused) {
            self.peers.remove(&id);
        }
    }

    fn expire(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        match peer.dial {
            Dial::Active { key, give_up } if give_up <= now => {
                if let Some(key) = key {
                    self.actions.push_back(Action::Close(key, CloseReason::Late));
                }
                self.dial_failed(now, id);
            }
            Dial::BackOff { until } if until <= now => {
                peer.dial = Dial::None;
                self.want(now, id);
            }
            _ => {}
        }
        let lingered = |peer: &Peer<K, M>| peer.lingers_until(&self.config).is_some_and(|until| until <= now);
        if self.peers.get(&id).is_some_and(lingered) {
            self.close(id);
        }
    }

    /// Drops the entry of a peer that nothing is known or wanted of, and dials one whose messages still wait.
    fn forget_unused(&mut self, now: Time, id: NodeId) {
        let Some(peer) = self.peers.get(&id) else { return };
        if peer.is_unused() {
            self.peers.remove(&id);
        } else if !peer.waiting.is_empty() {
            self.want(now, id);
        }
    }

    fn wake_by(&mut self, time: Time) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }
}

impl<K: Copy + Eq, M> Peer<K, M> {
    fn is_unused(&self) -> bool {
        !self.pinned && self.up.is_none() && self.dial == Dial::None && self.waiting.is_empty()
    }

    fn is_due(&self, now: Time, config: &LinkConfig) -> bool {
        self.deadline(config).is_some_and(|deadline| deadline <= now)
    }

    fn deadline(&self, config: &LinkConfig) -> Option<Time> {
        let dial = match self.dial {
            Dial::Active { give_up, .. } => Some(give_up),
            Dial::BackOff { until } => Some(until),
            Dial::None | Dial::Queued => None,
        };
        dial.into_iter().chain(self.lingers_until(config)).min()
    }

    fn lingers_until(&self, config: &LinkConfig) -> Option<Time> {
        let up = self.up.as_ref().filter(|_| !self.pinned)?;
        Some(up.used + config.linger)
    }
}

impl<K, M> Default for Peer<K, M> {
    fn default() -> Self {
        Self { pinned: false, up: None, dial: Dial::None, failures: 0, waiting: Waiting::default() }
    }
}
