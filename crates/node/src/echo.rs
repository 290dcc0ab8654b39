use std::time::Duration;

use rumormill_protocol::{NodeId, Status, Time};

use crate::{config::Peers, node::Node, peer_map::PeerMap, tour::random_members};

/// What is summed up on the way back of a wave. Adding must not depend on the order.
pub(crate) trait Tally: Clone + Default + PartialEq {
    /// Takes in what others say.
    fn add(&mut self, other: &Self);
}

/// This node's part in a wave and its echo (Chang's echo algorithm, IEEE TSE 8(4), 1982; Segall's propagation of
/// information with feedback, IEEE IT 29(1), 1983): whoever hears of the wave first from one peer passes it on to all
/// others, and answers that one when all others have answered. So the answers of the whole cluster are summed up on a tree
/// that the wave itself found, and each node counts once.
///
/// Where someone does not answer, the node answers without after `patience`, and again when more is known. What is said
/// later replaces what was said before, so that nothing counts twice.
#[derive(Debug)]
pub(crate) struct Echo<T> {
    /// From whom the wave came; nobody at its origin.
    parent: Option<NodeId>,
    own: T,
    /// Those it was passed on to. What they said; of those that say nothing, whether they are waited for.
    asked: PeerMap<Answer<T>>,
    /// What was last reported.
    said: Option<T>,
    report_at: Option<Time>,
}

#[derive(Debug)]
enum Answer<T> {
    Awaited,
    Missing,
    Given(T),
}

impl<T: Tally> Echo<T> {
    /// A wave came from `parent`, and is passed on to `asked`: those of which an answer is expected, and others.
    pub(crate) fn new(parent: Option<NodeId>, own: T, asked: &[(NodeId, bool)], report_at: Time) -> Self {
        let mut answers = PeerMap::new();
        for &(peer, expected) in asked {
            answers.insert(peer, if expected { Answer::Awaited } else { Answer::Missing });
        }
        Self { parent, own, asked: answers, said: None, report_at: Some(report_at) }
    }

    /// A peer has the wave from another. Returns whether this node would wait for its answer otherwise; if not, the peer
    /// may wait for one.
    pub(crate) fn has_it(&mut self, peer: NodeId) -> bool {
        match self.asked.get_mut(peer) {
            Some(Answer::Given(_)) => true,
            Some(answer) => {
                *answer = Answer::Given(T::default());
                true
            }
            None => false,
        }
    }

    /// A peer answered. Those that were not asked are not heard.
    pub(crate) fn answered(&mut self, now: Time, peer: NodeId, tally: T, patience: Duration) {
        let Some(answer) = self.asked.get_mut(peer) else { return };
        *answer = Answer::Given(tally);
        // What comes after the report is collected for a moment, and reported together.
        self.report_at = self.report_at.or(Some(now + patience));
    }

    /// What is known of all.
    pub(crate) fn total(&self) -> T {
        let mut total = self.own.clone();
        for (_, answer) in self.asked.iter() {
            if let Answer::Given(tally) = answer {
                total.add(tally);
            }
        }
        total
    }

    /// What is to be reported now, and to whom: all answered, or it is time.
    pub(crate) fn report(&mut self, now: Time) -> Option<(NodeId, T)> {
        let at = self.report_at?;
        let complete = !self.asked.iter().any(|(_, answer)| matches!(answer, Answer::Awaited));
        if !complete && now < at {
            return None;
        }
        self.report_at = None;
        let total = self.total();
        if self.said.as_ref() == Some(&total) {
            return None;
        }
        self.said = Some(total.clone());
        Some((self.parent?, total))
    }

    /// When [`report`](Self::report) has something to say at the latest.
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.report_at
    }
}

impl Node {
    /// To whom a wave is passed on that came from `parent`, and whether their answers are to be waited for: partners that
    /// are connected, or with uniform peers so many at random that those who miss the wave are fewer than one on average.
    pub(crate) fn wave_peers(&mut self, parent: Option<NodeId>) -> Vec<(NodeId, bool)> {
        let peers: Vec<NodeId> = match self.config.peers {
            Peers::Sticky => self.partners.iter().filter(|peer| self.sync.is_up(*peer)).collect(),
            Peers::Uniform => {
                // Of n nodes that each tell k others, about n·e⁻ᵏ are not told.
                let count = (self.membership.count().max(1) as f64).ln().ceil() as usize + 2;
                random_members(self.start.me, &self.membership, count, &mut self.random)
            }
        };
        let alive = |peer: NodeId| self.membership.status(peer) == Status::Alive;
        peers.into_iter().filter(|peer| Some(*peer) != parent).map(|peer| (peer, alive(peer))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Sum(u32);

    impl Tally for Sum {
        fn add(&mut self, other: &Self) {
            self.0 += other.0;
        }
    }

    const PATIENCE: Duration = Duration::from_nanos(10);

    fn echo(expected: &[u32], others: &[u32]) -> Echo<Sum> {
        let asked: Vec<(NodeId, bool)> = expected
            .iter()
            .map(|&peer| (NodeId(peer), true))
            .chain(others.iter().map(|&peer| (NodeId(peer), false)))
            .collect();
        Echo::new(Some(NodeId(99)), Sum(1), &asked, Time(100))
    }

    #[test]
    fn who_asks_nobody_answers_at_once_and_others_when_all_have_answered() {
        assert_eq!(echo(&[], &[7]).report(Time(0)), Some((NodeId(99), Sum(1))));
        let mut echo = echo(&[1, 2, 3], &[7]);
        echo.answered(Time(1), NodeId(1), Sum(10), PATIENCE);
        assert!(echo.has_it(NodeId(2)), "it has the wave from elsewhere and counts there");
        assert_eq!(echo.report(Time(1)), None);
        echo.answered(Time(2), NodeId(3), Sum(20), PATIENCE);
        assert_eq!(echo.report(Time(2)), Some((NodeId(99), Sum(31))));
        assert_eq!((echo.report(Time(200)), echo.deadline()), (None, None), "it is said once");
    }

    #[test]
    fn the_silent_are_not_waited_for_for_ever_and_what_comes_late_replaces_what_was_said() {
        let mut echo = echo(&[1, 2], &[7]);
        echo.answered(Time(1), NodeId(1), Sum(10), PATIENCE);
        assert_eq!(echo.report(Time(99)), None);
        assert_eq!(echo.report(Time(100)), Some((NodeId(99), Sum(11))));
        echo.answered(Time(120), NodeId(1), Sum(12), PATIENCE);
        assert_eq!(echo.report(Time(121)), None, "more may come");
        echo.answered(Time(121), NodeId(7), Sum(5), PATIENCE);
        assert_eq!(echo.report(Time(130)), Some((NodeId(99), Sum(18))));
    }

    #[test]
    fn who_was_not_asked_is_not_counted() {
        let mut echo = echo(&[1], &[]);
        echo.answered(Time(1), NodeId(5), Sum(1000), PATIENCE);
        assert!(!echo.has_it(NodeId(5)));
        echo.answered(Time(2), NodeId(1), Sum(1), PATIENCE);
        assert_eq!(echo.report(Time(2)), Some((NodeId(99), Sum(2))));
    }
}
