use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use rumormill_protocol::{NodeId, WarmBoot};

/// The most addresses that a directory holds of its own; further introductions are ignored.
pub const MAX_ADDRESSES: usize = 1 << 20;

/// The addresses that one node knows.
///
/// Thousands of nodes of a process learn the same thousands of addresses: an introduction that says what the
/// shared book of the process says costs one bit.
#[derive(Debug)]
pub struct Directory {
    book: Arc<[SocketAddr]>,
    /// Bit `i`: node `i` was introduced with the address that the book has.
    introduced: Vec<u64>,
    warm: Option<Arc<WarmBoot>>,
    others: BTreeMap<NodeId, SocketAddr>,
}

impl Directory {
    /// A directory that knows nobody. `book` holds the true addresses of the nodes 0, 1, … of this process; it
    /// may be empty, and only saves memory.
    pub const fn new(book: Arc<[SocketAddr]>) -> Self {
        Self { book, introduced: Vec::new(), warm: None, others: BTreeMap::new() }
    }

    /// Learns the roster of a warm boot.
    pub fn warm(&mut self, boot: Arc<WarmBoot>) {
        self.warm = Some(boot);
    }

    /// Learns where a node listens; the latest word counts.
    pub fn introduce(&mut self, node: NodeId, address: SocketAddr) {
        if self.book.get(node.index()) == Some(&address) {
            self.others.remove(&node);
            let word = node.index() / 64;
            if self.introduced.len() <= word {
                self.introduced.resize(word + 1, 0);
            }
            self.introduced[word] |= 1 << (node.index() % 64);
        } else if self.others.len() < MAX_ADDRESSES || self.others.contains_key(&node) {
            self.others.insert(node, address);
        }
    }

    /// Where a node listens.
    pub fn address(&self, node: NodeId) -> Option<SocketAddr> {
        if let Some(&address) = self.others.get(&node) {
            return Some(address);
        }
        let word = self.introduced.get(node.index() / 64).copied().unwrap_or(0);
        if word >> (node.index() % 64) & 1 == 1 {
            return self.book.get(node.index()).copied();
        }
        let contact = self.warm.as_ref()?.roster.get(node.index())?;
        (contact.id == node).then_some(contact.address)
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Contact;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_latest_word_counts_wherever_it_is_kept() {
        let mut directory = Directory::new((0..100).map(|node| address(1_000 + node)).collect());
        assert_eq!(directory.address(NodeId(70)), None);
        for port in [1_070, 5, 1_070, 6] {
            directory.introduce(NodeId(70), address(port));
            assert_eq!(directory.address(NodeId(70)), Some(address(port)));
        }
        assert_eq!(directory.address(NodeId(71)), None);
        directory.introduce(NodeId(u32::MAX), address(7));
        assert_eq!(directory.address(NodeId(u32::MAX)), Some(address(7)));
    }

    #[test]
    fn a_roster_is_known_at_once() {
        let roster = (0..3).map(|id| Contact { id: NodeId(id), address: address(id as u16) }).collect();
        let mut directory = Directory::new(Arc::new([]));
        directory.warm(Arc::new(WarmBoot::new(roster, Vec::new())));
        assert_eq!(directory.address(NodeId(2)), Some(address(2)));
        assert_eq!(directory.address(NodeId(3)), None);
        directory.introduce(NodeId(2), address(9));
        assert_eq!(directory.address(NodeId(2)), Some(address(9)));
    }
}
