use std::collections::{BTreeMap, VecDeque};

use rumormill_lab::Action;
use rumormill_protocol::Command;

/// Nodes that wait until they may boot, and what is asked of them meanwhile: at most what one scenario asks.
#[derive(Debug, Default)]
pub(crate) struct Boots {
    queue: VecDeque<(usize, Action)>,
    /// How much waits for each place.
    held: BTreeMap<usize, usize>,
}

impl Boots {
    /// Keeps what must wait, and gives back what may be done at once.
    pub(crate) fn hold(&mut self, place: usize, action: Action, room: bool) -> Option<Action> {
        if !self.held.contains_key(&place) && (room || !boots(&action)) {
            return Some(action);
        }
        *self.held.entry(place).or_default() += 1;
        self.queue.push_back((place, action));
        None
    }

    /// The next thing to do, in the order asked for.
    pub(crate) fn next(&mut self, room: bool) -> Option<(usize, Action)> {
        if !room && self.queue.front().is_some_and(|(_, action)| boots(action)) {
            return None;
        }
        let (place, action) = self.queue.pop_front()?;
        if let Some(count) = self.held.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&place);
            }
        }
        Some((place, action))
    }
}

const fn boots(action: &Action) -> bool {
    matches!(action, Action::Command(Command::Warm(_) | Command::Join { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_waits_for_room_and_what_is_asked_of_its_node_waits_behind_it() {
        let join = || Action::Command(Command::Join { seeds: Vec::new() });
        let mut boots = Boots::default();
        assert!(boots.hold(0, join(), true).is_some());
        assert!(boots.hold(1, join(), false).is_none());
        assert!(boots.hold(1, Action::Crash, true).is_none());
        assert!(boots.hold(2, Action::Crash, false).is_some(), "others do not wait");
        assert!(boots.next(false).is_none());
        assert!(matches!(boots.next(true), Some((1, Action::Command(_)))));
        assert!(matches!(boots.next(false), Some((1, Action::Crash))));
        assert!(boots.next(true).is_none());
        assert!(boots.hold(1, Action::Crash, true).is_some());
    }
}
