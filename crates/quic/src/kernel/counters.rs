/// Bytes and packets that the loopback interface sent, from the table of interfaces.
pub(super) fn loopback(dev: &str) -> Option<(u64, u64)> {
    let line = dev.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
    // Eight columns of what was received come first.
    let mut sent = line.split_ascii_whitespace().skip(8);
    Some((sent.next()?.parse().ok()?, sent.next()?.parse().ok()?))
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
    fn what_loopback_sent_is_read_with_or_without_a_space() {
        let dev = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9
    lo:5431349459 5509908    0    0    0     0          0         0 5431349460 5509909    0    0    0     0       0          0
";
        assert_eq!(loopback(dev), Some((5_431_349_460, 5_509_909)));
        assert_eq!(loopback("  eth0: 9 9"), None);
        assert_eq!(loopback("lo: 1 2 3"), None);
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
