use std::{collections::BTreeSet, fs};

/// Packets that the kernel dropped at these ports for want of buffer since the sockets were bound; 0 where the
/// kernel does not say.
pub(crate) fn drops(ports: &BTreeSet<u16>) -> u64 {
    fs::read_to_string("/proc/net/udp").map_or(0, |table| drops_in(&table, ports))
}

fn drops_in(table: &str, ports: &BTreeSet<u16>) -> u64 {
    let drops = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let (_, port) = columns.nth(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        if ports.contains(&port) { columns.last()?.parse::<u64>().ok() } else { None }
    };
    table.lines().skip(1).filter_map(drops).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_of_our_ports_are_summed() {
        let table = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  101: 0100007F:C3B1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 ffff 17
  102: 0100007F:C3B2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 ffff 5
  103: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 ffff 99
  garbage
";
        assert_eq!(drops_in(table, &BTreeSet::from([0xc3b1, 0xc3b2, 7])), 22);
        assert_eq!(drops_in("", &BTreeSet::from([1])), 0);
    }
}
