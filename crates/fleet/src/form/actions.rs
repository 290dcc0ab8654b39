use std::{net::SocketAddr, sync::Arc, time::Duration};

use rumormill_lab::{Action, Impairment, Pace};
use rumormill_protocol::{Command, Contact, NodeId, NodeSet, WarmBoot};
use serde::{Deserialize, Serialize};

/// Actions in the order given, and when each is due on the agent's clock; 0 is at once. Sets of nodes that many share
/// stand once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ActionsForm {
    sets: Vec<Vec<u64>>,
    actions: Vec<(u64, u32, Form)>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Form {
    /// Of what all know: the agent makes it by itself, for it would be megabytes.
    Warm,
    Join(Vec<(u32, SocketAddr)>),
    Leave,
    Put(String, Vec<u8>),
    Propose(u64, Vec<u8>),
    Delete(String),
    Crash,
    Restart,
    Pause,
    Resume,
    Block(Duration),
    Unblock,
    Pace(Pace),
    Impair {
        fault: u32,
        toward: Option<u32>,
        loss: f64,
        delay: Duration,
    },
    Repair {
        fault: u32,
    },
}

/// Actions that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    form: ActionsForm,
    /// The sets in the form, by where they are in memory.
    sets: Vec<Arc<NodeSet>>,
    bytes: usize,
}

impl Actions {
    /// More than this is to be sent at once.
    const BYTES: usize = 1 << 20;

    pub(crate) fn push(&mut self, due_ns: u64, node: NodeId, action: Action) {
        let form = match action {
            Action::Command(Command::Warm(_)) => Form::Warm,
            Action::Command(Command::Join { seeds }) => {
                Form::Join(seeds.iter().map(|seed| (seed.id.0, seed.address)).collect())
            }
            Action::Command(Command::Leave) => Form::Leave,
            Action::Command(Command::Put { key, value }) => Form::Put(key.as_ref().into(), value.to_vec()),
            Action::Command(Command::Propose { slot, value }) => Form::Propose(slot, value.to_vec()),
            Action::Command(Command::Delete { key }) => Form::Delete(key.as_ref().into()),
            Action::Crash => Form::Crash,
            Action::Restart => Form::Restart,
            Action::Pause => Form::Pause,
            Action::Resume => Form::Resume,
            Action::Block { reading } => Form::Block(reading),
            Action::Unblock => Form::Unblock,
            Action::Pace(pace) => Form::Pace(pace),
            Action::Impair { fault, impairment: Impairment { toward, loss, delay } } => {
                Form::Impair { fault, toward: toward.map(|set| self.set(set)), loss, delay }
            }
            Action::Repair { fault } => Form::Repair { fault },
        };
        self.bytes += 64
            + match &form {
                Form::Put(key, value) => key.len() + value.len(),
                Form::Propose(_, value) => value.len(),
                Form::Join(seeds) => 32 * seeds.len(),
                _ => 0,
            };
        self.form.actions.push((due_ns, node.0, form));
    }

    fn set(&mut self, set: Arc<NodeSet>) -> u32 {
        let known = self.sets.iter().rposition(|known| Arc::ptr_eq(known, &set));
        let place = known.unwrap_or_else(|| {
            self.bytes += 8 * set.words().len();
            self.form.sets.push(set.words().to_vec());
            self.sets.push(set);
            self.sets.len() - 1
        });
        place as u32
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= Self::BYTES
    }

    /// What waits, if anything does.
    pub(crate) fn take(&mut self) -> Option<ActionsForm> {
        (!self.form.actions.is_empty()).then(|| std::mem::take(self).form)
    }
}

