use rumormill_protocol::NodeId;

/// A map of few peers, in the order of their numbers: two blocks of memory, no larger than they must be. Numbers and values
/// lie apart, so that a search takes one line of a cache and not one a step.
#[derive(Debug)]
pub(crate) struct PeerMap<T> {
    peers: Vec<NodeId>,
    values: Vec<T>,
}

impl<T> PeerMap<T> {
    pub(crate) const fn new() -> Self {
        Self { peers: Vec::new(), values: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn contains(&self, peer: NodeId) -> bool {
        self.place(peer).is_ok()
    }

    pub(crate) fn get(&self, peer: NodeId) -> Option<&T> {
        self.place(peer).ok().map(|at| &self.values[at])
    }

    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut T> {
        self.place(peer).ok().map(|at| &mut self.values[at])
    }

    pub(crate) fn insert(&mut self, peer: NodeId, value: T) {
        match self.place(peer) {
            Ok(at) => self.values[at] = value,
            Err(at) => {
                if self.peers.len() == self.peers.capacity() {
                    self.peers.reserve_exact(4);
                    self.values.reserve_exact(4);
                }
                self.peers.insert(at, peer);
                self.values.insert(at, value);
            }
        }
    }

    pub(crate) fn remove(&mut self, peer: NodeId) -> Option<T> {
        let at = self.place(peer).ok()?;
        self.peers.remove(at);
        Some(self.values.remove(at))
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(NodeId) -> bool) {
        let mut at = 0;
        while let Some(&peer) = self.peers.get(at) {
            if keep(peer) {
                at += 1;
            } else {
                self.peers.remove(at);
                self.values.remove(at);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.peers().zip(&self.values)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut T)> {
        self.peers.iter().copied().zip(&mut self.values)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.peers.iter().copied()
    }

    fn place(&self, peer: NodeId) -> Result<usize, usize> {
        self.peers.binary_search(&peer)
    }
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        Self::new()
    }
}
