use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a phase cost this process and its machine. Shares of cores are of all that it may use, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoadReport {
    /// How long it took on the wall clock.
    pub wall_seconds: f64,
    /// CPU time of this process, user and system, all threads.
    pub cpu_seconds: f64,
    /// How busy the cores were that this process may use, with all processes; nothing where it cannot be read.
    pub machine_busy_share: Option<f64>,
    /// How busy others kept them: their busy share less this process's.
    pub foreign_share: Option<f64>,
    /// Pages that the machine read back from swap.
    pub swapped_in_pages: Option<u64>,
    /// The share of the time in which some process of the machine waited for memory; nothing where it cannot be read.
    pub memory_stalled_share: Option<f64>,
    /// The memory that this process could still take, at the phase's beginning or end, whichever was less; nothing where
    /// it cannot be read.
    pub memory_available_bytes: Option<u64>,
    /// The most memory that this process held in the phase; 0 where it cannot be read.
    pub peak_rss_bytes: u64,
}
