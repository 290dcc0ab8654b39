use std::{net::SocketAddr, ops::Range, sync::Arc};

use rumormill_protocol::{NodeId, Status};

use crate::{
    addresses::{Addresses, past},
    base::Base,
    commons::Commons,
    mix::mix2,
    standing::Standing,
    table::Table,
};

/// Members that a table takes at most; names beyond it are ignored.
pub(crate) const MAX_MEMBERS: usize = 1 << 20;

/// What this node thinks of every member. With commons, what everyone thought at the start takes no memory.
#[derive(Debug)]
pub(crate) struct Membership {
    table: Table,
    /// Addresses of members that are not in the roster.
    addresses: Addresses,
    base: Option<Arc<Base>>,
    commons: Option<Arc<Commons>>,
    members: usize,
    /// Members and the dead: whoever was heard of and has not left.
    electorate: usize,
    hash: u64,
    /// Whether suspicions and deaths are this node's own, so that tables which differ in them alone are equal.
    judges_alone: bool,
}

impl Membership {
    pub(crate) fn new(commons: Option<Arc<Commons>>) -> Self {
        Self {
            table: Table::empty(),
            addresses: Addresses::default(),
            base: None,
            commons,
            members: 0,
            electorate: 0,
            hash: 0,
            judges_alone: false,
        }
    }

    /// The table of a node that tells nobody whom it suspects or takes for dead.
    pub(crate) fn judging_alone(commons: Option<Arc<Commons>>) -> Self {
        Self { judges_alone: true, ..Self::new(commons) }
    }

    /// Everyone of the roster is alive in the first incarnation. To be called on a new table only.
    pub(crate) fn load(&mut self, base: Arc<Base>) {
        let roster = base.roster_len();
        if self.commons.is_some() && roster <= MAX_MEMBERS {
            self.table = Table::all_alive(roster as u32);
            (self.members, self.electorate, self.hash) = (roster, roster, base.members_hash);
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
        self.replace(member, before, said);
        Some(before)
    }

    /// Changes this node's own verdict on a member that it knows, for better or worse; returns the one before.
    pub(crate) fn decide(&mut self, member: NodeId, status: Status) -> Status {
        let before = self.standing(member);
        if before != Standing::UNKNOWN {
            self.replace(member, before, before.with(status));
        }
        before.status()
    }

    fn replace(&mut self, member: NodeId, before: Standing, said: Standing) {
        self.table.set(member, said);
        self.members = self.members + usize::from(said.is_member()) - usize::from(before.is_member());
        self.electorate = self.electorate + usize::from(may_vote(said)) - usize::from(may_vote(before));
        let [before, said] = [before, said].map(|standing| opinion_hash(member, self.told(standing)));
        self.hash = self.hash.wrapping_sub(before).wrapping_add(said);
    }

    /// What of an opinion is the same at all nodes once all news has arrived.
    fn told(&self, standing: Standing) -> Standing {
        let is_verdict = matches!(standing.status(), Status::Suspect | Status::Dead);
        if self.judges_alone && is_verdict { standing.with(Status::Alive) } else { standing }
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

    /// How many may vote: a member that died does not cease to count, for it may only be cut off, and on the other side
    /// all of this one count as dead. One that left does.
    pub(crate) const fn electorate(&self) -> usize {
        self.electorate
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
        match past(member, self.roster_len()) {
            Some(number) if member.index() < MAX_MEMBERS => self.addresses.insert(number, address),
            _ => false,
        }
    }

    /// Where a member listens that is not in the roster.
    pub(crate) fn address(&self, member: NodeId) -> Option<SocketAddr> {
        self.addresses.of(past(member, self.roster_len())?)
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

const fn may_vote(standing: Standing) -> bool {
    matches!(standing.status(), Status::Alive | Status::Suspect | Status::Dead)
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
