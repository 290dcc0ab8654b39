use bytes::{Buf, Bytes, BytesMut};
use rumormill_protocol::{MAX_MESSAGE_BYTES, put_varint, varint_len};
use thiserror::Error;

/// A message as it rides on a stream: its length, then its bytes.
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(varint_len(message.len() as u64) + message.len());
    put_varint(&mut framed, message.len() as u64);
    framed.extend_from_slice(message);
    framed.into()
}

/// A stream announced a message over [`MAX_MESSAGE_BYTES`]: nothing after it can be read, its connection is
/// closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("message of a stream is over its limit")]
pub struct Oversized;

/// Takes the messages of a stream out of its chunks, however those are cut. Holds one message at most, and only
/// the bytes of it that have arrived.
#[derive(Debug, Default)]
pub struct FrameReader {
    length: PartialLength,
    /// How long the message is that `partial` is the beginning of; `None` while its length is being read.
    expected: Option<usize>,
    partial: BytesMut,
}

#[derive(Debug, Default)]
struct PartialLength {
    value: usize,
    shift: u32,
}

impl FrameReader {
    /// The next whole message, taken from the front of `chunk`; `None` when the chunk is used up.
    ///
    /// # Errors
    /// When the stream announces a message over the limit.
    pub fn read(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, Oversized> {
        let expected = match self.expected {
            Some(expected) => expected,
            None => match self.length.read(chunk)? {
                Some(expected) => *self.expected.insert(expected),
                None => return Ok(None),
            },
        };
        if self.partial.is_empty() && chunk.len() >= expected {
            self.expected = None;
            return Ok(Some(chunk.split_to(expected)));
        }
        let missing = (expected - self.partial.len()).min(chunk.len());
        self.partial.extend_from_slice(&chunk.split_to(missing));
        if self.partial.len() < expected {
            return Ok(None);
        }
        self.expected = None;
        Ok(Some(std::mem::take(&mut self.partial).freeze()))
    }
}

impl PartialLength {
    fn read(&mut self, chunk: &mut Bytes) -> Result<Option<usize>, Oversized> {
        while chunk.has_remaining() {
            let byte = chunk.get_u8();
            self.value |= usize::from(byte & 0x7f) << self.shift;
            // The limit has three bytes of seven bits, so that the shift stays small.
            if self.value > MAX_MESSAGE_BYTES || (byte >= 0x80 && self.shift >= 14) {
                return Err(Oversized);
            }
            if byte < 0x80 {
                return Ok(Some(std::mem::take(self).value));
            }
            self.shift += 7;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::stream;

    use super::*;

    fn read_all(reader: &mut FrameReader, mut chunk: Bytes) -> Result<Vec<Bytes>, Oversized> {
        let mut messages = Vec::new();
        while let Some(message) = reader.read(&mut chunk)? {
            messages.push(message);
        }
        assert!(chunk.is_empty());
        Ok(messages)
    }

    #[test]
    fn messages_come_back_however_the_stream_is_cut() {
        for seed in 0..200 {
            let mut draws = 0;
            let mut draw = |below: u64| {
                draws += 1;
                stream(seed * 10_000 + draws, rumormill_protocol::Purpose::Network, None) % below
            };
            let messages: Vec<Vec<u8>> = (0..20)
                .map(|number| {
                    let len = if draw(10) == 0 { draw(40_000) } else { draw(300) };
                    vec![number; len as usize]
                })
                .collect();
            let mut wire: Bytes =
                messages.iter().flat_map(|message| frame(message).to_vec()).collect::<Vec<_>>().into();
            let (mut reader, mut read) = (FrameReader::default(), Vec::new());
            while !wire.is_empty() {
                let cut = (1 + draw(if seed % 2 == 0 { 7 } else { 5_000 }) as usize).min(wire.len());
                read.extend(read_all(&mut reader, wire.split_to(cut)).expect("no message is over the limit"));
            }
            assert_eq!(read, messages);
        }
    }

    #[test]
    fn the_longest_message_passes_and_a_longer_one_does_not() {
        let longest = vec![7; MAX_MESSAGE_BYTES];
        let read = read_all(&mut FrameReader::default(), frame(&longest)).expect("it is within the limit");
        assert_eq!(read, [longest]);
        let mut forged = Vec::new();
        put_varint(&mut forged, MAX_MESSAGE_BYTES as u64 + 1);
        assert_eq!(read_all(&mut FrameReader::default(), forged.into()), Err(Oversized));
        assert_eq!(read_all(&mut FrameReader::default(), Bytes::from_static(&[0x80; 10])), Err(Oversized));
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut forged = Vec::new();
        put_varint(&mut forged, MAX_MESSAGE_BYTES as u64);
        forged.push(0);
        let mut reader = FrameReader::default();
        assert_eq!(read_all(&mut reader, forged.into()), Ok(vec![]));
        assert!(reader.partial.capacity() < 1_000);
    }
}
