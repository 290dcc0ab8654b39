use std::{collections::BTreeMap, net::SocketAddr, ops::Range, sync::Arc};

use rumormill_protocol::{NodeId, Status};

use crate::{base::Base, commons::Commons, mix::mix2, standing::Standing, table::Table};

/// Members that a table takes at most; names beyond it are ignored.
pub(crate) const MAX_MEMBERS: usize = 1 << 20;

/// What this node thinks of every member. With commons, what everyone thought at the start takes no memory.
#[derive(Debug)]
pub(crate) struct Membership {
    table: Table,
    /// Addresses of members that are not in the roster.
    addresses: BTreeMap<NodeId, SocketAddr>,
    base: Option<Arc<Base>>,
    commons: Option<Arc<Commons>>,
    members: usize,
    hash: u64,
}

impl Membership {
    pub(crate) const fn new(commons: Option<Arc<Commons>>) -> Self {
        Self { table: Table::empty(), addresses: BTreeMap::new(), base: None, commons, members: 0, hash: 0 }
    }

    /// Everyone of the roster is alive in the first incarnation. To be called on a new table only.
    pub(crate) fn load(&mut self, base: Arc<Base>) {
        let roster = base.roster_len();
        if self.commons.is_some() && roster <= MAX_MEMBERS {
            self.table = Table::all_alive(roster as u32);
            (self.members, self.hash) = (roster, base.members_hash);
        } else {
            for contact in &base.warm.roster {
                self.merge(contact.id, Standing::first_of_life(0));
            }
        }
        self.base = Some(base);
    }

    /// Takes an opinion in; returns what was thought before when this changes it.
    pub(crate) fn merge(&mut self, member: NodeId, said: Standing) -> Option<Standing> {
        let before = self.standing(member);
        if said <= before || member.index() >= MAX_MEMBERS {
            return None;
        }
        self.table.set(member, said);
        self.members = self.members + usize::from(said.is_member()) - usize::from(before.is_member());
        self.hash =
            self.hash.wrapping_sub(opinion_hash(member, before)).wrapping_add(opinion_hash(member, said));
        Some(before)
    }

    pub(crate) fn standing(&self, member: NodeId) -> Standing {
        self.table.standing(member)
    }

    pub(crate) fn status(&self, member: NodeId) -> Status {
        self.standing(member).status()
    }

    /// Members that are alive or only suspected, this node included.
    pub(crate) const fn count(&self) -> usize {
        self.members
    }

    /// Those members, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.known().filter(|(_, standing)| standing.is_member()).map(|(member, _)| member)
    }

    /// Everyone ever heard of, in the order of their numbers.
    pub(crate) fn known(&self) -> impl Iterator<Item = (NodeId, Standing)> + '_ {
        self.known_from(NodeId(0))
    }

    /// Everyone ever heard of whose number is at least `first`, in the order of their numbers.
    pub(crate) fn known_from(&self, first: NodeId) -> impl Iterator<Item = (NodeId, Standing)> + '_ {
        self.table.from(first).filter(|(_, standing)| *standing != Standing::UNKNOWN)
    }

    /// The number after the greatest that was ever heard of.
    pub(crate) fn numbers(&self) -> u32 {
        self.table.numbers()
    }

    /// Opinions of the members with these numbers, for the dense form on the wire.
    pub(crate) fn opinions(&self, numbers: Range<u32>) -> Vec<Standing> {
        self.table.range(numbers)
    }

    /// What nodes that know this roster share, and how many it names.
    pub(crate) fn commons(&self) -> Option<(&Commons, usize)> {
        let (commons, base) = (self.commons.as_ref()?, self.base.as_ref()?);
        Some((commons, base.roster_len()))
    }

    /// A sum over all opinions: equal tables have equal hashes, whatever the order they grew in.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Remembers where a member that is not in the roster listens; false when that is known already.
    pub(crate) fn introduce(&mut self, member: NodeId, address: SocketAddr) -> bool {
        if member.index() < self.roster_len() || member.index() >= MAX_MEMBERS {
            return false;
        }
        self.addresses.insert(member, address) != Some(address)
    }

    /// Where a member listens that is not in the roster.
    pub(crate) fn address(&self, member: NodeId) -> Option<SocketAddr> {
        self.addresses.get(&member).copied()
    }

    /// How many members the roster names: those with smaller numbers.
    pub(crate) fn roster_len(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.roster_len())
    }

    /// Names the roster: two nodes with equal hashes may name its members by index. 0 without a roster.
    pub(crate) fn roster_hash(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.roster_hash)
    }
}

pub(crate) fn opinion_hash(member: NodeId, standing: Standing) -> u64 {
    if standing == Standing::UNKNOWN { 0 } else { mix2(u64::from(member.0), u64::from(standing.to_wire())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_equal_opinions_have_equal_hashes_whatever_their_past() {
        let (mut one, mut two) = (Membership::new(None), Membership::new(None));
        for member in (0..50).map(NodeId) {
            one.merge(member, Standing::alive(1));
        }
        for member in (0..50).rev().map(NodeId) {
            two.merge(member, Standing::alive(1));
        }
        assert_eq!(one.hash(), two.hash());
        one.merge(NodeId(7), Standing::alive(1).with(Status::Suspect));
        assert_ne!(one.hash(), two.hash());
        one.merge(NodeId(7), Standing::alive(2));
        two.merge(NodeId(7), Standing::alive(2));
        assert_eq!(one.hash(), two.hash());
        assert_eq!(one.count(), 50);
    }

    #[test]
    fn a_name_beyond_the_bound_changes_nothing() {
        let mut table = Membership::new(None);
        assert_eq!(table.merge(NodeId(MAX_MEMBERS as u32), Standing::alive(1)), None);
        assert_eq!(table.numbers(), 0);
    }
}
