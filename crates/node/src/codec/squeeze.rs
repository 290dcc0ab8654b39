//! zstd, with one context a thread.

use std::cell::RefCell;

use rumormill_protocol::{DecodeError, put_varint};
use zstd::bulk::{Compressor, Decompressor};

thread_local! {
    // A zstd context takes longer to make than a message to compress, and is too large to keep one per node.
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The length and the zstd frame of `plain`, when both together are shorter than `below`.
pub(super) fn compressed(plain: &[u8], level: i32, below: usize) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if !matches!(slot, Some((made_for, _)) if *made_for == level) {
            *slot = Some((level, Compressor::new(level).ok()?));
        }
        let (_, compressor) = slot.as_mut()?;
        let frame = compressor.compress(plain).ok()?;
        let mut out = Vec::with_capacity(frame.len() + 4);
        put_varint(&mut out, plain.len() as u64);
        out.extend_from_slice(&frame);
        (out.len() < below).then_some(out)
    })
}

pub(super) fn decompressed(frame: &[u8], length: usize) -> Result<Vec<u8>, DecodeError> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Decompressor::new().ok();
        }
        let decompressor = slot.as_mut().ok_or(DecodeError::Compression)?;
        let plain = decompressor.decompress(frame, length).map_err(|_| DecodeError::Compression)?;
        if plain.len() == length { Ok(plain) } else { Err(DecodeError::Compression) }
    })
}
