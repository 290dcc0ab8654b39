use std::{collections::BTreeMap, time::Duration};

use rumormill_protocol::{NodeId, Time};

/// Writers of whom something is wanted at most; of more it is not remembered, and checks find it later.
const MAX_WANTS: usize = 4096;

/// Peers remembered for one writer as having what is wanted.
const MAX_TELLERS: usize = 8;

/// How long the peer that was asked may take to send it before another is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes that peers announced and this node lacks, by writer.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    by_writer: BTreeMap<NodeId, Want>,
    next: Option<Time>,
}

#[derive(Debug)]
struct Want {
    /// The greatest counter announced.
    counter: u64,
    /// Who has it, in the order in which they said so.
    tellers: Vec<NodeId>,
    ask_at: Time,
}

impl Wants {
    /// `teller` has a writer's writes up to `counter`. If they do not arrive otherwise it is asked at `ask_at`.
    pub(crate) fn add(&mut self, writer: NodeId, counter: u64, teller: NodeId, ask_at: Time) {
        if !self.by_writer.contains_key(&writer) && self.by_writer.len() >= MAX_WANTS {
            return;
        }
        let want = self.by_writer.entry(writer).or_insert(Want { counter: 0, tellers: Vec::new(), ask_at });
        // Where the same is wanted already somebody has been asked, or will be.
        if counter > want.counter {
            want.counter = counter;
            want.ask_at = want.ask_at.min(ask_at);
        }
        if want.tellers.len() < MAX_TELLERS && !want.tellers.contains(&teller) {
            want.tellers.push(teller);
        }
        self.next = Some(self.next.map_or(want.ask_at, |next| next.min(want.ask_at)));
    }

    /// When to ask.
    pub(crate) const fn next_deadline(&self) -> Option<Time> {
        self.next
    }

    /// Whom to ask now for writes of which writers. What has arrived, by `version`, is wanted no longer; nor is what
    /// nobody who `is_up` is left to be asked for.
    pub(crate) fn due(
        &mut self,
        now: Time,
        version: impl Fn(NodeId) -> u64,
        is_up: impl Fn(NodeId) -> bool,
    ) -> Vec<(NodeId, Vec<NodeId>)> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut asked: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        self.by_writer.retain(|&writer, want| {
            if version(writer) >= want.counter {
                return false;
            }
            if want.ask_at > now {
                return true;
            }
            while !want.tellers.is_empty() {
                let teller = want.tellers.remove(0);
                if is_up(teller) {
                    asked.entry(teller).or_default().push(writer);
                    want.ask_at = now + ANSWER_TIMEOUT;
                    return true;
                }
            }
            false
        });
        self.next = self.by_writer.values().map(|want| want.ask_at).min();
        asked.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITER: NodeId = NodeId(7);

    #[test]
    fn one_peer_is_asked_at_a_time_and_the_next_when_it_does_not_answer() {
        let mut wants = Wants::default();
        wants.add(WRITER, 3, NodeId(1), Time(10));
        wants.add(WRITER, 5, NodeId(2), Time(12));
        wants.add(WRITER, 4, NodeId(3), Time(8));
        let (lacking, up) = (|_| 2, |peer| peer != NodeId(2));
        assert!(wants.due(Time(9), lacking, up).is_empty());
        assert_eq!(wants.due(Time(10), lacking, up), [(NodeId(1), vec![WRITER])]);
        let again = wants.next_deadline().expect("the answer may fail to come");
        assert!(wants.due(Time(11), lacking, up).is_empty());
        assert_eq!(wants.due(again, lacking, up), [(NodeId(3), vec![WRITER])], "2 is gone");
        assert!(wants.due(again + ANSWER_TIMEOUT, lacking, up).is_empty(), "nobody is left");
        assert_eq!(wants.next_deadline(), None);
    }

    #[test]
    fn what_has_arrived_is_asked_of_nobody() {
        let mut wants = Wants::default();
        wants.add(WRITER, 3, NodeId(1), Time(10));
        assert!(wants.due(Time(10), |_| 3, |_| true).is_empty());
        assert_eq!(wants.next_deadline(), None);
    }

    #[test]
    fn wants_are_bounded() {
        let mut wants = Wants::default();
        for number in 0..2 * MAX_WANTS as u32 {
            wants.add(NodeId(number), 1, NodeId(1), Time(1));
            wants.add(WRITER, 1, NodeId(number), Time(1));
        }
        assert_eq!(wants.by_writer.len(), MAX_WANTS);
        assert_eq!(wants.by_writer[&WRITER].tellers.len(), MAX_TELLERS);
    }
}
