//! Digests that grow with the difference: algebraic sketches of a set of (position, number) pairs.
//!
//! A set of writers and their versions is a vector: at each writer's position in a prime field stands its version. The
//! first 2t power sums `S_j = Σ version · position^j` of the difference of two such vectors tell which positions differ
//! and by how much, where at most t do: they are the syndromes of a Reed-Solomon code, and the difference its error
//! pattern (Dodis, Ostrovsky, Reyzin, Smith, "Fuzzy extractors", 2008, section 6, has the same for sets; minisketch and
//! Erlay use it). So a difference takes two symbols, 14 bits each where 10,000 writers are known by index and 24 where
//! they are known by a salted hash of their identities, and whoever knows both its own sums and the peer's knows all.
//!
//! Nobody knows t beforehand. A first batch serves [`FIRST`] differences, a second one [`MOST`]. Where there are more,
//! positions are cut into halves, and each half that cannot be read into halves again: since sums are linear, of two
//! halves one is sent, and the other is what remains of the whole. Encoding thus costs `2·MOST` multiplications for each
//! writer and level, reading a range at most `MOST²` and `MOST` for each writer.
//!
//! `field` is the arithmetic, `sparse` reads a difference off its sums, `items` is what is sketched, `search` the asking
//! side, `bits` the packing.

mod bits;
mod field;
mod items;
mod search;
mod sparse;

pub(crate) use self::{
    bits::{pack, unpack},
    items::{Items, Naming},
    search::{Difference, Range, Search, Step},
};

/// Differences that the first batch of symbols serves.
pub(crate) const FIRST: usize = 4;

/// Differences that the symbols of one range serve.
pub(crate) const MOST: usize = 12;

/// Ranges that are asked for at once at most.
pub(crate) const MOST_RANGES: usize = 512;

/// Halvings at most: positions have no more bits.
pub(crate) const MOST_DEPTH: u32 = 24;
