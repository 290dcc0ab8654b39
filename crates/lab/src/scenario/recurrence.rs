use std::{ops::Range, time::Duration};

use rand::RngExt;
use rumormill_protocol::Random;
use serde::{Deserialize, Serialize};

use super::duration;

/// How a fault comes again and again, to each of its nodes at a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// From one beginning to the next at one node.
    #[serde(with = "duration")]
    pub every: Duration,
    /// For how long, from the first beginning anywhere that there may be; then all nodes are released.
    #[serde(with = "duration")]
    pub during: Duration,
    /// Whether the nodes keep time with each other.
    pub timing: Timing,
}

/// When a fault that comes again and again hits each of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Timing {
    /// Each at a phase of its own, drawn at random.
    Apart,
    /// All at once.
    Together,
}

/// A recurrence with the phase of each node drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// How it recurs.
    pub recurrence: Recurrence,
    /// By the node's place among those hit: when the fault first begins there; below `every`.
    phases: Vec<Duration>,
}

impl Rhythm {
    /// With phases for so many nodes.
    pub(super) fn draw(recurrence: Recurrence, nodes: usize, random: &mut Random) -> Self {
        let phase = |_| match recurrence.timing {
            Timing::Apart => recurrence.every.mul_f64(random.random_range(0.0..1.0)),
            Timing::Together => Duration::ZERO,
        };
        Self { recurrence, phases: (0..nodes).map(phase).collect() }
    }

    /// When a fault that `lasts` so long each time is under way at one node, counted from its beginning as a whole.
    pub fn spells(&self, place: usize, lasts: Duration) -> impl Iterator<Item = Range<Duration>> {
        let Recurrence { every, during, .. } = self.recurrence;
        let begins = std::iter::successors(Some(self.phases[place]), move |begin| Some(*begin + every));
        begins.take_while(move |begin| *begin < during).map(move |begin| begin..(begin + lasts).min(during))
    }

    /// The time from the last spell's beginning at or before `at` until `at`, and that spell.
    pub fn spell_before(&self, place: usize, lasts: Duration, at: Duration) -> Option<Range<Duration>> {
        let Recurrence { every, during, .. } = self.recurrence;
        let phase = self.phases[place];
        let last = at.min(during.saturating_sub(Duration::from_nanos(1))).checked_sub(phase)?;
        let turns = last.as_nanos() / every.as_nanos();
        let begin = phase + every.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX));
        Some(begin..(begin + lasts).min(during))
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::generator;

    use super::*;

    #[test]
    fn spells_come_at_the_nodes_own_phase_and_end_with_the_whole() {
        let [every, during, lasts] = [30, 180, 20].map(Duration::from_secs);
        let rhythm = Rhythm::draw(Recurrence { every, during, timing: Timing::Apart }, 50, &mut generator(3));
        let firsts: Vec<_> = (0..50).filter_map(|place| rhythm.spells(place, lasts).next()).collect();
        let early = firsts.iter().filter(|spell| spell.start < Duration::from_secs(10)).count();
        assert!((8..26).contains(&early), "a third of the phases, within three standard deviations: {early}");
        for place in 0..50 {
            let spells: Vec<_> = rhythm.spells(place, lasts).collect();
            assert_eq!(spells.len(), 6);
            assert!(spells.iter().all(|spell| spell.end <= during && spell.end - spell.start <= lasts));
            assert!(spells.windows(2).all(|two| two[1].start == two[0].start + every));
            // The search by arithmetic finds what the list says.
            for second in 0..200 {
                let at = Duration::from_secs(second);
                let last = spells.iter().rfind(|spell| spell.start <= at).cloned();
                assert_eq!(rhythm.spell_before(place, lasts, at), last, "{second} s");
            }
        }
    }
    #[test]
    fn together_means_at_the_same_time() {
        let [every, during] = [3, 9].map(Duration::from_secs);
        let rhythm =
            Rhythm::draw(Recurrence { every, during, timing: Timing::Together }, 5, &mut generator(3));
        let begins = |place| -> Vec<u64> {
            rhythm.spells(place, Duration::from_secs(1)).map(|spell| spell.start.as_secs()).collect()
        };
        assert!((0..5).all(|place| begins(place) == [0, 3, 6]));
    }
}
