use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
};

use rumormill_protocol::NodeId;

use crate::by_number::extend_to;

/// Where members listen that are not in the roster: 6 bytes a member for IPv4. Others take what a map takes, some 80.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// By the number past the roster; port 0 where nothing is known.
    v4: Vec<Packed>,
    /// Of other families, and those that have no port.
    others: BTreeMap<u32, SocketAddr>,
}

/// An IPv4 address and port without the gaps of [`SocketAddr`].
type Packed = ([u8; 4], [u8; 2]);

impl Addresses {
    /// Where the `number`-th member past the roster listens.
    pub(crate) fn of(&self, number: u32) -> Option<SocketAddr> {
        match self.v4.get(number as usize) {
            Some(&(ip, port)) if port != [0; 2] => {
                Some(SocketAddrV4::new(Ipv4Addr::from(ip), u16::from_be_bytes(port)).into())
            }
            _ => self.others.get(&number).copied(),
        }
    }

    /// Remembers that; false when it is known already.
    pub(crate) fn insert(&mut self, number: u32, address: SocketAddr) -> bool {
        if self.of(number) == Some(address) {
            return false;
        }
        let packed = match address {
            SocketAddr::V4(v4) => (v4.ip().octets(), v4.port().to_be_bytes()),
            SocketAddr::V6(_) => Packed::default(),
        };
        if packed.1 == [0; 2] {
            self.others.insert(number, address);
        } else {
            self.others.remove(&number);
            extend_to(&mut self.v4, number as usize + 1);
        }
        if let Some(place) = self.v4.get_mut(number as usize) {
            *place = packed;
        }
        true
    }
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
        fn it_is_a_map(steps in proptest::collection::vec((0u32..20, 0u8..3, 0u16..3), 0..60)) {
            let (mut addresses, mut map) = (Addresses::default(), BTreeMap::new());
            for (number, ip, port) in steps {
                let ip = ["10.0.0.1", "0.0.0.0", "::1"][usize::from(ip)].parse().expect("a literal address");
                let address = SocketAddr::new(ip, port);
                prop_assert_eq!(addresses.insert(number, address), map.insert(number, address) != Some(address));
                prop_assert!((0..20).all(|number| addresses.of(number) == map.get(&number).copied()));
            }
        }
    }
}
