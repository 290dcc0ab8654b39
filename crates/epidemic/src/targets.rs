use rand::Rng;
use rumormill_protocol::Random;

use crate::bits::BitSet;

/// Draws whom a node calls: distinct others, each choice equally likely.
pub(crate) struct Targets {
    nodes: u32,
    drawn: Vec<u32>,
    /// The same as a set, where there is more than one; empty between draws.
    among: BitSet,
}

impl Targets {
    pub(crate) fn new(nodes: u32, fanout: u32) -> Self {
        Self {
            nodes,
            drawn: vec![0; fanout as usize],
            among: BitSet::new(if fanout > 1 { nodes } else { 0 }),
        }
    }

    /// Draws anew.
    #[inline(always)]
    pub(crate) fn draw(&mut self, caller: u32, random: &mut Random) {
        match &mut self.drawn[..] {
            [target] => *target = other_than(caller, below(self.nodes - 1, random)),
            _ => self.draw_several(caller, random),
        }
    }

    /// Floyd's algorithm: as many draws as targets, however many of all nodes they are.
    fn draw_several(&mut self, caller: u32, random: &mut Random) {
        let first_last = self.nodes - 1 - self.drawn.len() as u32;
        for (target, last) in self.drawn.iter_mut().zip(first_last..) {
            let drawn = below(last + 1, random);
            *target = if self.among.contains(drawn) { last } else { drawn };
            self.among.insert(*target);
        }
        for target in &mut self.drawn {
            self.among.remove(*target);
            *target = other_than(caller, *target);
        }
    }

    /// Whom the last draw hit.
    #[inline(always)]
    pub(crate) fn drawn(&self) -> &[u32] {
        &self.drawn
    }
}

/// The node of this number among those that are not the caller.
#[inline(always)]
fn other_than(caller: u32, number: u32) -> u32 {
    number + u32::from(number >= caller)
}

/// A number below `limit`; with limits of 24 bits and draws of 64, none is likelier than another by more than 2⁻⁴⁰.
#[inline(always)]
pub(crate) fn below(limit: u32, random: &mut Random) -> u32 {
    ((u128::from(random.next_u64()) * u128::from(limit)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rumormill_protocol::generator;

    use super::*;

    #[test]
    fn every_choice_of_distinct_others_is_equally_likely() {
        for (fanout, choices) in [(1, 5), (2, 10), (3, 10), (4, 5), (5, 1)] {
            let (mut targets, mut random) = (Targets::new(6, fanout), generator(7));
            let mut seen = BTreeMap::<Vec<u32>, f64>::new();
            for _ in 0..10_000 * choices {
                targets.draw(2, &mut random);
                let mut choice = targets.drawn().to_vec();
                choice.sort_unstable();
                choice.dedup();
                assert!(
                    choice.len() == fanout as usize
                        && !choice.contains(&2)
                        && choice.iter().all(|&node| node < 6)
                );
                *seen.entry(choice).or_default() += 1.0;
            }
            assert_eq!(seen.len(), choices);
            // Counts are binomial with a mean of 10,000 and a standard deviation below 100.
            assert!(seen.values().all(|count| (count - 10_000.0).abs() < 450.0), "{seen:?}");
        }
    }
}
