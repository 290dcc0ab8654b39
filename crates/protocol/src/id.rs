use std::fmt;

use crate::DecodeError;

/// Bytes of a node's identity on the wire.
pub const WIRE_ID_BYTES: usize = 16;

/// A node of this run, by number.
///
/// The number is a handle that saves memory inside a process. Deployed systems name members by random 16-byte
/// ids, so on the wire a node is named by the 16 incompressible bytes of [`NodeId::to_wire`] wherever the
/// receiver has not been introduced to it: interning never shortens what is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The identity as it travels: 16 bytes without visible structure.
    pub fn to_wire(self) -> [u8; WIRE_ID_BYTES] {
        let mut id = [0; WIRE_ID_BYTES];
        id[..4].copy_from_slice(&scatter(self.0).to_le_bytes());
        id[4..12].copy_from_slice(&mix(u64::from(self.0)).to_le_bytes());
        id[12..].copy_from_slice(&mix(u64::from(self.0) ^ TAIL).to_le_bytes()[..4]);
        id
    }

    /// The node behind an identity read from the network.
    ///
    /// # Errors
    /// When the bytes are no identity of any node.
    pub fn from_wire(id: [u8; WIRE_ID_BYTES]) -> Result<Self, DecodeError> {
        let node = Self(gather(u32::from_le_bytes([id[0], id[1], id[2], id[3]])));
        if node.to_wire() == id { Ok(node) } else { Err(DecodeError::UnknownIdentity) }
    }

    /// This node's place in a table of all nodes.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

const RANK: u64 = 0x1ead_e41e_ade4_1ead;
const TAIL: u64 = 0xa5a5_5a5a_0f0f_f0f0;
const ODD: u32 = 0x9e37_79b1;
/// The inverse of [`ODD`] modulo 2³².
const ODD_INVERSE: u32 = inverse(ODD);

/// Newton's iteration for the inverse of an odd number modulo 2³².
const fn inverse(odd: u32) -> u32 {
    let mut guess = odd;
    let mut step = 0;
    while step < 5 {
        guess = guess.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(guess)));
        step += 1;
    }
    guess
}

const fn scatter(number: u32) -> u32 {
    let mixed = number.wrapping_mul(ODD);
    (mixed ^ (mixed >> 16)).wrapping_mul(ODD)
}

const fn gather(scattered: u32) -> u32 {
    let mixed = scattered.wrapping_mul(ODD_INVERSE);
    (mixed ^ (mixed >> 16)).wrapping_mul(ODD_INVERSE)
}

/// SplitMix64's finalizer (Steele, Lea, Flood 2014): a bijection of 64-bit words that looks random.
pub const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A node's place among those that may lead: the least leads, where all are equally fit. It says nothing of the number.
pub const fn rank(node: NodeId) -> u64 {
    mix(node.0 as u64 ^ RANK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_names_one_node_and_forgeries_name_none() {
        for number in (0..100_000).chain([u32::MAX, u32::MAX - 1]) {
            let wire = NodeId(number).to_wire();
            assert_eq!(NodeId::from_wire(wire), Ok(NodeId(number)));
            let mut forged = wire;
            forged[number as usize % WIRE_ID_BYTES] ^= 1;
            assert!(NodeId::from_wire(forged).is_err());
        }
    }
}
