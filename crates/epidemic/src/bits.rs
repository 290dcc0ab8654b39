/// A set of nodes, one bit each: that of a million fits a second-level cache.
pub(crate) struct BitSet {
    words: Vec<u64>,
    count: u32,
}

impl BitSet {
    /// An empty set of nodes numbered below `nodes`.
    pub(crate) fn new(nodes: u32) -> Self {
        Self { words: vec![0; (nodes as usize).div_ceil(64)], count: 0 }
    }

    /// How many nodes are in it.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    #[inline(always)]
    pub(crate) fn contains(&self, node: u32) -> bool {
        self.words[node as usize / 64] >> (node % 64) & 1 == 1
    }

    /// Whether the node was not in it before.
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        // Not `count += u32::from(is_new)` after an unconditional `|=`: optimised, rustc 1.95 (LLVM 22) drops that
        // addition where the set of a second insertion hangs on the answer of the first.
        if self.contains(node) {
            return false;
        }
        self.words[node as usize / 64] |= 1 << (node % 64);
        self.count += 1;
        true
    }

    /// Whether the node was in it before.
    pub(crate) fn remove(&mut self, node: u32) -> bool {
        if !self.contains(node) {
            return false;
        }
        self.words[node as usize / 64] &= !(1 << (node % 64));
        self.count -= 1;
        true
    }

    /// How many words [`Self::word`] gives.
    pub(crate) fn words(&self) -> usize {
        self.words.len()
    }

    /// The nodes of one word, upwards, as they are now: later changes to the set do not show.
    pub(crate) fn word(&self, at: usize) -> impl Iterator<Item = u32> + use<> {
        let mut word = self.words[at];
        let first = at as u32 * 64;
        std::iter::from_fn(move || {
            let node = (word != 0).then(|| first + word.trailing_zeros())?;
            word &= word - 1;
            Some(node)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rumormill_protocol::mix;

    use super::*;

    #[test]
    fn it_is_a_set() {
        let (mut bits, mut set) = (BitSet::new(1_000), BTreeSet::new());
        for draw in 0..10_000u64 {
            let (node, insert) = ((mix(draw) % 1_000) as u32, mix(draw ^ 1 << 40) & 1 == 0);
            if insert {
                assert_eq!(bits.insert(node), set.insert(node));
            } else {
                assert_eq!(bits.remove(node), set.remove(&node));
            }
            assert_eq!(bits.contains(node), insert);
        }
        assert_eq!(bits.count() as usize, set.len());
        let listed: Vec<_> = (0..bits.words()).flat_map(|word| bits.word(word)).collect();
        assert_eq!(listed, set.into_iter().collect::<Vec<_>>());
    }
}
