use rumormill_protocol::NodeId;

use super::{
    FIRST, MOST, MOST_DEPTH,
    field::Field,
    items::{Items, amount, mark, start_of_life},
    sparse::recover,
};
use crate::writing::COUNTER_BITS;

/// Readings of what was found that are tried, where several writers share a position.
const MOST_READINGS: usize = 64;

/// Lives of a writer that may lie between its versions at both ends.
const MOST_LIVES: u64 = 4;

/// A difference within a life is as likely as one between lives with so many times fewer writes.
const NEW_LIFE: u64 = 16;

/// One of the 2^depth equal parts of all positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    depth: u32,
    index: u32,
}

impl Range {
    pub(crate) const ALL: Self = Self { depth: 0, index: 0 };

    /// Nothing for a part that there is not.
    pub(crate) const fn new(depth: u32, index: u32) -> Option<Self> {
        if depth <= MOST_DEPTH && (index as u64) < 1 << depth { Some(Self { depth, index }) } else { None }
    }

    /// Its halves, the lower one first.
    pub(crate) const fn halves(self) -> [Self; 2] {
        let (depth, index) = (self.depth + 1, self.index * 2);
        [Self { depth, index }, Self { depth, index: index + 1 }]
    }

    /// Its first position and the one after its last.
    pub(super) fn positions(self, width: u32) -> (u32, u32) {
        let start = |index: u32| ((u64::from(index) << width) >> self.depth) as u32;
        (start(self.index), start(self.index + 1))
    }
}

/// The asking end: it takes symbols of the peer's sketch until it knows what differs.
#[derive(Debug)]
pub(crate) struct Search {
    mine: Items,
    /// The peer's, which the result must agree with.
    check: u32,
    /// Ranges of which the peer's sums less this node's are known and could not be read, all of one depth.
    unread: Vec<(Range, Vec<u64>)>,
    /// Positions, and the peer's version less this node's there, in the ranges that were read.
    found: Vec<(u64, u64)>,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Ask for more symbols of the whole.
    More,
    /// Ask for the symbols of the lower halves of these ranges, which are of one depth.
    Halves {
        depth: u32,
        ranges: Vec<u32>,
    },
    Done(Difference),
    /// Hashes collided: another salt tells more.
    Collided,
    /// A whole digest is cheaper.
    GiveUp,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Writers of whom the peer has less, and its versions.
    pub(crate) lacking_there: Vec<(NodeId, u64)>,
    /// Positions where the peer has more, and how much.
    pub(crate) lacking_here: Vec<(u32, u64)>,
}

/// What a number that was found at a position may mean.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Whose version differs; nobody that is known here.
    writer: Option<NodeId>,
    position: u32,
    more: u64,
    mine: u64,
    theirs: u64,
}

impl Search {
    pub(crate) fn new(mine: Items, check: u32) -> Self {
        Self { mine, check, unread: vec![(Range::ALL, Vec::new())], found: Vec::new() }
    }

    /// How many symbols the next step takes.
    pub(crate) fn awaits(&self) -> usize {
        match self.unread.as_slice() {
            [(Range::ALL, sums)] if sums.is_empty() => 2 * FIRST,
            [(Range::ALL, sums)] if sums.len() < 2 * MOST => 2 * (MOST - FIRST),
            halves => 2 * MOST * halves.len(),
        }
    }

    pub(crate) const fn field(&self) -> Field {
        self.mine.field()
    }

    /// The peer's symbols, as many as are awaited.
    pub(crate) fn hear(&mut self, symbols: &[u64]) -> Step {
        let unread = std::mem::take(&mut self.unread);
        let known = match unread.as_slice() {
            [(Range::ALL, known)] if known.len() < 2 * MOST => Some(known.len()),
            _ => None,
        };
        if let Some(known) = known {
            let mut sums = unread.into_iter().next().map_or_else(Vec::new, |(_, sums)| sums);
            let mine = self.mine.sums(Range::ALL, known + symbols.len());
            sums.extend(symbols.iter().zip(&mine[known..]).map(|(theirs, mine)| self.less(*theirs, *mine)));
            self.read(Range::ALL, sums);
        } else {
            for ((range, whole), theirs) in unread.into_iter().zip(symbols.chunks(2 * MOST)) {
                let [lower, upper] = range.halves();
                let mine = self.mine.sums(lower, theirs.len());
                let below: Vec<u64> =
                    theirs.iter().zip(&mine).map(|(theirs, mine)| self.less(*theirs, *mine)).collect();
                let above =
                    whole.iter().zip(&below).map(|(whole, below)| self.less(*whole, *below)).collect();
                self.read(lower, below);
                self.read(upper, above);
            }
        }
        self.next()
    }

