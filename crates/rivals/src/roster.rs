use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use rumormill_protocol::{NodeId, Status, WarmBoot};

/// Members that a node takes note of at most; ids beyond it are ignored.
pub(crate) const MAX_MEMBERS: usize = 1 << 20;

/// What a node thinks of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// How often its id was started before.
    pub(crate) life: u32,
    /// Never unknown.
    pub(crate) status: Status,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Member {
    pub(crate) const fn with(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// Whether it counts as part of the cluster: alive or only suspected.
    pub(crate) const fn is_in(&self) -> bool {
        matches!(self.status, Status::Alive | Status::Suspect)
    }
}

/// Everybody whom a node ever heard of. Who booted warm is alive in the first life unless something else is noted, so
/// a node's own memory is that of the changes.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    base: Option<Arc<WarmBoot>>,
    changed: BTreeMap<NodeId, Member>,
    known: usize,
    alive: usize,
}

impl Roster {
    /// Everyone of the boot is alive in the first life.
    pub(crate) fn load(&mut self, warm: &Arc<WarmBoot>) {
        self.known = warm.roster.len();
        self.alive = warm.roster.len();
        self.base = Some(Arc::clone(warm));
    }

    pub(crate) fn member(&self, id: NodeId) -> Option<Member> {
        if let Some(member) = self.changed.get(&id) {
            return Some(*member);
        }
        let contact = self.base.as_ref()?.roster.get(id.index())?;
        Some(Member { life: 0, status: Status::Alive, address: contact.address })
    }

    /// Notes what is thought of a member from now on; returns what was thought before.
    pub(crate) fn set(&mut self, id: NodeId, member: Member) -> Option<Member> {
        let before = self.member(id);
        if id.index() >= MAX_MEMBERS {
            return before;
        }
        self.known += usize::from(before.is_none());
        self.alive += usize::from(member.is_in());
        self.alive -= usize::from(before.is_some_and(|before| before.is_in()));
        self.changed.insert(id, member);
        before
    }

    /// Everybody, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, Member)> + '_ {
        let booted = self.base.as_ref().map_or(0, |warm| warm.roster.len() as u32);
        let base = (0..booted).map(NodeId).filter_map(|id| Some((id, self.member(id)?)));
        base.chain(self.changed.range(NodeId(booted)..).map(|(&id, &member)| (id, member)))
    }

    /// How many it ever heard of, this node included.
    pub(crate) const fn known(&self) -> usize {
        self.known
    }

    /// How many of them are alive or only suspected.
    pub(crate) const fn alive(&self) -> usize {
        self.alive
    }
}

#[cfg(test)]
mod tests {
    use rumormill_protocol::Contact;

    use super::*;

    #[test]
    fn changes_lie_over_what_everyone_booted_with() {
        let address = |id: u32| SocketAddr::from(([127, 0, 0, 1], id as u16 + 1));
        let roster = (0..4).map(|id| Contact { id: NodeId(id), address: address(id) }).collect();
        let mut table = Roster::default();
        table.load(&Arc::new(WarmBoot::new(roster, Vec::new())));
        let dead = Member { life: 0, status: Status::Dead, address: address(2) };
        let late = Member { life: 3, status: Status::Alive, address: address(9) };
        assert_eq!(table.set(NodeId(2), dead), Some(dead.with(Status::Alive)));
        assert_eq!(table.set(NodeId(9), late), None);
        assert_eq!((table.known(), table.alive()), (5, 4));
        assert_eq!(table.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [0, 1, 2, 3, 9]);
        assert_eq!((table.member(NodeId(2)), table.member(NodeId(9))), (Some(dead), Some(late)));
        table.set(NodeId(MAX_MEMBERS as u32), late);
        assert_eq!((table.member(NodeId(MAX_MEMBERS as u32)), table.known()), (None, 5));
    }
}
