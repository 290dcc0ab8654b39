use rumormill_protocol::{Event, NodeId, Time};

/// What happened in a run, as a number: two runs that differ in anything differ in it. It is a sum, so that the order
/// in which shards add to it does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// A packet of this length, sent now, arrives then.
    pub(crate) fn packet(&mut self, sent: Time, from: NodeId, to: NodeId, bytes: usize) {
        self.add([1, sent.nanos(), pair(from.0, to.0), bytes as u64]);
    }

    /// Something happened inside a node.
    pub(crate) fn event(&mut self, at: Time, node: NodeId, event: &Event) {
        let (kind, subject, counter) = match *event {
            Event::Suspected(member) => (2, member, 0),
            Event::DeclaredDead(member) => (3, member, 0),
            Event::Alive(member) => (4, member, 0),
            Event::Left(member) => (5, member, 0),
            Event::Wrote(dot) => (6, dot.writer, dot.counter),
            Event::Applied(dot) => (7, dot.writer, dot.counter),
            Event::LeaderChosen { leader, term } => (8, leader, term),
            Event::LeaderLost => (9, node, 0),
            Event::Settled { slot, value } => (10, NodeId(0), rumormill_protocol::mix(slot) ^ value),
            Event::Refused(refusal) => (11, NodeId(refusal as u32), 0),
            Event::Conflict(one, two) => {
                let other = rumormill_protocol::mix(u64::from(two.writer.0)) ^ two.counter;
                (12, one.writer, rumormill_protocol::mix(other) ^ one.counter)
            }
        };
        self.add([kind, at.nanos(), pair(node.0, subject.0), counter]);
    }

    pub(crate) const fn join(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    fn add(&mut self, words: [u64; 4]) {
        // Each word is scrambled together with all before it, so that none can make up for another.
        let hash = words.into_iter().fold(0, |hash, word| rumormill_protocol::mix(hash ^ word));
        self.0 = self.0.wrapping_add(hash);
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

const fn pair(one: u32, two: u32) -> u64 {
    (one as u64) << 32 | two as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let packets = [(1, 2, 3, 4), (2, 1, 3, 4), (1, 2, 4, 3), (1, 3, 2, 4)];
        let of = |order: &[usize]| {
            let mut sum = Fingerprint::default();
            for &at in order {
                let (sent, from, to, bytes) = packets[at];
                sum.packet(Time(sent), NodeId(from), NodeId(to), bytes);
            }
            sum
        };
        assert_eq!(of(&[0, 1, 2, 3]), of(&[3, 1, 0, 2]));
        let alone: std::collections::BTreeSet<u64> = (0..4).map(|at| of(&[at]).0).collect();
        assert_eq!(alone.len(), 4);
        assert_ne!(of(&[0, 0]), of(&[0, 1]));
    }
}
