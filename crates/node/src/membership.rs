use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use rumormill_protocol::{NodeId, Status, WarmBoot};

use crate::{mix::mix2, standing::Standing};

/// Members a table takes at most; names beyond it are ignored.
pub(crate) const MAX_MEMBERS: usize = 1 << 20;

/// What this node thinks of every member: 4 bytes a member, by number.
#[derive(Debug)]
pub(crate) struct Membership {
    standings: Vec<Standing>,
    /// Addresses of members that are not in the roster.
    addresses: BTreeMap<NodeId, SocketAddr>,
    roster: Option<Arc<WarmBoot>>,
    members: usize,
    hash: u64,
}

impl Membership {
    pub(crate) const fn new() -> Self {
        Self { standings: Vec::new(), addresses: BTreeMap::new(), roster: None, members: 0, hash: 0 }
    }

    /// Everyone of the roster is alive in the first incarnation.
    pub(crate) fn load(&mut self, warm: &Arc<WarmBoot>) {
        self.roster = Some(Arc::clone(warm));
        for contact in &warm.roster {
            self.merge(contact.id, Standing::first_of_life(0));
        }
    }

    /// Takes an opinion in; returns what was thought before when this changes it.
    pub(crate) fn merge(&mut self, member: NodeId, said: Standing) -> Option<Standing> {
        let before = self.standing(member);
        if said <= before || member.index() >= MAX_MEMBERS {
            return None;
        }
        if member.index() >= self.standings.len() {
            self.standings.resize(member.index() + 1, Standing::UNKNOWN);
        }
        self.standings[member.index()] = said;
        self.members = self.members + usize::from(said.is_member()) - usize::from(before.is_member());
        self.hash =
            self.hash.wrapping_sub(opinion_hash(member, before)).wrapping_add(opinion_hash(member, said));
        Some(before)
    }

    pub(crate) fn standing(&self, member: NodeId) -> Standing {
        self.standings.get(member.index()).copied().unwrap_or_default()
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
        (0u32..)
            .map(NodeId)
            .zip(self.standings.iter().copied())
            .filter(|(_, standing)| *standing != Standing::UNKNOWN)
    }

    /// Opinions by number, for the dense form on the wire.
    pub(crate) fn standings(&self) -> &[Standing] {
        &self.standings
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
        self.roster.as_ref().map_or(0, |warm| warm.roster.len())
    }

    /// Names the roster: two nodes with equal hashes may name its members by index. 0 without a roster.
    pub(crate) fn roster_hash(&self) -> u64 {
        self.roster.as_ref().map_or(0, |warm| {
            warm.roster.iter().fold(warm.roster.len() as u64, |hash, contact| {
                let ip = match contact.address {
                    SocketAddr::V4(v4) => u64::from(v4.ip().to_bits()),
                    SocketAddr::V6(v6) => mix2(v6.ip().to_bits() as u64, (v6.ip().to_bits() >> 64) as u64),
                };
                mix2(hash ^ u64::from(contact.id.0), ip ^ (u64::from(contact.address.port()) << 48))
            })
        })
    }
}

fn opinion_hash(member: NodeId, standing: Standing) -> u64 {
    if standing == Standing::UNKNOWN { 0 } else { mix2(u64::from(member.0), u64::from(standing.to_wire())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_equal_opinions_have_equal_hashes_whatever_their_past() {
        let (mut one, mut two) = (Membership::new(), Membership::new());
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
        let mut table = Membership::new();
        assert_eq!(table.merge(NodeId(MAX_MEMBERS as u32), Standing::alive(1)), None);
        assert!(table.standings.is_empty());
    }
}
