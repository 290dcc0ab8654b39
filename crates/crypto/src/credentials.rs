use std::sync::Arc;

use quinn_proto::{ServerConfig, crypto};

/// What a node proves its identity with, ready for its endpoint.
pub struct Credentials {
    /// For accepted connections, with a key for tokens.
    pub server: ServerConfig,
    /// For dialled connections.
    pub client: Arc<dyn crypto::ClientConfig>,
}
