use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a result was made. What could not be found out is "unknown", 0 or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// The version of rumormill.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// The compiler that built it.
    pub rustc: String,
    /// Whether it was built with optimisations: figures of CPU and time from a build without are worth little.
    pub optimised: bool,
    /// Operating system and architecture.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor's model.
    pub cpu_model: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Memory of the machine.
    pub memory_bytes: u64,
    /// File descriptors that this process may hold; `u64::MAX` when there is no limit.
    pub open_files_limit: Option<u64>,
    /// The receive buffer that the system granted each socket.
    pub socket_receive_buffer_bytes: Option<u64>,
    /// The send buffer that the system granted each socket.
    pub socket_send_buffer_bytes: Option<u64>,
    /// The crypto provider under QUIC.
    pub crypto_provider: Option<String>,
}
