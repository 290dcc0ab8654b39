use std::time::Duration;

use rumormill_protocol::{Dot, NodeId, Time};

use crate::mix::mix2;

/// Recent writes whose ranks are remembered at most: those that no later one outranks, about ln n of n.
const MAX_RECENT: usize = 32;

/// The write whose ways shape the tree.
///
/// A write that comes again over a connection shows that there is another way to this node (Plumtree, SRDS 2007, section 3.3).
/// But with several under way, one comes first over the connection over which another comes again; if each cut what it did
/// not need, a node would lose all of its ways, and the tree that is mended then is deep. So only one at a time decides, once
/// it has gone everywhere, and nodes agree on it without a word: it outranks, by a hash, all that came so long before it and
/// until it decides. Any two that decide are thus so far apart that one has gone everywhere before the other comes. Where
/// nodes differ, since something came at the very end of such a time, some do not decide: a connection too many stays
/// for a while.
#[derive(Debug, Default)]
pub(crate) struct Shaper {
    write: Option<Write>,
    /// Until when recent writes outrank others, and their ranks; each outranks all that came after it.
    recent: Vec<(Time, u64)>,
}

#[derive(Debug)]
struct Write {
    dot: Dot,
    decides_at: Time,
    decided: bool,
    /// Over whose connection it came first, if it is not this node's own.
    first: Option<NodeId>,
    /// Over whose it came again.
    again: Vec<NodeId>,
}

/// What a write decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The connection over which it came first is a branch.
    Branch(NodeId),
    /// Those over which it came again are none.
    Beside(Vec<NodeId>),
}

impl Shaper {
    /// A write is new here; it came from `first`, or is this node's own. After `settles` it will have gone everywhere.
    pub(crate) fn hear_new(&mut self, now: Time, settles: Duration, dot: Dot, first: Option<NodeId>) {
        let rank = mix2(u64::from(dot.writer.0), dot.counter);
        self.recent.retain(|(until, _)| *until > now);
        let outranks_all = self.recent.first().is_none_or(|(_, best)| rank > *best);
        self.recent.retain(|(_, other)| *other > rank);
        let decides_at = now + settles;
        if self.recent.len() < MAX_RECENT {
            self.recent.push((decides_at, rank));
        }
        if outranks_all {
            self.write = Some(Write { dot, decides_at, decided: false, first, again: Vec::new() });
        }
    }

    /// Writes that are all known came over the connection with `from`.
    pub(crate) fn hear_again(&mut self, from: NodeId, mut dots: impl Iterator<Item = Dot>) {
        if let Some(write) = &mut self.write
            && dots.any(|dot| dot == write.dot)
            && write.first != Some(from)
            && !write.again.contains(&from)
        {
            write.again.push(from);
            write.decided = false;
        }
    }

    /// When it decides.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.write.as_ref().filter(|write| !write.decided).map(|write| write.decides_at)
    }

    /// What it decides, if it is time. Where the connection over which it came first has to become a branch, nothing is cut
    /// until what is under way has had as much time again: it comes by the old way.
    pub(crate) fn decide(
        &mut self,
        now: Time,
        settles: Duration,
        is_beside: impl Fn(NodeId) -> bool,
    ) -> Option<Shape> {
        let write = self.write.as_mut().filter(|write| !write.decided && write.decides_at <= now)?;
        if let Some(first) = write.first.filter(|first| is_beside(*first)) {
            write.decides_at = now + settles;
            return Some(Shape::Branch(first));
        }
        write.decided = true;
        Some(Shape::Beside(std::mem::take(&mut write.again)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLES: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    /// Writes in the order of their ranks, the highest last.
    fn by_rank() -> Vec<Dot> {
        let mut dots: Vec<Dot> = (1..40).map(|counter| Dot { writer: NodeId(7), counter }).collect();
        dots.sort_by_key(|dot| mix2(7, dot.counter));
        dots
    }

    fn decide(shaper: &mut Shaper, millis: u64) -> Option<Shape> {
        shaper.decide(at(millis), SETTLES, |_| false)
    }

    #[test]
    fn the_highest_of_those_under_way_decides_and_only_when_it_has_gone_everywhere() {
        let dots = by_rank();
        let mut shaper = Shaper::default();
        shaper.hear_new(at(0), SETTLES, dots[1], Some(NodeId(1)));
        shaper.hear_again(NodeId(2), [dots[1]].into_iter());
        shaper.hear_new(at(100), SETTLES, dots[3], Some(NodeId(2)));
        shaper.hear_new(at(200), SETTLES, dots[2], Some(NodeId(3)));
        shaper.hear_again(NodeId(1), [dots[1], dots[3]].into_iter());
        shaper.hear_again(NodeId(2), [dots[2]].into_iter());
        assert_eq!(decide(&mut shaper, 1099), None);
        assert_eq!(shaper.deadline(), Some(at(1100)));
        assert_eq!(decide(&mut shaper, 1100), Some(Shape::Beside(vec![NodeId(1)])));
        assert_eq!((shaper.deadline(), decide(&mut shaper, 1200)), (None, None), "once");
        shaper.hear_again(NodeId(3), [dots[3]].into_iter());
        assert_eq!(
            decide(&mut shaper, 1300),
            Some(Shape::Beside(vec![NodeId(3)])),
            "it came late by another way"
        );
    }

    #[test]
    fn a_lower_one_decides_only_when_no_higher_one_came_for_long() {
        let dots = by_rank();
        let mut shaper = Shaper::default();
        shaper.hear_new(at(0), SETTLES, dots[3], None);
        shaper.hear_new(at(900), SETTLES, dots[2], None);
        assert_eq!(decide(&mut shaper, 1000), Some(Shape::Beside(Vec::new())));
        // The highest is forgotten, but not the one between.
        shaper.hear_new(at(1100), SETTLES, dots[1], None);
        assert_eq!(shaper.deadline(), None);
        shaper.hear_new(at(2100), SETTLES, dots[1], None);
        assert_eq!(shaper.deadline(), Some(at(3100)));
    }

    #[test]
    fn the_old_way_is_cut_only_when_the_new_one_has_been_there_for_long() {
        let dot = by_rank()[0];
        let mut shaper = Shaper::default();
        shaper.hear_new(at(0), SETTLES, dot, Some(NodeId(1)));
        shaper.hear_again(NodeId(2), [dot].into_iter());
        assert_eq!(shaper.decide(at(1000), SETTLES, |_| true), Some(Shape::Branch(NodeId(1))));
        assert_eq!(decide(&mut shaper, 1999), None);
        assert_eq!(decide(&mut shaper, 2000), Some(Shape::Beside(vec![NodeId(2)])));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut shaper = Shaper::default();
        for dot in by_rank().into_iter().rev() {
            shaper.hear_new(at(0), SETTLES, dot, None);
        }
        assert_eq!(shaper.recent.len(), MAX_RECENT);
    }
}
