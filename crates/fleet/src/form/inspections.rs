use rumormill_lab::Inspection;
use rumormill_protocol::{NodeId, Status};
use serde::{Deserialize, Serialize};

/// What nodes believe: members whom a node sees alike, one after the other, stand once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct InspectionsForm(Vec<One>);

#[derive(Debug, Serialize, Deserialize)]
struct One {
    node: u32,
    /// How many members in a row have this status and life.
    views: Vec<(u32, Seen, u32)>,
    versions: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Seen {
    Unknown,
    Alive,
    Suspect,
    Dead,
    Left,
}

impl InspectionsForm {
    pub(crate) fn of(inspections: &[Inspection]) -> Self {
        let one = |inspection: &Inspection| {
            let mut views = Vec::<(u32, Seen, u32)>::new();
            for (&status, &life) in inspection.statuses.iter().zip(&inspection.lives) {
                let seen = Seen::of(status);
                match views.last_mut().filter(|view| (view.1, view.2) == (seen, life)) {
                    Some(view) => view.0 += 1,
                    None => views.push((1, seen, life)),
                }
            }
            One { node: inspection.node.0, views, versions: inspection.versions.clone() }
        };
        Self(inspections.iter().map(one).collect())
    }

    /// What nodes believe of so many members and writers; nothing when it makes no sense.
    pub(crate) fn read(self, members: usize, writers: usize) -> Option<Vec<Inspection>> {
        let one = |one: One| {
            let all: u64 = one.views.iter().map(|view| u64::from(view.0)).sum();
            if all != members as u64 || one.versions.len() != writers {
                return None;
            }
            let each = |&(count, seen, life): &(u32, Seen, u32)| {
                std::iter::repeat_n((seen.status(), life), count as usize)
            };
            let (statuses, lives) = one.views.iter().flat_map(each).unzip();
            Some(Inspection { node: NodeId(one.node), statuses, lives, versions: one.versions })
        };
        self.0.into_iter().map(one).collect()
    }
}

impl Seen {
    const fn of(status: Status) -> Self {
        match status {
            Status::Unknown => Self::Unknown,
            Status::Alive => Self::Alive,
            Status::Suspect => Self::Suspect,
            Status::Dead => Self::Dead,
            Status::Left => Self::Left,
        }
    }

    const fn status(self) -> Status {
        match self {
            Self::Unknown => Status::Unknown,
            Self::Alive => Status::Alive,
            Self::Suspect => Status::Suspect,
            Self::Dead => Status::Dead,
            Self::Left => Status::Left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beliefs_arrive_as_they_were_and_nothing_else_is_read() {
        let statuses =
            vec![Status::Alive, Status::Alive, Status::Dead, Status::Left, Status::Unknown, Status::Suspect];
        let lives = vec![0, 0, 0, 1, 0, 0];
        let inspection = Inspection { node: NodeId(4), statuses, lives, versions: vec![7, 9] };
        let all = [inspection.clone(), Inspection { node: NodeId(5), ..inspection }];
        assert_eq!(InspectionsForm::of(&all).read(6, 2), Some(all.to_vec()));
        for (members, writers) in [(5, 2), (7, 2), (6, 1)] {
            assert_eq!(InspectionsForm::of(&all).read(members, writers), None);
        }
    }
}
