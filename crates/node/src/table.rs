use std::ops::Range;

use rumormill_protocol::NodeId;

use crate::{by_number::extend_to, standing::Standing};

/// Opinions by member number. Both forms say the same of everyone.
#[derive(Debug)]
pub(crate) enum Table {
    /// 4 bytes a number.
    Dense(Vec<Standing>),
    /// All numbers below `roster` are alive in the first incarnation, but for exceptions, which ascend: 8 bytes each.
    Sparse { roster: u32, exceptions: Vec<(NodeId, Standing)> },
}

/// A table becomes dense when there is more than one exception for so many members of the roster.
const MEMBERS_PER_EXCEPTION: usize = 8;

impl Table {
    pub(crate) const fn empty() -> Self {
        Self::Dense(Vec::new())
    }

    pub(crate) const fn all_alive(roster: u32) -> Self {
        Self::Sparse { roster, exceptions: Vec::new() }
    }

    pub(crate) fn standing(&self, member: NodeId) -> Standing {
        match self {
            Self::Dense(standings) => standings.get(member.index()).copied().unwrap_or_default(),
            Self::Sparse { roster, exceptions } => match place(exceptions, member) {
                Ok(at) => exceptions[at].1,
                Err(_) if member.0 < *roster => Standing::first_of_life(0),
                Err(_) => Standing::UNKNOWN,
            },
        }
    }

    pub(crate) fn set(&mut self, member: NodeId, standing: Standing) {
        match self {
            Self::Dense(standings) => {
                extend_to(standings, member.index() + 1);
                standings[member.index()] = standing;
            }
            Self::Sparse { roster, exceptions } => {
                match place(exceptions, member) {
                    Ok(at) => exceptions[at].1 = standing,
                    Err(at) => exceptions.insert(at, (member, standing)),
                }
                if exceptions.len() > *roster as usize / MEMBERS_PER_EXCEPTION {
                    *self = Self::Dense(self.range(0..self.numbers()));
                }
            }
        }
    }

    /// The number after the greatest that was ever heard of.
    pub(crate) fn numbers(&self) -> u32 {
        match self {
            Self::Dense(standings) => standings.len() as u32,
            Self::Sparse { roster, exceptions } => {
                exceptions.last().map_or(*roster, |(member, _)| (member.0 + 1).max(*roster))
            }
        }
    }

    /// Opinions of the members with these numbers.
    pub(crate) fn range(&self, numbers: Range<u32>) -> Vec<Standing> {
        self.from(NodeId(numbers.start))
            .take((numbers.end - numbers.start) as usize)
            .map(|(_, standing)| standing)
            .collect()
    }

    /// Opinions of all numbers from `first` on, those of which nothing is known included.
    pub(crate) fn from(&self, first: NodeId) -> impl Iterator<Item = (NodeId, Standing)> + '_ {
        let (dense, exceptions) = match self {
            Self::Dense(standings) => (standings.as_slice(), &[][..]),
            Self::Sparse { exceptions, .. } => (&[][..], exceptions.as_slice()),
        };
        let roster = match self {
            Self::Dense(_) => 0,
            Self::Sparse { roster, .. } => *roster,
        };
        let mut exceptions = exceptions[place(exceptions, first).unwrap_or_else(|at| at)..].iter().peekable();
        (first.0..self.numbers()).map(NodeId).map(move |member| {
            let exception = exceptions.next_if(|(exception, _)| *exception == member);
            let usual = if member.0 < roster { Standing::first_of_life(0) } else { Standing::UNKNOWN };
            let said = dense.get(member.index()).copied().or(exception.map(|(_, standing)| *standing));
            (member, said.unwrap_or(usual))
        })
    }

    #[cfg(test)]
    const fn is_dense(&self) -> bool {
        matches!(self, Self::Dense(_))
    }
}

fn place(exceptions: &[(NodeId, Standing)], member: NodeId) -> Result<usize, usize> {
    exceptions.binary_search_by_key(&member, |(exception, _)| *exception)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_forms_say_the_same(
            roster in 0u32..200,
            said in proptest::collection::vec((0u32..300, 1u32..40), 0..40),
            first in 0u32..300,
        ) {
            let mut sparse = Table::all_alive(roster);
            let mut dense = Table::Dense(vec![Standing::first_of_life(0); roster as usize]);
            for (number, standing) in said {
                let (member, standing) = (NodeId(number), Standing::from_wire(standing));
                sparse.set(member, standing);
                dense.set(member, standing);
                prop_assert_eq!(sparse.numbers(), dense.numbers());
                prop_assert!((0..310).map(NodeId).all(|id| sparse.standing(id) == dense.standing(id)));
                prop_assert!(sparse.from(NodeId(first)).eq(dense.from(NodeId(first))));
            }
        }
    }

    #[test]
    fn few_exceptions_are_kept_apart_and_many_are_not() {
        let mut table = Table::all_alive(80);
        (0..10).for_each(|number| table.set(NodeId(number), Standing::alive(2)));
        assert!(!table.is_dense());
        table.set(NodeId(20), Standing::alive(2));
        assert!(table.is_dense());
    }
}
