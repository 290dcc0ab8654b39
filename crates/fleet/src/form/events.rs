use std::collections::BTreeMap;

use rumormill_lab::Stamped;
use rumormill_protocol::{Dot, Event, NodeId, Refusal, Time};
use serde::{Deserialize, Serialize};

/// Events by node, in the order of each. What happened at thousands of nodes stands once in a list of kinds. So an event
/// takes a byte or two for its kind and as much for the time since the node's last, whole microseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EventsForm {
    begin_us: u64,
    kinds: Vec<Kind>,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Run {
    /// The node's number, less that of the run before.
    gap: u32,
    /// The kind's place and the time since the last.
    events: Vec<(u32, u64)>,
}

type Write = (u32, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Suspected(u32),
    DeclaredDead(u32),
    Alive(u32),
    Left(u32),
    Wrote(Write),
    Applied(Write),
    LeaderChosen { leader: u32, term: u64 },
    LeaderLost,
    Settled { slot: u64, value: u64 },
    Conflict(Write, Write),
    Refused(Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Why {
    KeyLength,
    ValueLength,
    Unsupported,
    Absent,
    TooManyKeys,
    TooManyWaiting,
}

impl EventsForm {
    pub(crate) fn of(mut events: Vec<Stamped>) -> Self {
        let begin_us = events.iter().map(|event| event.at.micros()).min().unwrap_or(0);
        // Stable, so that each node's events stay in their order.
        events.sort_by_key(|event| event.node);
        let (mut kinds, mut places) = (Vec::new(), BTreeMap::new());
        let (mut runs, mut last) = (Vec::<Run>::new(), None);
        let mut before_us = begin_us;
        for Stamped { at, node, event } in events {
            if last != Some(node) {
                let gap = node.0 - last.map_or(0, |last: NodeId| last.0);
                runs.push(Run { gap, events: Vec::new() });
                (last, before_us) = (Some(node), begin_us);
            }
            let kind = Kind::of(event);
            let place = *places.entry(kind).or_insert_with(|| {
                kinds.push(kind);
                kinds.len() as u32 - 1
            });
            let at_us = at.micros().max(before_us);
            if let Some(run) = runs.last_mut() {
                run.events.push((place, at_us - before_us));
            }
            before_us = at_us;
        }
        Self { begin_us, kinds, runs }
    }

    /// The events; nothing when it makes no sense.
    pub(crate) fn read(&self) -> Option<Vec<Stamped>> {
        let mut events = Vec::new();
        let mut node = 0_u32;
        for run in &self.runs {
            node = node.checked_add(run.gap)?;
            let mut at_us = self.begin_us;
            for &(place, since) in &run.events {
                at_us = at_us.checked_add(since)?;
                let event = self.kinds.get(place as usize)?.event();
                events.push(Stamped { at: Time(at_us.checked_mul(1_000)?), node: NodeId(node), event });
            }
        }
        Some(events)
    }
}

impl Kind {
    const fn of(event: Event) -> Self {
        match event {
            Event::Suspected(member) => Self::Suspected(member.0),
            Event::DeclaredDead(member) => Self::DeclaredDead(member.0),
            Event::Alive(member) => Self::Alive(member.0),
            Event::Left(member) => Self::Left(member.0),
            Event::Wrote(dot) => Self::Wrote(write(dot)),
            Event::Applied(dot) => Self::Applied(write(dot)),
            Event::LeaderChosen { leader, term } => Self::LeaderChosen { leader: leader.0, term },
            Event::LeaderLost => Self::LeaderLost,
            Event::Settled { slot, value } => Self::Settled { slot, value },
            Event::Conflict(one, two) => Self::Conflict(write(one), write(two)),
            Event::Refused(why) => Self::Refused(match why {
                Refusal::KeyLength => Why::KeyLength,
                Refusal::ValueLength => Why::ValueLength,
                Refusal::Unsupported => Why::Unsupported,
                Refusal::Absent => Why::Absent,
                Refusal::TooManyKeys => Why::TooManyKeys,
                Refusal::TooManyWaiting => Why::TooManyWaiting,
            }),
        }
    }

    const fn event(self) -> Event {
        match self {
            Self::Suspected(member) => Event::Suspected(NodeId(member)),
            Self::DeclaredDead(member) => Event::DeclaredDead(NodeId(member)),
            Self::Alive(member) => Event::Alive(NodeId(member)),
            Self::Left(member) => Event::Left(NodeId(member)),
            Self::Wrote(write) => Event::Wrote(dot(write)),
            Self::Applied(write) => Event::Applied(dot(write)),
            Self::LeaderChosen { leader, term } => Event::LeaderChosen { leader: NodeId(leader), term },
            Self::LeaderLost => Event::LeaderLost,
            Self::Settled { slot, value } => Event::Settled { slot, value },
            Self::Conflict(one, two) => Event::Conflict(dot(one), dot(two)),
            Self::Refused(why) => Event::Refused(match why {
                Why::KeyLength => Refusal::KeyLength,
                Why::ValueLength => Refusal::ValueLength,
                Why::Unsupported => Refusal::Unsupported,
                Why::Absent => Refusal::Absent,
                Why::TooManyKeys => Refusal::TooManyKeys,
                Why::TooManyWaiting => Refusal::TooManyWaiting,
            }),
        }
    }
}

const fn write(dot: Dot) -> Write {
    (dot.writer.0, dot.counter)
}

const fn dot((writer, counter): Write) -> Dot {
    Dot { writer: NodeId(writer), counter }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(us: u64, node: u32, event: Event) -> Stamped {
        Stamped { at: Time(us * 1_000), node: NodeId(node), event }
    }

    fn travel(events: Vec<Stamped>) -> (usize, Vec<Stamped>) {
        let bytes = postcard::to_stdvec(&EventsForm::of(events)).expect("plain data");
        let form: EventsForm = postcard::from_bytes(&bytes).expect("it was just written");
        (bytes.len(), form.read().expect("it was just written"))
    }

    #[test]
    fn every_event_arrives_as_it_was_and_each_node_s_in_their_order() {
        let (one, two) = (Dot { writer: NodeId(9), counter: 1 << 40 }, Dot { writer: NodeId(2), counter: 3 });
        let at_seven = [
            Event::Suspected(NodeId(1)),
            Event::DeclaredDead(NodeId(u32::MAX)),
            Event::Alive(NodeId(1)),
            Event::Left(NodeId(4)),
            Event::Wrote(one),
            Event::Wrote(two),
            Event::Applied(two),
            Event::LeaderChosen { leader: NodeId(5), term: 8 },
            Event::LeaderLost,
            Event::Settled { slot: 4, value: u64::MAX },
            Event::Conflict(two, one),
            Event::Refused(Refusal::Absent),
            Event::Refused(Refusal::TooManyWaiting),
        ];
        let mut events: Vec<_> =
            at_seven.iter().enumerate().map(|(at, &event)| stamped(5 + at as u64 / 3, 7, event)).collect();
        events.insert(4, stamped(2, 3, Event::LeaderLost));
        let mut by_node = events.clone();
        by_node.sort_by_key(|event| event.node);
        assert_eq!(travel(events).1, by_node);
        assert_eq!(travel(Vec::new()).1, []);
    }

    /// A hundred of 10,000 nodes crash, and 2,500 others hear of each within a flush of news: 3 bytes an event.
    #[test]
    fn what_thousands_of_nodes_report_takes_three_bytes_each() {
        let mut events = Vec::new();
        for node in 0..2_500_u32 {
            for victim in 0..100 {
                // Ten at a time, in packets some ten milliseconds apart.
                let us = u64::from(node * 37 % 20_000 + victim / 10 * 12_345);
                events.push(stamped(us, node * 4, Event::DeclaredDead(NodeId(victim * 97))));
            }
        }
        let (bytes, count) = (travel(events.clone()).0, events.len());
        assert!(bytes < 3 * count, "{bytes} bytes for {count} events");
    }

    #[test]
    fn what_makes_no_sense_is_not_read() {
        let form = |gap, place, since| EventsForm {
            begin_us: 5,
            kinds: vec![Kind::LeaderLost],
            runs: vec![Run { gap: 1, events: vec![] }, Run { gap, events: vec![(place, since)] }],
        };
        assert!(form(0, 0, 0).read().is_some());
        for wrong in [form(u32::MAX, 0, 0), form(0, 1, 0), form(0, 0, u64::MAX), form(0, 0, u64::MAX / 999)] {
            assert!(wrong.read().is_none(), "{wrong:?}");
        }
    }
}
