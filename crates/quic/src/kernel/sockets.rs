use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The UDP sockets of this network namespace.
#[derive(Default)]
pub(super) struct Sockets {
    /// Packets that ours dropped for want of buffer since they were bound.
    pub(super) drops: u64,
    /// Those of others that could send or receive over the nodes' interface, by inode.
    pub(super) foreign: BTreeSet<u64>,
}

/// One line of the kernel's table.
struct Entry {
    local: SocketAddr,
    remote: SocketAddr,
    inode: u64,
    drops: u64,
}

impl Sockets {
    /// From the kernel's tables for IPv4 and IPv6, in which `ours` are those bound to these addresses, at the interface of
    /// `host`.
    pub(super) fn of(host: IpAddr, udp: &str, udp6: &str, ours: &BTreeSet<SocketAddr>) -> Self {
        let mut sockets = Self::default();
        let lines = udp.lines().skip(1).chain(udp6.lines().skip(1));
        for entry in lines.filter_map(Entry::parse) {
            if ours.contains(&entry.local) {
                sockets.drops += entry.drops;
            } else if entry.may_use_interface(host) {
                sockets.foreign.insert(entry.inode);
            }
        }
        sockets
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace();
        Some(Self {
            local: address(columns.nth(1)?)?,
            remote: address(columns.next()?)?,
            inode: columns.nth(6)?.parse().ok()?,
            drops: columns.last()?.parse().ok()?,
        })
    }

    /// A socket that is bound to another interface's address, and not connected, has no business there.
    fn may_use_interface(&self, host: IpAddr) -> bool {
        let local = self.local.ip().to_canonical();
        let is_there = if host.is_loopback() { local.is_loopback() } else { local == host };
        is_there || local.is_unspecified() || !self.remote.ip().to_canonical().is_unspecified()
    }
}

/// Reads an address as the kernel prints it: words in the machine's own order of bytes, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for place in 0..4 {
                bytes[4 * place..4 * place + 4].copy_from_slice(&word(8 * place)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

// The examples are of machines that store the low byte first.
#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_the_kernel_prints_them() {
        for (text, read) in [
            ("0100007F:C3B1", "127.0.0.1:50097"),
            ("0500000A:0035", "10.0.0.5:53"),
            ("00000000000000000000000001000000:0035", "[::1]:53"),
            ("0000000000000000FFFF00000100007F:0035", "[::ffff:127.0.0.1]:53"),
        ] {
            assert_eq!(address(text), Some(read.parse().expect("a literal address")), "{text}");
        }
        for garbage in ["", "0100007F", "0100007F:C3B1F", "xx00007F:C3B1", "01:1"] {
            assert_eq!(address(garbage), None);
        }
    }

    #[test]
    fn ours_are_summed_and_others_counted_where_they_could_use_loopback() {
        let rest = "07 00000000:00000000 00:00000000 00000000     0        0";
        let udp = format!(
            "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: 0100007F:C3B1 00000000:0000 {rest} 9 2 ffff 17
  102: 0100007F:C3B2 00000000:0000 {rest} 10 2 ffff 5
  103: 0100007F:0035 00000000:0000 {rest} 11 2 ffff 99
  104: 00000000:0044 00000000:0000 {rest} 12 2 ffff 0
  105: 0500000A:0045 00000000:0000 {rest} 13 2 ffff 0
  106: 0500000A:0046 0500000A:0035 {rest} 14 2 ffff 0
  garbage
"
        );
        let zeros = "0".repeat(32);
        let udp6 = format!("head\n  1: {zeros}:14E9 {zeros}:0000 {rest} 15 2 ffff 0\n");
        let ours = [0xc3b1, 0xc3b2, 7].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let sockets = Sockets::of(Ipv4Addr::LOCALHOST.into(), &udp, &udp6, &ours.into_iter().collect());
        assert_eq!(sockets.drops, 22);
        assert_eq!(sockets.foreign, BTreeSet::from([11, 12, 14, 15]));
        assert!(Sockets::of(Ipv4Addr::LOCALHOST.into(), "", "", &BTreeSet::new()).foreign.is_empty());
    }
}
