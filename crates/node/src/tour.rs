use rand::RngExt;
use rumormill_protocol::{NodeId, Random};

use crate::membership::Membership;

/// Tries to find one further member, at random or ahead: enough of them while one number in four is a member's.
const TRIES: usize = 32;

/// The order in which a node with uniform peers probes all members: a fresh pseudo-random permutation each time
/// round, so that nobody waits for more than two rounds (SWIM, DSN 2002, section 4.3). An affine permutation of the
/// numbers, since a list would take 4 bytes a member at every node.
#[derive(Debug, Default)]
pub(crate) struct Tour {
    /// How many numbers there are; the tour begins anew when that changes.
    length: u64,
    step: u64,
    place: u64,
    visited: u64,
}

impl Tour {
    /// The next member to probe; `None` when there is nobody else.
    pub(crate) fn next(
        &mut self,
        me: NodeId,
        membership: &Membership,
        random: &mut Random,
    ) -> Option<NodeId> {
        let length = u64::from(membership.numbers());
        // The rest of this round, and at most one whole round more.
        for _ in 0..2 * length {
            if self.length != length || self.visited == length {
                self.begin(length, random);
            }
            let member = NodeId(u32::try_from(self.place).ok()?);
            self.place = (self.place + self.step) % length;
            self.visited += 1;
            if member != me && membership.standing(member).is_member() {
                return Some(member);
            }
        }
        None
    }

    /// Who is next after that, where the tour does not begin anew before.
    pub(crate) fn ahead(&self, me: NodeId, membership: &Membership) -> Option<NodeId> {
        if self.length != u64::from(membership.numbers()) {
            return None;
        }
        let left = (self.length - self.visited).min(TRIES as u64);
        let numbers = (0..left).map(|stop| (self.place + stop * self.step) % self.length);
        let mut members = numbers.filter_map(|number| u32::try_from(number).ok()).map(NodeId);
        members.find(|&member| member != me && membership.standing(member).is_member())
    }

    fn begin(&mut self, length: u64, random: &mut Random) {
        let step = loop {
            let step = random.random_range(1..=length);
            if gcd(step, length) == 1 {
                break step;
            }
        };
        *self = Self { length, step, place: random.random_range(0..length), visited: 0 };
    }
}

/// Up to `count` distinct members other than `me`, uniformly at random.
pub(crate) fn random_members(
    me: NodeId,
    membership: &Membership,
    count: usize,
    random: &mut Random,
) -> Vec<NodeId> {
    let numbers = membership.numbers();
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..TRIES * count {
        if drawn.len() == count || numbers == 0 {
            break;
        }
        let member = NodeId(random.random_range(0..numbers));
        if member != me && membership.standing(member).is_member() && !drawn.contains(&member) {
            drawn.push(member);
        }
    }
    drawn
}

const fn gcd(one: u64, two: u64) -> u64 {
    if two == 0 { one } else { gcd(two, one % two) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rumormill_protocol::{Status, generator};

    use super::*;
    use crate::standing::Standing;

    fn members(count: u32) -> Membership {
        let mut membership = Membership::new(None);
        for member in (0..count).map(NodeId) {
            membership.merge(member, Standing::alive(1));
        }
        membership
    }

    #[test]
    fn a_round_visits_every_other_member_once() {
        for count in [2, 3, 10, 97, 100] {
            let mut membership = members(count);
            let dead = NodeId(count / 2);
            membership.merge(dead, Standing::alive(1).with(Status::Dead));
            let (mut tour, mut random) = (Tour::default(), generator(u64::from(count)));
            let me = NodeId(0);
            let others = count as usize - if dead == me { 1 } else { 2 };
            for _ in 0..5 {
                let round: BTreeSet<NodeId> =
                    (0..others).filter_map(|_| tour.next(me, &membership, &mut random)).collect();
                assert_eq!(round.len(), others, "of {count}");
                assert!(!round.contains(&me) && !round.contains(&dead));
            }
        }
    }

    #[test]
    fn who_is_ahead_is_visited_next() {
        let mut membership = members(97);
        let (mut tour, mut random) = (Tour::default(), generator(5));
        let (mut foretold, me) = (0, NodeId(0));
        assert_eq!(tour.ahead(me, &membership), None, "it has not begun");
        for stop in 0..1_000 {
            membership.merge(NodeId(1 + stop % 90), Standing::alive(1).with(Status::Dead));
            let ahead = tour.ahead(me, &membership);
            let next = tour.next(me, &membership, &mut random);
            assert!(ahead.is_none() || ahead == next);
            foretold += usize::from(ahead.is_some());
        }
        // All but the first of each round, of six members in the end.
        assert!(foretold > 800, "{foretold}");
    }

    #[test]
    fn who_is_alone_visits_nobody() {
        let (mut tour, mut random) = (Tour::default(), generator(1));
        assert_eq!(tour.next(NodeId(0), &Membership::new(None), &mut random), None);
        assert_eq!(tour.next(NodeId(0), &members(1), &mut random), None);
        assert!(random_members(NodeId(0), &members(1), 3, &mut random).is_empty());
    }

    #[test]
    fn members_are_drawn_alike() {
        let (membership, mut random) = (members(11), generator(3));
        let mut drawn = [0u32; 11];
        for _ in 0..10_000 {
            for member in random_members(NodeId(4), &membership, 3, &mut random) {
                drawn[member.index()] += 1;
            }
        }
        assert_eq!(drawn[4], 0);
        // 3,000 each; six standard deviations are 275.
        let others = drawn.iter().enumerate().filter(|(number, _)| *number != 4);
        assert!(others.clone().all(|(_, count)| count.abs_diff(3_000) < 275), "{drawn:?}");
    }
}
