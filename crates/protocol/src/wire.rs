use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::{NodeId, WIRE_ID_BYTES};

/// The longest encoded message, in bytes, before and after compression. Larger things travel in pieces.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// A message as bytes.
pub trait Wire: Sized {
    /// Appends the message to `out` and says what it measured.
    fn encode(&self, out: &mut Vec<u8>) -> Sizes;

    /// What [`encode`](Self::encode) says, for a world that passes messages on without encoding them. `payload` is
    /// exact; `compressed` may be an estimate where the protocol says so and how good it is.
    fn sizes(&self) -> Sizes {
        self.encode(&mut Vec::new())
    }

    /// Reads a message that the network delivered. Never panics, and allocates at most a constant factor of the
    /// message's length before compression, which is at most [`MAX_MESSAGE_BYTES`].
    ///
    /// # Errors
    /// When the bytes are no message of this protocol.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// The two innermost layers of a message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the encoded message.
    pub payload: usize,
    /// Bytes after compression, as given to the transport; at most a byte over `payload`.
    pub compressed: usize,
}

/// Why bytes are not a message. The message is dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The message ends before it is complete.
    #[error("message ends early")]
    Truncated,
    /// Bytes follow the message.
    #[error("bytes follow the message")]
    Trailing,
    /// Another version of the wire format.
    #[error("unknown wire version {0}")]
    Version(u8),
    /// A kind, state or flag that this version does not have.
    #[error("unknown tag {0}")]
    Tag(u8),
    /// A length or count over its limit.
    #[error("length over its limit")]
    TooLong,
    /// A number that does not fit its field.
    #[error("number out of range")]
    Range,
    /// A text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// 16 bytes that are no node's identity.
    #[error("not a node's identity")]
    UnknownIdentity,
    /// A compressed body that does not decompress.
    #[error("compressed body is damaged")]
    Compression,
}

/// Appends an unsigned LEB128 number: 7 bits a byte.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes that [`put_varint`] takes for a number.
pub const fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends an address: a byte for the family, the IP, the port.
pub fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&address.port().to_be_bytes());
}

/// A bounded cursor over untrusted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// A number of [`put_varint`].
    ///
    /// # Errors
    /// At the end, or when it is over 64 bits.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Range);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Range)
    }

    /// A number of [`put_varint`] that fits 32 bits.
    ///
    /// # Errors
    /// At the end, or when it is larger.
    pub fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::Range)
    }

    /// A count of things that each take at least `least_bytes`, so that a forged count cannot make its reader
    /// allocate more than the message holds.
    ///
    /// # Errors
    /// When the rest of the message cannot hold that many.
    pub fn count(&mut self, least_bytes: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.varint()?).map_err(|_| DecodeError::TooLong)?;
        if count > self.remaining() / least_bytes.max(1) { Err(DecodeError::TooLong) } else { Ok(count) }
    }

    /// Bytes of [`put_bytes`], at most `limit` of them.
    ///
    /// # Errors
    /// When they are more, or fewer are left.
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let len = self.varint()?;
        match usize::try_from(len) {
            Ok(len) if len <= limit => self.take(len),
            _ => Err(DecodeError::TooLong),
        }
    }

    /// A node's 16-byte identity.
    ///
    /// # Errors
    /// At the end, or when it is no identity.
    pub fn identity(&mut self) -> Result<NodeId, DecodeError> {
        NodeId::from_wire(self.array::<WIRE_ID_BYTES>()?)
    }

    /// An address of [`put_address`].
    ///
    /// # Errors
    /// At the end, or when the family is neither 4 nor 6.
    pub fn address(&mut self) -> Result<SocketAddr, DecodeError> {
        let ip = match self.u8()? {
            4 => IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)),
            other => return Err(DecodeError::Tag(other)),
        };
        Ok(SocketAddr::new(ip, u16::from_be_bytes(self.array()?)))
    }

    /// Says that the message must end here.
    ///
    /// # Errors
    /// When it does not.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_read_back_and_have_the_length_they_say() {
        for shift in 0..64 {
            for number in [1u64 << shift, (1u64 << shift) - 1, (1u64 << shift) | 1] {
                let mut out = Vec::new();
                put_varint(&mut out, number);
                assert_eq!(out.len(), varint_len(number), "{number}");
                let mut reader = Reader::new(&out);
                assert_eq!(reader.varint(), Ok(number));
                assert_eq!(reader.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn a_varint_over_64_bits_is_refused() {
        assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(DecodeError::Range));
        assert_eq!(Reader::new(&[0x80; 9]).varint(), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_count_that_the_message_cannot_hold_is_refused() {
        let mut out = Vec::new();
        put_varint(&mut out, 1_000_000);
        out.extend_from_slice(&[0; 100]);
        assert_eq!(Reader::new(&out).count(1), Err(DecodeError::TooLong));
    }

    #[test]
    fn addresses_read_back() {
        for address in ["127.0.0.1:65535", "[::1]:1"] {
            let address: SocketAddr = address.parse().expect("a literal address");
            let mut out = Vec::new();
            put_address(&mut out, address);
            assert_eq!(Reader::new(&out).address(), Ok(address));
        }
    }
}
