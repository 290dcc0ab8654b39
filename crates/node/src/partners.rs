use std::{collections::BTreeSet, time::Duration};

use rand::{RngExt, seq::SliceRandom};
use rumormill_protocol::{NodeId, Random, Time};

use crate::{
    membership::Membership,
    peer_map::PeerMap,
    rings::{Neighbours, Rings},
};

/// How long a node waits for the partner whose turn it is to dial before it dials itself.
const DIAL_GRACE: Duration = Duration::from_secs(10);

/// How long a partner that was never connected goes unprobed: a connection under way is not a failure.
const SETTLE: Duration = Duration::from_secs(30);

/// How long a node that boots warm probes nobody, at most, while its partners are being connected: thousands that boot
/// together on one machine need all of it for their handshakes, and a probe that is answered late for want of it is a
/// suspicion that no fault caused.
const HOLD: Duration = Duration::from_secs(60);

/// How long after an unexpected caller the rings are read again: it may have seen a change first.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// How long after a change among the neighbours the rings are read: of many that join at once, most are neighbours
/// for a moment only.
const READ_DELAY: Duration = Duration::from_secs(1);

/// The least time between two readings for such changes: while many join, each reading finds other partners, and a
/// handshake costs more than all else.
const READ_EVERY: Duration = Duration::from_secs(5);

/// The partners this node wants by the rings, and the order in which it probes them.
#[derive(Debug)]
pub(crate) struct Partners {
    rings: Rings,
    neighbours: Vec<Neighbours>,
    wanted: PeerMap<Partner>,
    /// When the first of them is to be dialled.
    next_dial: Option<Time>,
    /// Whether each of them was ever connected.
    all_were_up: bool,
    /// Round-robin order of the wanted partners; a fresh one enters at a random place.
    order: Vec<NodeId>,
    next_in_order: usize,
    /// This node's next move on each ring.
    own_moves: Vec<Time>,
    /// When the rings must be read again.
    next_reading: Option<Time>,
    last_reading: Option<Time>,
    /// Until when nobody is probed, at most.
    hold: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Partner {
    since: Time,
    /// When to dial, unless a connection came up before; `None` once asked for.
    dial_at: Option<Time>,
    was_up: bool,
}

/// What a reading of the rings asks of the connections.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) connect: Vec<NodeId>,
    pub(crate) disconnect: Vec<NodeId>,
}

impl Partners {
    pub(crate) const fn new(rings: Rings) -> Self {
        Self {
            rings,
            neighbours: Vec::new(),
            wanted: PeerMap::new(),
            next_dial: None,
            all_were_up: true,
            order: Vec::new(),
            next_in_order: 0,
            own_moves: Vec::new(),
            next_reading: None,
            last_reading: None,
            hold: None,
        }
    }

    /// Reads the rings: who is wanted now, who no longer.
    pub(crate) fn read(
        &mut self,
        me: NodeId,
        membership: &Membership,
        now: Time,
        random: &mut Random,
    ) -> Changes {
        self.last_reading = Some(now);
        let moved: Vec<bool> = self.own_moves.iter().map(|moves| *moves <= now).collect();
        self.neighbours = self.rings.neighbours(me, membership, now);
        let successors: BTreeSet<NodeId> = self.neighbours.iter().map(|found| found.successor).collect();
        let predecessors: BTreeSet<NodeId> = self.neighbours.iter().map(|found| found.predecessor).collect();
        let wanted: BTreeSet<NodeId> = successors.union(&predecessors).copied().collect();

        let mut changes = Changes::default();
        self.wanted.retain(|peer| {
            let keep = wanted.contains(&peer);
            if !keep {
                changes.disconnect.push(peer);
            }
            keep
        });
        self.order.retain(|peer| wanted.contains(peer));
        for &peer in &wanted {
            if self.wanted.contains(peer) {
                continue;
            }
            let moved_here = self
                .neighbours
                .iter()
                .zip(&moved)
                .any(|(found, moved)| *moved && (found.predecessor == peer || found.successor == peer));
            // The predecessor dials; where each precedes the other on some ring, the lower number.
            let mine =
                moved_here || successors.contains(&peer) && (me < peer || !predecessors.contains(&peer));
            if mine {
                changes.connect.push(peer);
            }
            let dial_at = (!mine).then_some(now + DIAL_GRACE);
            self.wanted.insert(peer, Partner { since: now, dial_at, was_up: false });
            let place = random.random_range(0..=self.order.len());
            self.order.insert(place, peer);
        }
        if moved.is_empty() {
            self.order.shuffle(random);
        }
        self.changed();
        let rings = &self.rings;
        self.own_moves = (0..rings.count()).map(|ring| rings.next_move(me, ring, now)).collect();
        self.next_reading = self
            .neighbours
            .iter()
            .enumerate()
            .flat_map(|(ring, found)| {
                [me, found.predecessor, found.successor].map(|member| rings.next_move(member, ring, now))
            })
            .min();
        changes
    }

