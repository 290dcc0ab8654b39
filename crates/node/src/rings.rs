use std::time::Duration;

use rumormill_protocol::{NodeId, Time};

use crate::{membership::Membership, mix::mix2};

/// The overlay: K pseudo-random rings over the members (the topology of Rapid, ATC 2018, section 4.1). A member's
/// partners are its successor and predecessor on each ring, so partnership is mutual, everyone has the same number
/// of partners, and whoever knows the members can compute anyone's partners.
///
/// Rotation: a member's place on a ring depends on its epoch there, and epochs turn one ring at a time, each
/// member at its own phase. A move opens three connections (the mover's two and the one that closes its old gap), so a member moves
/// once in three times `rotate_every` and every member then dials one fresh partner per `rotate_every`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rings {
    rings: usize,
    /// How long a member stays in one place of one ring, in nanoseconds.
    stay_ns: u64,
}

/// A member's neighbours on one ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbours {
    pub(crate) predecessor: NodeId,
    pub(crate) successor: NodeId,
}

impl Rings {
    pub(crate) fn new(partners: usize, rotate_every: Duration) -> Self {
        let rings = (partners / 2).max(1);
        let stay = rotate_every.as_nanos().saturating_mul(3 * rings as u128);
        Self { rings, stay_ns: u64::try_from(stay).unwrap_or(u64::MAX).max(1) }
    }

    /// The neighbours of `of` on every ring, among the members; empty when there is nobody else.
    pub(crate) fn neighbours(&self, of: NodeId, membership: &Membership, now: Time) -> Vec<Neighbours> {
        match membership.commons() {
            Some((commons, roster)) => commons.places(*self, roster, now).neighbours(of, membership, now),
            None => self.search(of, membership.iter(), now),
        }
    }

    /// The same by looking at each of `members`.
    pub(crate) fn search(
        &self,
        of: NodeId,
        members: impl Iterator<Item = NodeId>,
        now: Time,
    ) -> Vec<Neighbours> {
        let mut searches: Vec<Search> =
            (0..self.rings).map(|ring| Search::new(self.place(of, ring, now))).collect();
        for member in members.filter(|member| *member != of) {
            let phase = self.phase(member);
            for (ring, search) in searches.iter_mut().enumerate() {
                search.look_at(self.place_at_phase(member, phase, ring, now), member);
            }
        }
        searches.iter().filter_map(Search::found).collect()
    }

    /// Whether `newcomer` is nearer to `of` on some ring than the neighbours found before.
    pub(crate) fn comes_between(
        &self,
        newcomer: NodeId,
        of: NodeId,
        known: &[Neighbours],
        now: Time,
    ) -> bool {
        known.iter().enumerate().any(|(ring, neighbours)| {
            let me = self.place(of, ring, now);
            let new = self.place(newcomer, ring, now).wrapping_sub(me);
            let successor = self.place(neighbours.successor, ring, now).wrapping_sub(me);
            let predecessor = self.place(neighbours.predecessor, ring, now).wrapping_sub(me);
            new <= successor || new >= predecessor
        })
    }

    /// When `member` next moves on `ring`.
    pub(crate) fn next_move(&self, member: NodeId, ring: usize, now: Time) -> Time {
        let turned = self.turned(self.phase(member), ring, now);
        Time(now.nanos().saturating_add(self.stay_ns - turned % self.stay_ns))
    }

    pub(crate) const fn count(&self) -> usize {
        self.rings
    }

    /// The beginning of the span of time that `now` is in: few members move within one, about one in 256.
    pub(crate) const fn span_of(&self, now: Time) -> Time {
        Time(now.nanos() - now.nanos() % self.span_ns())
    }

    pub(crate) const fn span_ns(&self) -> u64 {
        let part = self.stay_ns / 256;
        if part == 0 { 1 } else { part }
    }

    fn phase(&self, member: NodeId) -> u64 {
        mix2(u64::from(member.0), 0) % self.stay_ns
    }

    /// Time as one member counts it on one ring: rings turn evenly spaced.
    fn turned(&self, phase: u64, ring: usize, now: Time) -> u64 {
        let offset = (self.stay_ns / self.rings as u64).saturating_mul(ring as u64);
        now.nanos().saturating_add(phase).saturating_add(offset)
    }

