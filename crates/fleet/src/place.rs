use std::fs;

use serde::{Deserialize, Serialize};

/// Where a process runs. What cannot be read is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// What its host is called.
    pub(crate) host: String,
    /// The same for all processes under one kernel.
    pub(crate) machine: String,
    /// The same for all processes that share network interfaces.
    pub(crate) network: String,
}

impl Place {
    pub(crate) fn here() -> Self {
        let read =
            |path| fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned());
        let machine = read("/proc/sys/kernel/random/boot_id");
        let namespace = fs::read_link("/proc/self/ns/net").unwrap_or_default();
        let network = format!("{machine} {}", namespace.display());
        Self { host: read("/proc/sys/kernel/hostname"), machine, network }
    }
}