    /// Whether a member that became known or moved belongs among this node's neighbours.
    pub(crate) fn concerns(&self, newcomer: NodeId, me: NodeId, now: Time) -> bool {
        !self.wanted.contains(newcomer)
            && (self.neighbours.is_empty() || self.rings.comes_between(newcomer, me, &self.neighbours, now))
    }

    /// A connection to `peer` stands. Returns whether it should be held.
    pub(crate) fn up(&mut self, peer: NodeId, now: Time) -> bool {
        match self.wanted.get_mut(peer) {
            Some(partner) => {
                partner.was_up = true;
                let was_to_be_dialled = partner.dial_at.take().is_some();
                self.changed();
                was_to_be_dialled
            }
            None => {
                let look = now + SECOND_LOOK;
                self.next_reading = Some(self.next_reading.map_or(look, |next| next.min(look)));
                false
            }
        }
    }

    /// Partners that should have dialled this node and did not: dial them.
    pub(crate) fn overdue(&mut self, now: Time) -> Vec<NodeId> {
        let mut overdue = Vec::new();
        if self.next_dial.is_none_or(|at| at > now) {
            return overdue;
        }
        for (peer, partner) in self.wanted.iter_mut() {
            if partner.dial_at.take_if(|at| *at <= now).is_some() {
                overdue.push(peer);
            }
        }
        self.changed();
        overdue
    }

    /// The neighbours changed.
    pub(crate) fn read_soon(&mut self, now: Time) {
        let soon = now + READ_DELAY;
        let soon = self.last_reading.map_or(soon, |last| soon.max(last + READ_EVERY));
        self.next_reading = Some(self.next_reading.map_or(soon, |next| next.min(soon)));
    }

    /// Whether the rings must be read again.
    pub(crate) fn reading_due(&self, now: Time) -> bool {
        self.next_reading.is_some_and(|at| at <= now)
    }

    /// When this table next wants attention.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.next_dial.into_iter().chain(self.next_reading).min()
    }

    /// A partner came, went, or was connected.
    fn changed(&mut self) {
        self.next_dial = self.wanted.iter().filter_map(|(_, partner)| partner.dial_at).min();
        self.all_were_up = self.wanted.iter().all(|(_, partner)| partner.was_up);
    }

    pub(crate) fn contains(&self, peer: NodeId) -> bool {
        self.wanted.contains(peer)
    }

    /// The partners, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.wanted.peers()
    }

    /// The partner whose turn it is to be probed; nobody yet while the first ones are being connected.
    pub(crate) fn next_to_probe(&mut self, now: Time) -> Option<NodeId> {
        if self.holds(now) {
            return None;
        }
        for _ in 0..self.order.len() {
            let peer = self.order[self.next_in_order % self.order.len()];
            self.next_in_order = (self.next_in_order + 1) % self.order.len();
            if self.all_were_up {
                return Some(peer);
            }
            let partner = self.wanted.get(peer)?;
            if partner.was_up || now.since(partner.since) >= SETTLE {
                return Some(peer);
            }
        }
        None
    }

    /// Nobody is probed until all partners are connected.
    pub(crate) fn hold(&mut self, now: Time) {
        self.hold = Some(now + HOLD);
    }

    fn holds(&mut self, now: Time) -> bool {
        self.hold.take_if(|end| now >= *end || self.all_were_up);
        self.hold.is_some()
    }

    /// Everyone who holds a connection with `member`, by the rings.
    pub(crate) fn partners_of(&self, member: NodeId, membership: &Membership, now: Time) -> BTreeSet<NodeId> {
        let found = self.rings.neighbours(member, membership, now);
        found.into_iter().flat_map(|found| [found.predecessor, found.successor]).collect()
    }
}
