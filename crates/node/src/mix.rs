/// A bijective scrambling of 64 bits (MurmurHash3's finalizer, variant 13 of Stafford's table).
pub(crate) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A hash of two words.
pub(crate) const fn mix2(one: u64, two: u64) -> u64 {
    mix(mix(one.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ two.wrapping_add(0xd1b5_4a32_d192_ed03))
}