    fn less(&self, one: u64, two: u64) -> u64 {
        self.mine.field().sub(self.mine.field().reduce(one), two)
    }

    /// Reads a range off its sums, if that can be done.
    fn read(&mut self, range: Range, sums: Vec<u64>) {
        let candidates = self.mine.within(range).iter().map(|item| u64::from(item.position));
        let (first, end) = range.positions(self.mine.field().width);
        let inside = |(position, _): &(u64, u64)| (u64::from(first)..u64::from(end)).contains(position);
        match recover(self.mine.field(), &sums, candidates) {
            Some(found) if found.iter().all(inside) => {
                self.found.extend(found);
                if range == Range::ALL && self.difference().is_none() {
                    // By chance something else has these sums. More of them, or halves, tell.
                    self.found.clear();
                    self.unread.push((range, sums));
                }
            }
            _ => self.unread.push((range, sums)),
        }
    }

    fn next(&self) -> Step {
        match self.unread.as_slice() {
            [] => self.difference().map_or(Step::Collided, Step::Done),
            [(Range::ALL, sums)] if sums.len() < 2 * MOST => Step::More,
            unread if unread.len() > self.mine.ranges_worth_asking() => Step::GiveUp,
            [(Range { depth, .. }, _), ..] if *depth >= self.mine.field().width => Step::GiveUp,
            [(Range { depth, .. }, _), ..] => {
                let ranges = self.unread.iter().map(|(range, _)| range.index).collect();
                Step::Halves { depth: *depth, ranges }
            }
        }
    }

    /// What was found, if it makes the peer's check.
    fn difference(&self) -> Option<Difference> {
        let readings: Vec<Vec<Reading>> = self.found.iter().map(|found| self.readings(*found)).collect();
        let all = readings.iter().try_fold(1usize, |all, of_one| {
            all.checked_mul(of_one.len()).filter(|all| (1..=MOST_READINGS).contains(all))
        })?;
        let mine = self.mine.check();
        (0..all).find_map(|mut number| {
            let mut chosen: Vec<Reading> = readings
                .iter()
                .map(|of_one| {
                    let which = number % of_one.len();
                    number /= of_one.len();
                    of_one[which]
                })
                .collect();
            let lacks =
                chosen.iter().fold(self.check.wrapping_sub(mine), |sum, one| sum.wrapping_sub(one.mark()));
            if lacks == 0 {
                return Some(Difference::of(&chosen));
            }
            // One of them may be a writer that is not known here and has its position in common with one that is.
            let stranger = |one: &Reading| self.reading(None, one.position, 0, one.more);
            let at = chosen.iter().position(|one| {
                stranger(one).is_some_and(|stranger| stranger.mark().wrapping_sub(one.mark()) == lacks)
            })?;
            chosen[at] = stranger(&chosen[at])?;
            Some(Difference::of(&chosen))
        })
    }

    /// Whose version it may be that differs at a position, and what the peer's is.
    fn readings(&self, (position, more): (u64, u64)) -> Vec<Reading> {
        let position = position as u32;
        match self.mine.at(position) {
            [] => self.reading(None, position, 0, more).into_iter().collect(),
            known => known
                .iter()
                .filter_map(|item| self.reading(Some(item.writer), position, item.version, more))
                .collect(),
        }
    }

    fn reading(&self, writer: Option<NodeId>, position: u32, mine: u64, more: u64) -> Option<Reading> {
        let theirs = nearest(self.mine.field(), mine, more)?;
        (theirs != mine).then_some(Reading { writer, position, more, mine, theirs })
    }
}

