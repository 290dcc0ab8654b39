use crate::NodeId;

/// A set of nodes by number: one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    /// Whether `node` is in the set.
    pub fn contains(&self, node: NodeId) -> bool {
        self.words.get(node.index() / 64).is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
    }

    /// Puts `node` into the set.
    pub fn insert(&mut self, node: NodeId) {
        let word = node.index() / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (node.index() % 64);
    }

    /// Takes `node` out of the set.
    pub fn remove(&mut self, node: NodeId) {
        if let Some(word) = self.words.get_mut(node.index() / 64) {
            *word &= !(1 << (node.index() % 64));
        }
    }
}

impl NodeSet {
    /// The bits, 64 nodes a word.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The set with these [`words`](Self::words).
    pub const fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::default();
        nodes.into_iter().for_each(|node| set.insert(node));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let mut set: NodeSet = [0, 63, 64, 65, 200].map(NodeId).into_iter().collect();
        set.remove(NodeId(65));
        set.remove(NodeId(999));
        let held: Vec<u32> = (0..300).filter(|&number| set.contains(NodeId(number))).collect();
        assert_eq!(held, [0, 63, 64, 200]);
    }
}
