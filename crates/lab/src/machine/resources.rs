use std::{
    fs,
    net::{Ipv6Addr, UdpSocket},
    path::Path,
    thread,
};

use super::{descriptor_limit, proc};

/// What this machine has for real nodes. What cannot be read is nothing, and is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// File descriptors that this process may allow itself; `u64::MAX` when there is no limit.
    pub descriptors: Option<u64>,
    /// Ports that the system hands out on one address.
    pub ports: Option<u64>,
    /// Whether a socket can be bound to the loopback address of IPv6.
    pub ipv6: Option<bool>,
    /// The largest receive buffer that a socket may ask for, in bytes.
    pub receive_buffer_max_bytes: Option<u64>,
    /// The largest send buffer that a socket may ask for, in bytes.
    pub send_buffer_max_bytes: Option<u64>,
    /// Memory that this process can still take before anything is swapped out: the machine's, or what its control group
    /// leaves.
    pub memory_available_bytes: Option<u64>,
    /// Memory that is swapped out at present.
    pub swapped_out_bytes: Option<u64>,
    /// Cores that this process may use.
    pub cores: usize,
    /// What the kernel reads the time from.
    pub clock_source: Option<String>,
    /// What it could read the time from.
    pub clock_sources: Vec<String>,
}

impl Resources {
    /// Looks now.
    pub fn here() -> Self {
        let clock =
            |which| read(&format!("/sys/devices/system/clocksource/clocksource0/{which}_clocksource"));
        Self {
            descriptors: descriptor_limit().map(|(_, hard)| hard),
            ports: read("/proc/sys/net/ipv4/ip_local_port_range").and_then(|range| proc::ports(&range)),
            ipv6: Some(UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()),
            receive_buffer_max_bytes: number("/proc/sys/net/core/rmem_max"),
            send_buffer_max_bytes: number("/proc/sys/net/core/wmem_max"),
            memory_available_bytes: memory_available_bytes(),
            swapped_out_bytes: read("/proc/meminfo").and_then(|meminfo| {
                let kib = |name| proc::field(&meminfo, name);
                Some(kib("SwapTotal")?.saturating_sub(kib("SwapFree")?) * 1_024)
            }),
            cores: thread::available_parallelism().map_or(1, usize::from),
            clock_source: clock("current").map(|name| name.trim().to_owned()),
            clock_sources: clock("available")
                .map(|names| names.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }
}

/// Memory that this process can still take: what the machine has, or less where a control group allows less.
pub(super) fn memory_available_bytes() -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|meminfo| proc::field(&meminfo, "MemAvailable"));
    let group = read("/proc/self/cgroup").and_then(|groups| group_leaves(&groups));
    machine.map(|kib| kib * 1_024).into_iter().chain(group).min()
}

/// What the control groups of this process leave: each of those above a group limits it too.
fn group_leaves(groups: &str) -> Option<u64> {
    groups
        .lines()
        .filter_map(|line| {
            let mut columns = line.splitn(3, ':').skip(1);
            let (controllers, path) = (columns.next()?, columns.next()?.trim_start_matches('/'));
            let (root, limit, used) = match controllers {
                "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
                "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
                _ => return None,
            };
            let group = Path::new(root).join(path);
            let above = group.ancestors().take_while(|above| above.starts_with(root));
            let left = |group: &Path| {
                // A group without a limit has the word "max" there, or a number beyond all memory.
                let limit = number(group.join(limit).to_str()?)?;
                Some(limit.saturating_sub(number(group.join(used).to_str()?)?))
            };
            above.filter_map(left).min()
        })
        .min()
}

fn number(path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_says_what_there_is() {
        let here = Resources::here();
        assert!(here.cores > 0 && here.ports.is_some_and(|ports| ports > 0), "{here:?}");
        assert!(here.memory_available_bytes.is_some_and(|bytes| bytes > 1 << 20), "{here:?}");
        assert!(here.descriptors.is_some_and(|descriptors| descriptors >= 64), "{here:?}");
    }

    #[test]
    fn groups_that_are_not_there_limit_nothing() {
        let [named, root] =
            ["0::/none/such\n4:memory:/none/such\n3:cpuset:/\n", "0::/\n4:memory:/\n"].map(group_leaves);
        // What is in use changes from one look to the next.
        let apart = named.zip(root).map(|(named, root)| named.abs_diff(root));
        assert_eq!(named.is_some(), root.is_some());
        assert!(apart.is_none_or(|bytes| bytes < 1 << 30), "{named:?}, {root:?}");
        assert_eq!(group_leaves(""), None);
    }
}
