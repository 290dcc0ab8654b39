//! What the kernel says of the cluster's packets, for comparison with what the nodes count themselves.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr},
};

use rumormill_lab::Interface;

mod counters;
mod sockets;

use counters::{Device, LOOPBACK, counter, counter_of_line, device_of};
use sockets::Sockets;

/// Watches the kernel's counters since a cluster began.
pub(crate) struct Watch {
    /// The address of the interface that the cluster uses, and its name where it is known.
    host: IpAddr,
    device: Option<String>,
    /// Where the cluster's sockets listen.
    ours: BTreeSet<SocketAddr>,
    begin: State,
}

/// What the kernel says now, of the time since the cluster began.
pub(crate) struct Seen {
    /// Packets dropped at the cluster's sockets for want of buffer, or on the way to them; 0 where the kernel does not
    /// say.
    pub(crate) drops: u64,
    /// The interface that the cluster uses; nothing where the kernel does not say.
    pub(crate) interface: Option<Interface>,
}

/// The kernel's tables of one moment, as it prints them; empty where it does not.
#[derive(Default)]
struct Tables {
    dev: String,
    udp: String,
    udp6: String,
    raw: String,
    raw6: String,
    snmp: String,
    snmp6: String,
}

/// What of the tables matters here.
#[derive(Default)]
struct State {
    sockets: Sockets,
    /// On the way to sockets.
    dropped_before: u64,
    raw_sockets: usize,
    tcp_segments: u64,
    icmp_messages: u64,
}

impl Watch {
    pub(crate) fn begin(host: IpAddr, ours: BTreeSet<SocketAddr>) -> Self {
        let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
        let device = device_of(host, &table("route"), &table("if_inet6"));
        let mut watch = Self { host, device, ours, begin: State::default() };
        watch.begin = watch.state(&Tables::read());
        watch
    }

    pub(crate) fn look(&self) -> Seen {
        self.compare(&Tables::read())
    }

    fn compare(&self, tables: &Tables) -> Seen {
        let now = self.state(tables);
        // Without a link header, one that carries s bytes as UDP counts s + 28 over IPv4 and s + 48 over IPv6.
        let interface = self.device(tables).map(|device| Interface {
            wire_bytes: device.sent_bytes,
            packets: device.sent_packets,
            others: self.begin.others(&now),
        });
        Seen { drops: now.drops().saturating_sub(self.begin.drops()), interface }
    }

    /// What the cluster's interface counted, and where that is another the loopback interface too: over it go packets
    /// between nodes of one host.
    fn device(&self, tables: &Tables) -> Option<Device> {
        let name = self.device.as_ref()?;
        let device = Device::parse(name, &tables.dev)?;
        if name == LOOPBACK { Some(device) } else { Some(device.and(&Device::parse(LOOPBACK, &tables.dev)?)) }
    }

    fn state(&self, tables: &Tables) -> State {
        let lines = |table: &str| table.lines().skip(1).count();
        State {
            sockets: Sockets::of(self.host, &tables.udp, &tables.udp6, &self.ours),
            dropped_before: self.device(tables).map_or(0, |device| device.dropped),
            raw_sockets: lines(&tables.raw) + lines(&tables.raw6),
            tcp_segments: counter(&tables.snmp, "Tcp:", "OutSegs"),
            icmp_messages: counter(&tables.snmp, "Icmp:", "OutMsgs")
                + counter_of_line(&tables.snmp6, "Icmp6OutMsgs"),
        }
    }
}

impl State {
    const fn drops(&self) -> u64 {
        self.sockets.drops + self.dropped_before
    }

