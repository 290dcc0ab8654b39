//! Whether this machine can hold a number of real nodes: each takes one file descriptor and one UDP port.

use std::fs;

use rumormill_measure::{World, units::count};

/// Descriptors that are left to everything but nodes: standard streams, runtimes, files.
const RESERVED_DESCRIPTORS: u64 = 64;

/// What a process of this machine may have. Unknown limits are not checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Files open at once, the soft limit raised as far as it goes.
    pub(crate) descriptors: Option<u64>,
    /// Ports that the system hands out on one address.
    pub(crate) ports: Option<u64>,
}

impl Limits {
    /// What limits the nodes of a world: simulated ones take neither descriptors nor ports.
    pub(crate) fn of(world: World) -> Self {
        if world == World::Sim { Self { descriptors: None, ports: None } } else { Self::here() }
    }

    fn here() -> Self {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
        Self {
            descriptors: rumormill_lab::descriptor_limit().map(|(_, hard)| hard),
            ports: range.and_then(|range| ports(&range)),
        }
    }
}

/// Refuses what does not fit, with the arithmetic.
pub(crate) fn check(nodes: usize, limits: Limits) -> Result<(), String> {
    let nodes = nodes as u64;
    let descriptors = limits.descriptors.unwrap_or(u64::MAX);
    let ports = limits.ports.unwrap_or(u64::MAX);
    let fits = descriptors.saturating_sub(RESERVED_DESCRIPTORS).min(ports);
    if nodes <= fits {
        return Ok(());
    }
    let known = |limit: u64| if limit == u64::MAX { "any number".to_owned() } else { count(limit) };
    Err(format!(
        "cluster.nodes is {nodes}, which takes {} file descriptors (one a node and {RESERVED_DESCRIPTORS} besides) and {} UDP \
         ports, but this process may open {} files and the system hands out {} ports: at most {} nodes fit",
        count(nodes + RESERVED_DESCRIPTORS),
        count(nodes),
        known(descriptors),
        known(ports),
        count(fits)
    ))
}

/// The number of ports of the kernel's range, both ends included.
fn ports(range: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some((high + 1).saturating_sub(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_of_descriptors_and_ports_decides() {
        let limits = Limits { descriptors: Some(20_000), ports: Some(28_232) };
        assert_eq!(check(19_936, limits), Ok(()));
        let refusal = check(19_937, limits).expect_err("one too many");
        assert!(refusal.contains("20,001") && refusal.ends_with("at most 19,936 nodes fit"), "{refusal}");
        let limits = Limits { descriptors: None, ports: Some(100) };
        assert_eq!(check(100, limits), Ok(()));
        assert!(check(101, limits).is_err_and(|refusal| refusal.contains("any number")));
        assert_eq!(check(1_000_000, Limits { descriptors: None, ports: None }), Ok(()));
    }

    #[test]
    fn the_port_range_of_the_kernel_is_read_with_both_ends() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("32768"), None);
    }
}
