use rumormill_protocol::NodeId;

/// A map of few peers, in the order of their numbers: one block of memory, no larger than it must be.
#[derive(Debug)]
pub(crate) struct PeerMap<T>(Vec<(NodeId, T)>);

impl<T> PeerMap<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, peer: NodeId) -> bool {
        self.place(peer).is_ok()
    }

    pub(crate) fn get(&self, peer: NodeId) -> Option<&T> {
        self.place(peer).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut(&mut self, peer: NodeId) -> Option<&mut T> {
        self.place(peer).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn insert(&mut self, peer: NodeId, value: T) {
        match self.place(peer) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(4);
                }
                self.0.insert(at, (peer, value));
            }
        }
    }

    pub(crate) fn remove(&mut self, peer: NodeId) -> Option<T> {
        self.place(peer).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(NodeId) -> bool) {
        self.0.retain(|(peer, _)| keep(*peer));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> {
        self.0.iter().map(|(peer, value)| (*peer, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut T)> {
        self.0.iter_mut().map(|(peer, value)| (*peer, value))
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.0.iter().map(|(peer, _)| *peer)
    }

    fn place(&self, peer: NodeId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&peer, |(known, _)| *known)
    }
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        Self::new()
    }
}
