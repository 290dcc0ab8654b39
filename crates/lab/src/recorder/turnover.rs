use std::collections::BTreeMap;

use rumormill_measure::{Histogram, Turnover as TurnoverReport, time_errors};
use rumormill_protocol::{NodeId, Time};

use super::{lives::Lives, roll::Roll};

/// Follows nodes that come late, and nodes that leave, until that is known. Holds a bit for each pair of one of them and a
/// node.
#[derive(Debug, Default)]
pub(super) struct Turnover {
    arrivals: BTreeMap<NodeId, Arrival>,
    goodbyes: BTreeMap<NodeId, (Time, Roll)>,
}

#[derive(Debug)]
struct Arrival {
    at: Time,
    /// Whom it has reported alive.
    knows: Roll,
    /// Whether it has left since.
    gone: bool,
}

impl Turnover {
    /// A node that was not there joins.
    pub(super) fn joined(&mut self, at: Time, node: NodeId, lives: &Lives) {
        let knows = Roll::new(at, lives.count_throughout());
        self.arrivals.insert(node, Arrival { at, knows, gone: false });
    }

    /// A node says goodbye. It counts as gone already.
    pub(super) fn left(&mut self, at: Time, node: NodeId, lives: &Lives) {
        self.goodbyes.insert(node, (at, Roll::new(at, lives.count_throughout())));
    }

    /// A node's life ended, in whatever way; it may be one that lived throughout until now.
    pub(super) fn gone(&mut self, at: Time, node: NodeId, throughout: bool) {
        if let Some(arrival) = self.arrivals.get_mut(&node) {
            arrival.gone = true;
        }
        if throughout {
            let arrivals = self.arrivals.values_mut().map(|arrival| &mut arrival.knows);
            let goodbyes = self.goodbyes.values_mut().map(|(_, missed)| missed);
            arrivals.chain(goodbyes).for_each(|roll| roll.gone(at, node));
        }
    }

    /// `observer` takes `member` for alive.
    pub(super) fn knows(&mut self, at: Time, observer: NodeId, member: NodeId, lives: &Lives) {
        if let Some(arrival) = self.arrivals.get_mut(&observer) {
            arrival.knows.sign(at, member, lives.is_throughout(member));
        }
    }

    /// `observer` takes `member` for gone.
    pub(super) fn misses(&mut self, at: Time, observer: NodeId, member: NodeId, lives: &Lives) {
        if let Some((_, missed)) = self.goodbyes.get_mut(&member) {
            missed.sign(at, observer, lives.is_throughout(observer));
        }
    }

    /// Whether a node that joined and has not left since knows all that live throughout, and they know it.
    pub(super) fn is_home(&self, node: NodeId, lives: &Lives) -> bool {
        self.arrivals.get(&node).is_some_and(|arrival| {
            arrival.gone || arrival.knows.complete().is_some() && lives.is_known_again(node)
        })
    }

    /// Whether all have come to know who came, and who went.
    pub(super) fn settled(&self, lives: &Lives) -> bool {
        self.arrivals.keys().all(|&node| self.is_home(node, lives))
            && self.goodbyes.values().all(|(_, missed)| missed.complete().is_some())
    }

    /// What came of it; how far times may be off by chance goes to `errors`.
    pub(super) fn report(&self, lives: &Lives, errors: &mut BTreeMap<String, f64>) -> TurnoverReport {
        let [mut known, mut knows, mut missed] = [(); 3].map(|()| Histogram::default());
        for (&node, arrival) in &self.arrivals {
            let times = [(&mut known, lives.known_again_at(node)), (&mut knows, arrival.knows.complete())];
            for (times, at) in times {
                at.into_iter().for_each(|at| times.record(at - arrival.at));
            }
        }
        for (left, roll) in self.goodbyes.values() {
            roll.complete().into_iter().for_each(|at| missed.record(at - *left));
        }
        for (name, times) in [("known_us", &known), ("knows_us", &knows), ("missed_us", &missed)] {
            errors.extend(time_errors(&format!("turnover.{name}"), times, times.count()));
        }
        TurnoverReport {
            joined: self.arrivals.len() as u64,
            left: self.goodbyes.len() as u64,
            known_us: known.summary(),
            knows_us: knows.summary(),
            missed_us: missed.summary(),
        }
    }
}
