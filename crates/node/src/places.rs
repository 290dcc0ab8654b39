use rumormill_protocol::{NodeId, Time};

use crate::{
    membership::Membership,
    rings::{Neighbours, Rings, Search},
};

/// The places of a roster's members on the rings through a short span of time: a search begins at a place and goes on
/// to the next member, where [`Rings::search`] looks at all of them.
#[derive(Debug)]
pub(crate) struct Places {
    rings: Rings,
    roster: usize,
    by_ring: Vec<Ring>,
}

#[derive(Debug)]
struct Ring {
    /// Where everyone is at the beginning of the span, ascending.
    places: Vec<(u64, NodeId)>,
    /// Who moves within the span, and when first: ascending by number.
    movers: Vec<(NodeId, Time)>,
}

impl Places {
    /// For the span that begins at `begin`.
    pub(crate) fn new(rings: Rings, roster: usize, begin: Time) -> Self {
        let end = Time(begin.nanos().saturating_add(rings.span_ns()));
        let members = || (0..roster as u32).map(NodeId);
        let ring = |ring| {
            let mut places: Vec<_> =
                members().map(|member| (rings.place(member, ring, begin), member)).collect();
            places.sort_unstable();
            let moves = members().map(|member| (member, rings.next_move(member, ring, begin)));
            Ring { places, movers: moves.filter(|(_, at)| *at < end).collect() }
        };
        Self { rings, roster, by_ring: (0..rings.count()).map(ring).collect() }
    }

    pub(crate) fn is_of(&self, rings: Rings, roster: usize) -> bool {
        self.rings == rings && self.roster == roster
    }

    /// The neighbours of `of` on every ring, among the members, at a time within the span.
    pub(crate) fn neighbours(&self, of: NodeId, membership: &Membership, now: Time) -> Vec<Neighbours> {
        let is_other = |member: NodeId| member != of && membership.standing(member).is_member();
        // Members that the roster does not name have no place here.
        let beyond = NodeId(self.roster as u32);
        let outside: Vec<NodeId> = membership
            .known_from(beyond)
            .map(|(member, _)| member)
            .filter(|member| is_other(*member))
            .collect();
        let neighbours_on = |(number, ring): (usize, &Ring)| {
            let place = |member| self.rings.place(member, number, now);
            let mine = place(of);
            let mut search = Search::new(mine);
            let stands = |(_, member): &&(u64, NodeId)| is_other(*member) && !ring.has_moved(*member, now);
            let (before, after) =
                ring.places.split_at(ring.places.partition_point(|(place, _)| *place < mine));
            let up = after.iter().chain(before).find(stands);
            let down = before.iter().rev().chain(after.iter().rev()).find(stands);
            for &(place, member) in up.into_iter().chain(down) {
                search.look_at(place, member);
            }
            let moved = ring.movers.iter().filter(|(_, at)| *at <= now).map(|(member, _)| *member);
            for member in moved.filter(|member| is_other(*member)).chain(outside.iter().copied()) {
                search.look_at(place(member), member);
            }
            search.found()
        };
        self.by_ring.iter().enumerate().filter_map(neighbours_on).collect()
    }
}

impl Ring {
    fn has_moved(&self, member: NodeId, now: Time) -> bool {
        let mover = self.movers.binary_search_by_key(&member, |(mover, _)| *mover);
        mover.is_ok_and(|at| self.movers[at].1 <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use proptest::prelude::*;
    use rumormill_protocol::{Contact, Status, WarmBoot};

    use super::*;
    use crate::{base::Base, commons::Commons, standing::Standing};

    proptest! {
        #[test]
        fn whom_the_short_search_finds_the_long_one_finds(
            roster in 0u32..120,
            said in proptest::collection::vec((0u32..140, 0u32..4), 0..60),
            rotate_ms in 1u64..100_000,
            partners in 2usize..10,
            times in proptest::collection::vec(0u64..1_000_000_000_000_000, 1..6),
        ) {
            let address = ([127, 0, 0, 1], 1).into();
            let contacts = (0..roster).map(|number| Contact { id: NodeId(number), address }).collect();
            let warm = Arc::new(WarmBoot::new(contacts, Vec::new()));
            let commons = Arc::new(Commons::default());
            let mut membership = Membership::new(Some(Arc::clone(&commons)));
            membership.load(Base::of(&warm, Some(&commons)));
            for (member, status) in said {
                let status = [Status::Alive, Status::Suspect, Status::Dead, Status::Left][status as usize];
                membership.merge(NodeId(member), Standing::alive(2).with(status));
            }
            let rings = Rings::new(partners, Duration::from_millis(rotate_ms));
            // The movers' moves themselves are the times to look at most closely.
            let moves = times.iter().map(|&at| rings.next_move(NodeId(at as u32 % 140), 0, Time(at)));
            for now in moves.chain(times.iter().copied().map(Time)) {
                for of in (0..140).map(NodeId) {
                    let long = rings.search(of, membership.iter(), now);
                    prop_assert_eq!(rings.neighbours(of, &membership, now), long);
                }
            }
        }
    }
}
