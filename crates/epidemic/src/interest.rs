use rumormill_protocol::Random;

use crate::{Stop, bits::BitSet, targets::below};

/// What nodes that may stop remember of their copies.
pub(crate) struct Interest {
    stop: Stop,
    k: u32,
    /// Who sent a copy in its present cycle, and who sent one that was of use.
    sent: BitSet,
    useful: BitSet,
    /// Cycles counted so far, for those that count.
    counts: Vec<u32>,
}

impl Interest {
    /// Nothing where nodes never stop.
    pub(crate) fn new(nodes: u32, stop: Stop, k: u32) -> Option<Self> {
        if stop == Stop::Never {
            return None;
        }
        let observed = if stop.is_feedback() { nodes } else { 0 };
        let counted = if stop.is_counter() { nodes as usize } else { 0 };
        let (sent, useful) = (BitSet::new(observed), BitSet::new(observed));
        Some(Self { stop, k, sent, useful, counts: vec![0; counted] })
    }

    /// A node sent a copy to one that needed it, or did not.
    pub(crate) fn note(&mut self, sender: u32, needed: bool) {
        if !self.stop.is_feedback() {
            return;
        }
        self.sent.insert(sender);
        if needed {
            self.useful.insert(sender);
        }
    }

    /// Ends a cycle of a node that spreads the rumor. Whether it stops with that.
    pub(crate) fn end_cycle(&mut self, node: u32, random: &mut Random) -> bool {
        if self.stop.is_feedback() {
            let (sent, useful) = (self.sent.remove(node), self.useful.remove(node));
            if useful && self.stop.is_counter() {
                self.counts[node as usize] = 0;
            }
            if useful || !sent {
                return false;
            }
        }
        if !self.stop.is_counter() {
            return below(self.k, random) == 0;
        }
        let count = &mut self.counts[node as usize];
        *count += 1;
        *count == self.k
    }
}
