use rumormill_protocol::{NodeId, mix};

use super::{field::Field, search::Range};
use crate::{mix::mix2, writing::COUNTER_BITS};

/// How writers become positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By their index in a roster of this length that both ends hold.
    Roster(u32),
    /// By a hash of their identities: for ends that have no roster in common. The salt makes writers whose hashes collide
    /// differ the next time.
    Hashed {
        /// Drawn by the asking end.
        salt: u16,
    },
}

impl Naming {
    pub(crate) fn field(self) -> Field {
        match self {
            Self::Roster(length) => Field::above(u64::from(length)),
            Self::Hashed { .. } => Field::LARGEST,
        }
    }

    pub(crate) const fn salt(self) -> Option<u16> {
        match self {
            Self::Roster(_) => None,
            Self::Hashed { salt } => Some(salt),
        }
    }

    /// Whether the writer has a position.
    pub(crate) const fn places(self, writer: NodeId) -> bool {
        match self {
            Self::Roster(length) => writer.0 < length,
            Self::Hashed { .. } => true,
        }
    }

    pub(super) fn position(self, writer: NodeId) -> u32 {
        match self {
            Self::Roster(_) => writer.0 + 1,
            Self::Hashed { salt } => {
                let identity = writer.to_wire();
                let (low, high) = identity.split_at(8);
                let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                let hash = mix2(word(low) ^ mix(u64::from(salt)), word(high));
                1 + (hash % (Field::LARGEST.prime() - 1)) as u32
            }
        }
    }

    /// Bytes that a digest of these writers takes, about.
    const fn digest_bytes(self, writers: usize) -> usize {
        match self {
            Self::Roster(_) => 2 * writers,
            Self::Hashed { .. } => 18 * writers,
        }
    }
}

/// Writers and their versions as they stood at one moment, by position.
#[derive(Debug)]
pub(crate) struct Items {
    field: Field,
    naming: Naming,
    /// Ascending by position.
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) position: u32,
    pub(crate) writer: NodeId,
    pub(crate) version: u64,
}

impl Items {
    /// Nothing where a writer has no position.
    pub(crate) fn new(naming: Naming, versions: impl Iterator<Item = (NodeId, u64)>) -> Option<Self> {
        let item = |(writer, version)| {
            naming.places(writer).then(|| Item { position: naming.position(writer), writer, version })
        };
        let mut items = versions.map(item).collect::<Option<Vec<_>>>()?;
        items.sort_unstable_by_key(|item| (item.position, item.writer));
        Some(Self { field: naming.field(), naming, items })
    }

    /// The first power sums of a range.
    pub(crate) fn sums(&self, range: Range, count: usize) -> Vec<u64> {
        let mut sums = vec![0; count];
        for item in self.within(range) {
            let mut term = amount(self.field, item.version);
            for sum in &mut sums {
                // Far below 2^64, for there are at most 2^20 writers.
                *sum += term;
                term = self.field.mul(term, u64::from(item.position));
            }
        }
        sums.into_iter().map(|sum| self.field.reduce(sum)).collect()
    }

    pub(crate) const fn field(&self) -> Field {
        self.field
    }

    pub(super) fn within(&self, range: Range) -> &[Item] {
        let (first, end) = range.positions(self.field.width);
        let place = |position| self.items.partition_point(|item| item.position < position);
        &self.items[place(first)..place(end)]
    }

    /// Those at a position: several where hashes collide.
    pub(crate) fn at(&self, position: u32) -> &[Item] {
        let first = self.items.partition_point(|item| item.position < position);
        let length = self.items[first..].iter().take_while(|item| item.position == position).count();
        &self.items[first..first + length]
    }

    #[cfg(test)]
    pub(super) fn items_of(&self, writer: NodeId) -> Option<Item> {
        self.items.iter().find(|item| item.writer == writer).copied()
    }

    /// A sum over all of them, to hold what was read from sketches against.
    pub(crate) fn check(&self) -> u32 {
        self.items.iter().fold(0, |sum, item| sum.wrapping_add(mark(item.position, item.version)))
    }

    /// How many ranges may be asked for before a whole digest is cheaper: they take a quarter of it at most.
    pub(super) fn ranges_worth_asking(&self) -> usize {
        let range_bytes = (2 * super::MOST * self.field.width as usize).div_ceil(8);
        (self.naming.digest_bytes(self.items.len()) / 4 / range_bytes).min(super::MOST_RANGES)
    }
}

/// The number that stands for a version: how many writes of its life, moved by where that life begins. In the first life
/// it begins at 0, so that no version is the number 0.
pub(super) fn amount(field: Field, version: u64) -> u64 {
    let life = version >> COUNTER_BITS;
    field.add(start_of_life(field, life), field.reduce(version & ((1 << COUNTER_BITS) - 1)))
}

pub(super) fn start_of_life(field: Field, life: u64) -> u64 {
    if life == 0 { 0 } else { field.reduce(mix(life)) }
}

/// What a writer with a version adds to the check; one without adds nothing.
pub(super) fn mark(position: u32, version: u64) -> u32 {
    if version == 0 { 0 } else { mix2(u64::from(position), version) as u32 }
}