impl ActionsForm {
    /// The actions and when each is due; nothing when it makes no sense.
    pub(crate) fn read(self, warm: &Arc<WarmBoot>) -> Option<Vec<(u64, NodeId, Action)>> {
        let sets: Vec<_> = self.sets.into_iter().map(|words| Arc::new(NodeSet::from_words(words))).collect();
        let action = |form| {
            Some(match form {
                Form::Warm => Action::Command(Command::Warm(warm.clone())),
                Form::Join(seeds) => {
                    let seeds = seeds.into_iter().map(|(id, address)| Contact { id: NodeId(id), address });
                    Action::Command(Command::Join { seeds: seeds.collect() })
                }
                Form::Leave => Action::Command(Command::Leave),
                Form::Put(key, value) => {
                    Action::Command(Command::Put { key: key.into(), value: value.into() })
                }
                Form::Propose(slot, value) => Action::Command(Command::Propose { slot, value: value.into() }),
                Form::Delete(key) => Action::Command(Command::Delete { key: key.into() }),
                Form::Crash => Action::Crash,
                Form::Restart => Action::Restart,
                Form::Pause => Action::Pause,
                Form::Resume => Action::Resume,
                Form::Block(reading) => Action::Block { reading },
                Form::Unblock => Action::Unblock,
                Form::Pace(pace) => Action::Pace(pace),
                Form::Impair { fault, toward, loss, delay } => {
                    let toward = match toward {
                        Some(place) => Some(sets.get(place as usize)?.clone()),
                        None => None,
                    };
                    Action::Impair { fault, impairment: Impairment { toward, loss, delay } }
                }
                Form::Repair { fault } => Action::Repair { fault },
            })
        };
        self.actions.into_iter().map(|(due, node, form)| Some((due, NodeId(node), action(form)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_arrives_as_it_was() {
        let warm = Arc::new(WarmBoot::new(Vec::new(), Vec::new()));
        let set: Arc<NodeSet> = Arc::new([3, 200].map(NodeId).into_iter().collect());
        let seed = Contact { id: NodeId(3), address: ([10, 0, 0, 1], 77).into() };
        let impairment = Impairment { toward: Some(set), loss: 0.25, delay: Duration::from_millis(7) };
        let all = vec![
            Action::Command(Command::Warm(warm.clone())),
            Action::Command(Command::Join { seeds: vec![seed] }),
            Action::Command(Command::Leave),
            Action::Command(Command::Put { key: "k1".into(), value: [1, 2].as_slice().into() }),
            Action::Command(Command::Propose { slot: 4, value: [9].as_slice().into() }),
            Action::Command(Command::Delete { key: "@h".into() }),
            Action::Crash,
            Action::Restart,
            Action::Pause,
            Action::Resume,
            Action::Block { reading: Duration::from_micros(50) },
            Action::Unblock,
            Action::Pace(Pace::of(0.9)),
            Action::Impair { fault: 1, impairment: impairment.clone() },
            Action::Impair { fault: 2, impairment: Impairment { toward: None, ..impairment } },
            Action::Repair { fault: 1 },
        ];
        let mut actions = Actions::default();
        for (at, action) in all.iter().enumerate() {
            actions.push(at as u64, NodeId(7), action.clone());
        }
        let bytes = postcard::to_stdvec(&actions.take().expect("there are some")).expect("plain data");
        assert!(actions.take().is_none());
        let form: ActionsForm = postcard::from_bytes(&bytes).expect("it was just written");
        let read = form.read(&warm).expect("it was just written");
        let text = |action: &Action| format!("{action:?}");
        assert_eq!(
            read.iter().map(|(_, _, action)| text(action)).collect::<Vec<_>>(),
            all.iter().map(text).collect::<Vec<_>>()
        );
        assert!(read.iter().enumerate().all(|(at, &(due, node, _))| (due, node) == (at as u64, NodeId(7))));
    }

    /// A partition of 10,000 nodes concerns each: their set of 1,250 bytes travels once.
    #[test]
    fn a_set_that_many_share_travels_once() {
        let set: Arc<NodeSet> = Arc::new((0..5_000).map(NodeId).collect());
        let mut actions = Actions::default();
        for node in 0..10_000 {
            let impairment = Impairment { toward: Some(set.clone()), loss: 1.0, delay: Duration::ZERO };
            actions.push(123_456_789_012, NodeId(node), Action::Impair { fault: 0, impairment });
        }
        let bytes = postcard::to_stdvec(&actions.take().expect("there are some")).expect("plain data");
        assert!(bytes.len() < 10_000 * 30, "{}", bytes.len());
    }
}
