use std::collections::BTreeMap;

use rumormill_measure::{Detection, Histogram, Histograms, Metric, time_errors};
use rumormill_protocol::{NodeId, Time};

const NEVER: Time = Time(u64::MAX);

/// Follows failures to the nodes that notice them: observers are those that live throughout. At most one entry for
/// each pair of nodes.
#[derive(Debug, Default)]
pub(super) struct Failures {
    crashes: BTreeMap<NodeId, Crash>,
}

#[derive(Debug)]
struct Crash {
    at: Time,
    suspected: Option<Time>,
    /// When each node first declared it dead, by number; [`NEVER`] those that have not.
    dead: Vec<Time>,
    /// Whether some observer did not take it for dead at the end.
    missed: bool,
}

impl Failures {
    pub(super) fn crashed(&mut self, node: NodeId, at: Time) {
        let crash = Crash { at, suspected: None, dead: Vec::new(), missed: false };
        self.crashes.entry(node).or_insert(crash);
    }

    pub(super) fn suspected(&mut self, at: Time, victim: NodeId) {
        if let Some(crash) = self.crashes.get_mut(&victim) {
            crash.suspected = Some(crash.suspected.map_or(at, |first| first.min(at)));
        }
    }

    pub(super) fn declared_dead(&mut self, at: Time, observer: NodeId, victim: NodeId) {
        if let Some(crash) = self.crashes.get_mut(&victim) {
            if crash.dead.len() <= observer.index() {
                crash.dead.resize(observer.index() + 1, NEVER);
            }
            let first = &mut crash.dead[observer.index()];
            *first = at.min(*first);
        }
    }

    /// The final truth: an observer does not take this node for dead, if it is one that failed.
    pub(super) fn missed(&mut self, victim: NodeId) {
        if let Some(crash) = self.crashes.get_mut(&victim) {
            crash.missed = true;
        }
    }

    /// Whether all observers have declared all failed ones dead.
    pub(super) fn settled(&self, live: &[bool]) -> bool {
        let nodes = live.iter().filter(|&&live| live).count();
        self.crashes.values().all(|crash| crash.observers(live).count() == nodes)
    }

    /// The part of the detection that is about nodes that did fail; the distributions go to `kept`, and how far times
    /// may be off by chance to `errors`.
    pub(super) fn detection(
        &self,
        live: &[bool],
        kept: &mut Histograms,
        errors: &mut BTreeMap<String, f64>,
    ) -> Detection {
        let nodes = live.iter().filter(|&&live| live).count();
        let [mut first_suspect, mut first_dead, mut all_dead, mut pairs] =
            [(); 4].map(|()| Histogram::default());
        for crash in self.crashes.values() {
            if let Some(at) = crash.suspected {
                first_suspect.record(at - crash.at);
            }
            if let Some(&at) = crash.dead.iter().min().filter(|&&at| at != NEVER) {
                first_dead.record(at - crash.at);
            }
            crash.observers(live).for_each(|at| pairs.record(at - crash.at));
            if let Some(at) = crash.observers(live).max().filter(|_| crash.observers(live).count() == nodes) {
                all_dead.record(at - crash.at);
            }
        }
        let failures = self.crashes.len() as u64;
        errors.extend(time_errors("detection.pairs_us", &pairs, failures));
        for (name, times) in
            [("first_suspect_us", &first_suspect), ("first_dead_us", &first_dead), ("all_dead_us", &all_dead)]
        {
            errors.extend(time_errors(&format!("detection.{name}"), times, times.count()));
        }
        Detection {
            failures,
            first_suspect_us: kept.keep(Metric::FirstSuspect, first_suspect),
            first_dead_us: kept.keep(Metric::FirstDead, first_dead),
            all_dead_us: kept.keep(Metric::AllDead, all_dead),
            pairs_us: kept.keep(Metric::DetectionPairs, pairs),
            undetected: self.crashes.values().filter(|crash| crash.missed).count() as u64,
            ..Detection::default()
        }
    }
}

impl Crash {
    /// When each live node declared it dead.
    fn observers(&self, live: &[bool]) -> impl Iterator<Item = Time> {
        self.dead.iter().zip(live).filter(|&(&at, &live)| live && at != NEVER).map(|(&at, _)| at)
    }
}
