//! What a gossip node's QUIC connections do in every world: dialling, framing, transport settings, accounting, without I/O.
