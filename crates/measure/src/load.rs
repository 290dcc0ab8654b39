use serde::{Deserialize, Serialize};

/// What a phase cost this process and its machine. Shares are of all cores, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadReport {
    /// How long it took on the wall clock.
    pub wall_seconds: f64,
    /// CPU time of this process, user and system, all threads.
    pub cpu_seconds: f64,
    /// How busy the machine was, with all its processes; nothing where it cannot be read.
    pub machine_busy_share: Option<f64>,
    /// How busy others kept it: the machine's busy share less this process's.
    pub foreign_share: Option<f64>,
    /// Pages that the machine read back from swap.
    pub swapped_in_pages: Option<u64>,
    /// The most memory that this process held in the phase; 0 where it cannot be read.
    pub peak_rss_bytes: u64,
}