    /// Who else may have sent over the interface between this moment and `now`. Whoever came and went in between is seen
    /// only in what the kernel counted; that another program's socket was there is no proof that it was used.
    fn others(&self, now: &Self) -> Option<String> {
        let (sockets, raw) =
            (self.sockets.foreign.union(&now.sockets.foreign).count(), self.raw_sockets.max(now.raw_sockets));
        let others: Vec<String> = [
            (sockets > 0).then(|| format!("{sockets} UDP socket{} of other programs", plural(sockets))),
            (raw > 0).then(|| format!("{raw} raw socket{}", plural(raw))),
            (now.tcp_segments != self.tcp_segments)
                .then(|| "TCP connections of this network namespace".into()),
            (now.icmp_messages != self.icmp_messages).then(|| "ICMP messages".into()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let (last, rest) = others.split_last()?;
        Some(if rest.is_empty() { last.clone() } else { format!("{} and {last}", rest.join(", ")) })
    }
}

impl Tables {
    fn read() -> Self {
        let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
        Self {
            dev: table("dev"),
            udp: table("udp"),
            udp6: table("udp6"),
            raw: table("raw"),
            raw6: table("raw6"),
            snmp: table("snmp"),
            snmp6: table("snmp6"),
        }
    }
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";

    fn udp(local: &str, inode: u32, drops: u32) -> String {
        format!(
            "  101: {local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 {inode} 2 ffff {drops}\n"
        )
    }

    fn tables(sockets: &[String], tcp: u32, icmp6: u32) -> Tables {
        Tables {
            dev: "head\nhead\n    lo: 1 2 0 0 0 0 0 0 3000 40 0 0 0 0 0 0\n".into(),
            udp: format!("{HEADER}{}", sockets.concat()),
            raw: HEADER.into(),
            snmp: format!("Icmp: InMsgs OutMsgs\nIcmp: 1 7\nTcp: MaxConn OutSegs\nTcp: -1 {tcp}\n"),
            snmp6: format!("Icmp6InMsgs 4\nIcmp6OutMsgs \t{icmp6}\n"),
            ..Tables::default()
        }
    }

    fn watch(tables: &Tables) -> Watch {
        let ours = BTreeSet::from([SocketAddr::from(([127, 0, 0, 1], 0xc3b1))]);
        let host = IpAddr::from([127, 0, 0, 1]);
        let mut watch = Watch { host, device: Some("lo".into()), ours, begin: State::default() };
        watch.begin = watch.state(tables);
        watch
    }

    #[test]
    fn nobody_else_on_a_quiet_machine() {
        let quiet = |drops| tables(&[udp("0100007F:C3B1", 9, drops)], 5, 5);
        let seen = watch(&quiet(2)).compare(&quiet(19));
        assert_eq!(seen.drops, 17);
        assert_eq!(seen.interface, Some(Interface { wire_bytes: 3_000, packets: 40, others: None }));
    }

    #[test]
    fn others_are_named_whenever_they_were_there() {
        let ours = udp("0100007F:C3B1", 9, 0);
        let others = |before: &Tables, after: &Tables| {
            watch(before).compare(after).interface.and_then(|interface| interface.others)
        };
        let before = tables(&[ours.clone(), udp("00000000:0035", 10, 0)], 5, 5);
        let after = tables(&[ours.clone(), udp("0100007F:0036", 11, 0)], 5, 5);
        assert_eq!(others(&before, &after), Some("2 UDP sockets of other programs".into()));
        assert_eq!(others(&before, &before), Some("1 UDP socket of other programs".into()));
        let busy = tables(std::slice::from_ref(&ours), 6, 6);
        let quiet = tables(&[ours], 5, 5);
        assert_eq!(
            others(&quiet, &busy),
            Some("TCP connections of this network namespace and ICMP messages".into())
        );
        let raw = Tables { raw6: format!("{HEADER}one\n"), ..tables(&[], 5, 6) };
        assert_eq!(others(&quiet, &raw), Some("1 raw socket and ICMP messages".into()));
    }

    #[test]
    fn nodes_of_one_host_talk_over_loopback_whatever_their_address() {
        let watch = Watch {
            host: IpAddr::from([10, 77, 0, 1]),
            device: Some("eth0".into()),
            ours: BTreeSet::new(),
            begin: State::default(),
        };
        let tables = tables(&[], 0, 0);
        let eth0 = "  eth0: 1 2 0 0 0 0 0 0 1140 10 0 0 0 0 0 0\n";
        let both = Tables { dev: tables.dev.clone() + eth0, ..tables };
        let seen = watch.compare(&both).interface.map(|seen| (seen.wire_bytes, seen.packets));
        assert_eq!(seen, Some((3_000 + 1_140 - 10 * 14, 50)));
    }

    #[test]
    fn where_the_kernel_says_nothing_there_is_nothing() {
        let seen = watch(&Tables::default()).compare(&Tables::default());
        assert_eq!((seen.drops, seen.interface), (0, None));
    }
}