    pub(crate) fn place(&self, member: NodeId, ring: usize, now: Time) -> u64 {
        self.place_at_phase(member, self.phase(member), ring, now)
    }

    fn place_at_phase(&self, member: NodeId, phase: u64, ring: usize, now: Time) -> u64 {
        let epoch = self.turned(phase, ring, now) / self.stay_ns;
        mix2((ring as u64 + 1) << 56 | epoch, u64::from(member.0))
    }
}

/// The search for the two places nearest to one's own, going up and going down around the ring.
pub(crate) struct Search {
    mine: u64,
    nearest: Option<(u64, NodeId)>,
    farthest: Option<(u64, NodeId)>,
}

impl Search {
    pub(crate) const fn new(mine: u64) -> Self {
        Self { mine, nearest: None, farthest: None }
    }

    pub(crate) fn look_at(&mut self, place: u64, member: NodeId) {
        let found = (place.wrapping_sub(self.mine), member);
        if self.nearest.is_none_or(|nearest| found < nearest) {
            self.nearest = Some(found);
        }
        if self.farthest.is_none_or(|farthest| found > farthest) {
            self.farthest = Some(found);
        }
    }

    pub(crate) fn found(&self) -> Option<Neighbours> {
        Some(Neighbours { predecessor: self.farthest?.1, successor: self.nearest?.1 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn members(count: u32) -> impl Iterator<Item = NodeId> + Clone {
        (0..count).map(NodeId)
    }

    #[test]
    fn partnership_is_mutual_and_every_ring_is_one_cycle() {
        let rings = Rings::new(8, Duration::from_secs(180));
        for now in [0, 77, 1_000_000].map(|seconds| Time(seconds * 1_000_000_000)) {
            let all: Vec<_> = members(200).map(|me| rings.search(me, members(200), now)).collect();
            for (ring, _) in all[0].iter().enumerate() {
                let mut seen = BTreeSet::new();
                let mut at = NodeId(0);
                while seen.insert(at) {
                    let next = all[at.index()][ring].successor;
                    assert_eq!(all[next.index()][ring].predecessor, at);
                    at = next;
                }
                assert_eq!(seen.len(), 200);
            }
        }
    }

    #[test]
    fn each_node_dials_one_fresh_partner_per_rotation_time() {
        let rotate = Duration::from_secs(180);
        let rings = Rings::new(8, rotate);
        let edges = |now| -> BTreeSet<(NodeId, NodeId)> {
            members(120)
                .flat_map(|me| {
                    rings
                        .search(me, members(120), now)
                        .into_iter()
                        .map(move |found| (me.min(found.successor), me.max(found.successor)))
                })
                .collect()
        };
        // Small steps, so that no edge comes and goes unseen.
        let mut fresh = 0;
        let mut before = edges(Time::ZERO);
        for step in 1..=540 {
            let after = edges(Time::ZERO + Duration::from_secs(2) * step);
            fresh += after.difference(&before).count();
            before = after;
        }
        let per_node_and_rotation = fresh as f64 / 120.0 / (1080.0 / 180.0);
        assert!((0.9..1.1).contains(&per_node_and_rotation), "{per_node_and_rotation}");
    }

    #[test]
    fn a_newcomer_is_noticed_exactly_by_those_whose_neighbour_it_becomes() {
        let rings = Rings::new(8, Duration::from_secs(180));
        let (now, newcomer) = (Time(5), NodeId(99));
        for me in members(99) {
            let before = rings.search(me, members(99), now);
            let after = rings.search(me, members(100), now);
            assert_eq!(before != after, rings.comes_between(newcomer, me, &before, now), "{me}");
        }
    }

    #[test]
    fn nothing_moves_before_the_next_move() {
        let rings = Rings::new(4, Duration::from_secs(10));
        for member in members(20) {
            for ring in 0..rings.count() {
                let now = Time(123_456_789_012);
                let moves = rings.next_move(member, ring, now);
                assert_eq!(
                    rings.place(member, ring, now),
                    rings.place(member, ring, Time(moves.nanos() - 1))
                );
                assert_ne!(rings.place(member, ring, now), rings.place(member, ring, moves));
            }
        }
    }
}
