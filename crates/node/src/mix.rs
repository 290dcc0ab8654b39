use rumormill_protocol::mix;

/// A hash of two words.
pub(crate) const fn mix2(one: u64, two: u64) -> u64 {
    mix(mix(one) ^ two)
}