impl Reading {
    /// What it adds to the check.
    fn mark(&self) -> u32 {
        mark(self.position, self.theirs).wrapping_sub(mark(self.position, self.mine))
    }
}

impl Difference {
    fn of(all: &[Reading]) -> Self {
        let mut difference = Self::default();
        for at in all {
            match at.writer {
                Some(writer) if at.theirs < at.mine => difference.lacking_there.push((writer, at.theirs)),
                _ => difference.lacking_here.push((at.position, at.theirs - at.mine)),
            }
        }
        difference.lacking_there.sort_unstable();
        difference.lacking_here.sort_unstable();
        difference
    }
}

/// The version whose number is that of `mine` and `more`: of the same life and as near as can be, or early in one of the
/// lives around it, whichever is likelier.
fn nearest(field: Field, mine: u64, more: u64) -> Option<u64> {
    let number = field.add(amount(field, mine), more);
    let this = mine >> COUNTER_BITS;
    let of_life = |life: u64| {
        let writes = field.sub(number, start_of_life(field, life));
        if life != this {
            return Some((NEW_LIFE * (writes + 1), life << COUNTER_BITS | writes));
        }
        let ahead = field.centred(field.sub(number, amount(field, mine)));
        let theirs = mine.checked_add_signed(ahead).filter(|theirs| theirs >> COUNTER_BITS == this)?;
        Some((ahead.unsigned_abs(), theirs))
    };
    let lives = this.saturating_sub(MOST_LIVES)..=this.saturating_add(MOST_LIVES).min(u64::from(u32::MAX));
    lives.filter_map(of_life).min().map(|(_, theirs)| theirs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rand::RngExt;
    use rumormill_protocol::{Random, generator};

    use super::*;
    use crate::sketch::Naming;

    type Versions = BTreeMap<NodeId, u64>;

    fn items(naming: Naming, versions: &Versions) -> Items {
        Items::new(naming, versions.iter().map(|(writer, version)| (*writer, *version)))
            .expect("all have positions")
    }

    /// Asks until all is known; returns it with the number of symbols that were sent.
    fn reconcile(naming: Naming, mine: &Versions, theirs: &Versions) -> (Option<Difference>, usize) {
        let their_items = items(naming, theirs);
        let mut search = Search::new(items(naming, mine), their_items.check());
        let mut sent = their_items.sums(Range::ALL, 2 * FIRST);
        let mut all = 0;
        loop {
            assert_eq!(sent.len(), search.awaits());
            all += sent.len();
            sent = match search.hear(&sent) {
                Step::Done(difference) => return (Some(difference), all),
                Step::Collided | Step::GiveUp => return (None, all),
                Step::More => their_items.sums(Range::ALL, 2 * MOST).split_off(2 * FIRST),
                Step::Halves { depth, ranges } => ranges
                    .into_iter()
                    .map(|index| Range::new(depth, index).expect("a range that there is").halves()[0])
                    .flat_map(|lower| their_items.sums(lower, 2 * MOST))
                    .collect(),
            };
        }
    }

    /// What differs, found by looking.
    fn truth(naming: Naming, mine: &Versions, theirs: &Versions) -> Difference {
        let mut truth = Difference::default();
        for writer in mine.keys().chain(theirs.keys().filter(|writer| !mine.contains_key(writer))) {
            let of = |versions: &Versions| versions.get(writer).copied().unwrap_or(0);
            let (mine, theirs) = (of(mine), of(theirs));
            if theirs < mine {
                truth.lacking_there.push((*writer, theirs));
            } else if mine < theirs {
                truth.lacking_here.push((naming.position(*writer), theirs - mine));
            }
        }
        truth.lacking_here.sort_unstable();
        truth.lacking_there.sort_unstable();
        truth
    }

    /// Versions of `writers`, and the same but for `differences` of them.
    fn pair(writers: u32, differences: usize, random: &mut Random) -> (Versions, Versions) {
        let mine: Versions =
            (0..writers).map(|writer| (NodeId(writer), random.random_range(1..300))).collect();
        let mut theirs = mine.clone();
        let mut left = differences;
        while left > 0 {
            let writer = NodeId(random.random_range(0..writers));
            if theirs.get(&writer) == mine.get(&writer) {
                match random.random_range(0..4) {
                    0 => drop(theirs.remove(&writer)),
                    1 => drop(theirs.insert(writer, mine[&writer] + 300)),
                    // Another life.
                    2 => drop(theirs.insert(writer, (1 << COUNTER_BITS) + random.random_range(1..50))),
                    _ => drop(theirs.insert(writer, mine[&writer] + 1)),
                }
                left -= 1;
            }
        }
        (mine, theirs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn whatever_differs_is_found_from_either_end(
            seed: u64, salt: u16, writers in 1u32..3_000, share in 0.0f64..0.03, hashed: bool,
        ) {
            let naming = if hashed { Naming::Hashed { salt } } else { Naming::Roster(3_000) };
            let differences = (f64::from(writers) * share) as usize;
            let (one, two) = pair(writers, differences, &mut generator(seed));
            for (mine, theirs) in [(&one, &two), (&two, &one)] {
                let (found, _) = reconcile(naming, mine, theirs);
                // Where hashes collide, or a whole digest costs less, it may be given up.
                let Some(found) = found else { continue };
                prop_assert_eq!(found.lacking_there.len() + found.lacking_here.len(), differences);
                if differences < 10 {
                    prop_assert_eq!(found, truth(naming, mine, theirs));
                }
            }
        }

        #[test]
        fn whatever_a_peer_sends_the_search_ends(seed: u64, hashed: bool, check: u32) {
            let naming = if hashed { Naming::Hashed { salt: 1 } } else { Naming::Roster(500) };
            let mut random = generator(seed);
            let (mine, _) = pair(500, 0, &mut random);
            let mut search = Search::new(items(naming, &mine), check);
            for _ in 0..=MOST_DEPTH + 2 {
                let symbols: Vec<u64> = (0..search.awaits()).map(|_| random.random_range(0..1 << 24)).collect();
                prop_assert!(symbols.len() <= 2 * 2 * MOST * super::super::MOST_RANGES);
                if let Step::Done(_) | Step::Collided | Step::GiveUp = search.hear(&symbols) {
                    return Ok(());
                }
            }
            prop_assert!(false, "it goes on for ever");
        }
    }

    #[test]
    fn a_difference_takes_two_symbols_where_they_are_few_and_about_three_where_they_are_many() {
        for naming in [Naming::Hashed { salt: 7 }, Naming::Roster(10_000)] {
            for (differences, most) in [(1, 8.0), (4, 2.0), (12, 2.0), (100, 3.8), (600, 3.8)] {
                let (mut all, mut read) = (0, 0);
                let seeds = if differences > 100 { 4 } else { 10 };
                for seed in 0..seeds {
                    let (mine, theirs) = pair(10_000, differences, &mut generator(seed));
                    let (found, symbols) = reconcile(naming, &mine, &theirs);
                    read += u64::from(found.is_some());
                    all += symbols;
                }
                assert!(read * 4 >= seeds * 3, "of {seeds} with {differences} {read} are read by {naming:?}");
                let each = all as f64 / (seeds as usize * differences) as f64;
                assert!(each <= most, "{each} symbols for each of {differences} differences");
            }
        }
    }

    #[test]
    fn writers_who_share_a_position_are_told_apart() {
        // Many positions of few writers: with 300 salts some pairs of 2,000 collide.
        let mine: Versions = (0..2_000).map(|writer| (NodeId(writer), 8)).collect();
        let mut shared = 0;
        for salt in 0..300 {
            let naming = Naming::Hashed { salt };
            let all = items(naming, &mine);
            let twin = mine
                .keys()
                .find(|writer| all.items_of(**writer).is_some_and(|item| all.at(item.position).len() > 1));
            let Some(twin) = twin else { continue };
            shared += 1;
            let mut theirs = mine.clone();
            theirs.insert(*twin, 5);
            let (found, _) = reconcile(naming, &mine, &theirs);
            assert_eq!(found.expect("it is found").lacking_there, [(*twin, 5)]);
        }
        assert!(shared > 10, "{shared}");
    }
}
