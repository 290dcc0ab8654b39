use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use rumormill_protocol::NodeId;

use crate::by_number::extend_to;

/// Where members listen that are not in the roster: 6 bytes a member for IPv4, and 18 for IPv6.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// By the number past the roster; port 0 where nothing is known.
    v4: Vec<Packed<4>>,
    v6: Vec<Packed<16>>,
    /// Those that have no port, which takes what a map takes, some 80 bytes.
    others: BTreeMap<u32, SocketAddr>,
}

/// An address and port without the gaps of [`SocketAddr`].
type Packed<const N: usize> = ([u8; N], [u8; 2]);

impl Addresses {
    /// Where the `number`-th member past the roster listens.
    pub(crate) fn of(&self, number: u32) -> Option<SocketAddr> {
        let v4 = known(&self.v4, number).map(|(ip, port)| SocketAddrV4::new(Ipv4Addr::from(ip), port).into());
        let v6 = || {
            known(&self.v6, number).map(|(ip, port)| SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, 0).into())
        };
        v4.or_else(v6).or_else(|| self.others.get(&number).copied())
    }

    /// Remembers that; false when it is known already.
    pub(crate) fn insert(&mut self, number: u32, address: SocketAddr) -> bool {
        if self.of(number) == Some(address) {
            return false;
        }
        self.forget(number);
        let port = address.port().to_be_bytes();
        match address {
            SocketAddr::V4(v4) if v4.port() != 0 => put(&mut self.v4, number, (v4.ip().octets(), port)),
            SocketAddr::V6(v6) if v6.port() != 0 => put(&mut self.v6, number, (v6.ip().octets(), port)),
            _ => drop(self.others.insert(number, address)),
        }
        true
    }

    fn forget(&mut self, number: u32) {
        if let Some(place) = self.v4.get_mut(number as usize) {
            *place = Packed::default();
        }
        if let Some(place) = self.v6.get_mut(number as usize) {
            *place = Packed::default();
        }
        self.others.remove(&number);
    }
}

fn known<const N: usize>(list: &[Packed<N>], number: u32) -> Option<([u8; N], u16)> {
    let &(ip, port) = list.get(number as usize)?;
    Some((ip, u16::from_be_bytes(port))).filter(|&(_, port)| port != 0)
}

fn put<const N: usize>(list: &mut Vec<Packed<N>>, number: u32, packed: Packed<N>)
where
    Packed<N>: Clone + Default,
{
    extend_to(list, number as usize + 1);
    list[number as usize] = packed;
}

/// The member's number past a roster of this length.
pub(crate) fn past(member: NodeId, roster: usize) -> Option<u32> {
    member.index().checked_sub(roster).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0u32..20, 0u8..4, 0u16..3), 0..60)) {
            let (mut addresses, mut map) = (Addresses::default(), BTreeMap::new());
            for (number, ip, port) in steps {
                let ip = ["10.0.0.1", "0.0.0.0", "::1", "fd00::7"][usize::from(ip)].parse().expect("a literal address");
                let address = SocketAddr::new(ip, port);
                prop_assert_eq!(addresses.insert(number, address), map.insert(number, address) != Some(address));
                prop_assert!((0..20).all(|number| addresses.of(number) == map.get(&number).copied()));
            }
        }
    }
}
