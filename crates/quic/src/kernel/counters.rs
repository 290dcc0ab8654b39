use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The interface over which a host talks to itself.
pub(super) const LOOPBACK: &str = "lo";

/// Bytes of Ethernet's header, which every interface but the loopback counts with each packet.
const ETHERNET_HEADER_BYTES: u64 = 14;

/// The name of the interface that carries what is sent from an address of this host to its network, by the kernel's table
/// of routes for IPv4, and of interfaces' addresses for IPv6; that of the loopback interface where the address is one of its.
pub(super) fn device_of(address: IpAddr, routes: &str, addresses: &str) -> Option<String> {
    if address.is_loopback() {
        return Some(LOOPBACK.into());
    }
    match address.to_canonical() {
        IpAddr::V4(address) => device_by_route(address, routes),
        IpAddr::V6(address) => device_by_address(address, addresses),
    }
}

fn device_by_route(address: Ipv4Addr, routes: &str) -> Option<String> {
    let networks = routes.lines().skip(1).filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [network, mask] = [columns.get(1)?, columns.get(7)?].map(|text| address_of(text));
        let (network, mask) = (network?, mask?);
        (address.to_bits() & mask == network).then(|| (mask, columns[0].to_owned()))
    });
    networks.max_by_key(|(mask, _)| *mask).map(|(_, name)| name)
}

/// Each line begins with an address, without colons, and ends with an interface.
fn device_by_address(address: Ipv6Addr, addresses: &str) -> Option<String> {
    let written = format!("{:032x}", address.to_bits());
    let line = addresses.lines().find(|line| line.starts_with(&written))?;
    line.split_ascii_whitespace().last().map(str::to_owned)
}

/// Reads an address as the kernel prints it: a word in the machine's own order of bytes.
fn address_of(text: &str) -> Option<u32> {
    let word = u32::from_str_radix(text, 16).ok()?;
    Some(Ipv4Addr::from(word.to_ne_bytes()).to_bits())
}

/// What a network interface counted since it came up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Device {
    /// Without the headers of the link.
    pub(super) sent_bytes: u64,
    pub(super) sent_packets: u64,
    /// Packets that arrived and found no room to be received: they reached no socket.
    pub(super) dropped: u64,
}

impl Device {
    /// Both together.
    pub(super) const fn and(self, other: &Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes + other.sent_bytes,
            sent_packets: self.sent_packets + other.sent_packets,
            dropped: self.dropped + other.dropped,
        }
    }

    /// From the table of interfaces.
    pub(super) fn parse(name: &str, dev: &str) -> Option<Self> {
        let line = dev.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        // Eight columns of what was received come first: bytes, packets, errors, drops and others.
        let number = |column: usize| columns.get(column)?.parse().ok();
        let (sent_bytes, sent_packets): (u64, u64) = (number(8)?, number(9)?);
        let header = if name == LOOPBACK { 0 } else { ETHERNET_HEADER_BYTES };
        let sent_bytes = sent_bytes.saturating_sub(header * sent_packets);
        Some(Self { sent_bytes, sent_packets, dropped: number(3)? })
    }
}

/// A counter of a table in which a line of names precedes a line of numbers, both beginning with the protocol's name;
/// 0 when it is not there.
pub(super) fn counter(table: &str, protocol: &str, name: &str) -> u64 {
    let mut lines = table.lines().filter(|line| line.split_ascii_whitespace().next() == Some(protocol));
    let (Some(names), Some(numbers)) = (lines.next(), lines.next()) else { return 0 };
    let mut columns = names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace());
    columns.find(|&(other, _)| other == name).and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

/// A counter of a table with a name and a number on each line; 0 when it is not there.
pub(super) fn counter_of_line(table: &str, name: &str) -> u64 {
    let mut columns = table.lines().map(str::split_ascii_whitespace);
    let number = columns.find_map(|mut columns| (columns.next()? == name).then(|| columns.next())?);
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_sent_is_read_with_or_without_a_space() {
        let dev = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 9 9 9 9 9 9 9 9 900 9 9 9 9 9 9 9
    lo:5431349459 5509908    0    7    0     0          0         0 5431349460 5509909    0    0    0     0       0          0
";
        let seen = Device { sent_bytes: 5_431_349_460, sent_packets: 5_509_909, dropped: 7 };
        assert_eq!(Device::parse("lo", dev), Some(seen));
        let seen = Device { sent_bytes: 900 - 9 * 14, sent_packets: 9, dropped: 9 };
        assert_eq!(Device::parse("eth0", dev), Some(seen));
        assert_eq!([Device::parse("eth", dev), Device::parse("lo", "lo: 1 2 3")], [None, None]);
    }

    #[test]
    fn an_address_leads_to_the_interface_of_its_network() {
        // As printed by a machine whose words begin with the least byte.
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                     eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0\n\
                     veth3 004D490A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        let device = |address: [u8; 4]| device_of(IpAddr::from(address), table, "");
        assert_eq!(device([127, 0, 0, 9]), Some("lo".into()));
        assert_eq!(device_of([127, 0, 0, 9].into(), "", ""), Some("lo".into()));
        if cfg!(target_endian = "little") {
            assert_eq!(device([10, 73, 77, 5]), Some("veth3".into()));
            assert_eq!(device([10, 73, 78, 5]), Some("eth0".into()));
        }
        assert_eq!(device_of([10, 73, 77, 5].into(), "Iface\n", ""), None);
    }

    #[test]
    fn an_address_of_ipv6_stands_beside_its_interface() {
        let table = "00000000000000000000000000000001 01 80 10 80       lo\n\
                     fd00000000000000000000000000004d 04 40 00 82    veth3\n";
        let device = |address: &str| device_of(address.parse().expect("a literal address"), "", table);
        assert_eq!(["::1", "fd00::4d"].map(device), [Some("lo".into()), Some("veth3".into())]);
        assert_eq!(device("fd00::4"), None);
    }

    #[test]
    fn counters_are_found_by_name() {
        let snmp = "Tcp: RtoMin MaxConn OutSegs\nTcp: 200 -1 4599\nUdp: OutSegs\nUdp: 1\nTcpExt: OutSegs\nTcpExt: 7\n";
        assert_eq!(counter(snmp, "Tcp:", "OutSegs"), 4_599);
        assert_eq!(counter(snmp, "Tcp:", "InSegs"), 0);
        assert_eq!(counter("Tcp: OutSegs\n", "Tcp:", "OutSegs"), 0);
        assert_eq!(counter_of_line("Icmp6InMsgs   4\nIcmp6OutMsgs \t11\n", "Icmp6OutMsgs"), 11);
        assert_eq!(counter_of_line("Icmp6OutMsgs\n", "Icmp6OutMsgs"), 0);
    }
}
