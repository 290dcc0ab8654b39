//! rumormill's own gossip node: membership, failure detection, versioned state and its dissemination, without I/O.
