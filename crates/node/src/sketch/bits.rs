/// Numbers of `width` bits each, one after the other, low bits first; the last byte is filled with zeros.
pub(crate) fn pack(numbers: &[u64], width: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity((numbers.len() * width as usize).div_ceil(8));
    let (mut waiting, mut bits) = (0u64, 0);
    for number in numbers {
        waiting |= number << bits;
        bits += width;
        while bits >= 8 {
            out.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(waiting as u8);
    }
    out
}

/// So many numbers, if the bytes are just as many as they take.
pub(crate) fn unpack(bytes: &[u8], width: u32, count: usize) -> Option<Vec<u64>> {
    if bytes.len() != count.checked_mul(width as usize)?.div_ceil(8) {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    let (mut waiting, mut bits) = (0u64, 0);
    for byte in bytes {
        waiting |= u64::from(*byte) << bits;
        bits += 8;
        while bits >= width && numbers.len() < count {
            numbers.push(waiting & ((1 << width) - 1));
            waiting >>= width;
            bits -= width;
        }
    }
    (numbers.len() == count).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back_from_as_few_bytes_as_they_need(
            width in 1u32..=32,
            numbers in proptest::collection::vec(any::<u64>(), 0..50),
        ) {
            let numbers: Vec<u64> = numbers.into_iter().map(|number| number & ((1 << width) - 1)).collect();
            let packed = pack(&numbers, width);
            prop_assert_eq!(packed.len(), (numbers.len() * width as usize).div_ceil(8));
            prop_assert_eq!(unpack(&packed, width, numbers.len()), Some(numbers));
        }
    }
}
