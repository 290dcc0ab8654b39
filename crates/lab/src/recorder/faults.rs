use std::time::Duration;

use rumormill_measure::FaultReport;
use rumormill_protocol::{NodeId, Time};

use super::lives::Lives;
use crate::Strike;

/// How long after a fault its nodes still do not count as healthy: what they believed in it takes time to be undone.
const CONVALESCENCE: Duration = Duration::from_secs(1);

/// Follows the scenario's faults, which go by their place in the list of strikes, until their traces are gone.
#[derive(Debug)]
pub(super) struct Faults {
    all: Vec<Watched>,
    /// Places of those that have ended and not healed.
    healing: Vec<usize>,
}

#[derive(Debug)]
struct Watched {
    strike: Strike,
    began: Option<Time>,
    ended: Option<Time>,
    healed: Option<Time>,
}

impl Faults {
    pub(super) fn new(strikes: Vec<Strike>) -> Self {
        let watch = |strike| Watched { strike, began: None, ended: None, healed: None };
        Self { all: strikes.into_iter().map(watch).collect(), healing: Vec::new() }
    }

    pub(super) fn begin(&mut self, fault: usize, at: Time) -> &Strike {
        self.all[fault].began = Some(at);
        &self.all[fault].strike
    }

    pub(super) fn end(&mut self, fault: usize, at: Time) -> &Strike {
        self.all[fault].ended = Some(at);
        self.healing.push(fault);
        &self.all[fault].strike
    }

    /// Something changed. `wrong` counts what live nodes wrongly hold of live ones.
    pub(super) fn observe(&mut self, at: Time, wrong: u64, lives: &Lives) {
        if wrong > 0 {
            return;
        }
        let all = &mut self.all;
        self.healing.retain(|&fault| {
            let fault = &mut all[fault];
            // One that lasted and ended nodes' lives began new ones.
            let healed = !fault.strike.kind.ends_life()
                || fault.strike.nodes.iter().all(|&node| lives.is_known_again(node));
            if healed {
                fault.healed = Some(at);
            }
            !healed
        });
    }

    /// Whether `node` is, or just was, in a fault that lets it live and disturbs it.
    pub(super) fn disturb(&self, node: NodeId, at: Time) -> bool {
        self.all.iter().any(|fault| {
            let under_way = fault.began.is_some_and(|began| at >= began)
                && fault.ended.is_none_or(|ended| at < ended + CONVALESCENCE);
            under_way && !fault.strike.kind.ends_life() && fault.strike.nodes.binary_search(&node).is_ok()
        })
    }

    /// Whether all that began and end have ended and healed.
    pub(super) fn settled(&self) -> bool {
        let passes = |fault: &&Watched| fault.began.is_some() && fault.strike.kind.lasts().is_some();
        self.all.iter().filter(passes).all(|fault| fault.healed.is_some())
    }

    /// All that began, in a run whose measured phase began at `start`.
    pub(super) fn reports(&self, start: Time) -> Vec<FaultReport> {
        let report = |fault: &Watched| {
            Some(FaultReport {
                kind: fault.strike.kind.name().to_owned(),
                nodes: fault.strike.nodes.len() as u64,
                at_us: micros(fault.began? - start),
                until_us: fault.ended.map(|ended| micros(ended - start)),
                healed_us: fault.ended.zip(fault.healed).map(|(ended, healed)| micros(healed - ended)),
            })
        };
        self.all.iter().filter_map(report).collect()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
