use rumormill_measure::Membership;
use rumormill_protocol::{NodeId, Status};

use super::lives::Lives;
use crate::Inspection;

/// Adds what live nodes believe of these members at the end. Inspections of nodes that are not live are left out.
/// A node's belief of itself is one of them.
pub(super) fn add(
    membership: &mut Membership,
    lives: &Lives,
    members: &[NodeId],
    inspections: &[Inspection],
) {
    let mut observers = 0;
    for inspection in inspections.iter().filter(|inspection| lives.is_up_at_end(inspection.node)) {
        observers += 1;
        for ((&member, &status), &life) in members.iter().zip(&inspection.statuses).zip(&inspection.lives) {
            if !lives.is_up_at_end(member) {
                let phantom = matches!(status, Status::Alive | Status::Suspect);
                membership.phantom_pairs += u64::from(phantom);
                continue;
            }
            *match status {
                Status::Alive => &mut membership.alive_pairs,
                Status::Suspect => &mut membership.suspect_pairs,
                Status::Dead | Status::Left => &mut membership.wrongly_gone_pairs,
                Status::Unknown => &mut membership.unknown_pairs,
            } += 1;
            let old = status != Status::Unknown && life < lives.life(member);
            membership.old_life_pairs += u64::from(old);
        }
    }
    membership.observers = membership.observers.max(observers);
    membership.members += members.len() as u64;
}
