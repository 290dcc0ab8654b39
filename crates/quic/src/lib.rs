//! A cluster of real QUIC nodes in this process: sockets, identities, shards.
