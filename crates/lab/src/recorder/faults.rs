use std::time::Duration;

use rumormill_measure::FaultReport;
use rumormill_protocol::{NodeId, Time};

use super::{lives::Lives, turnover::Turnover};
use crate::{FaultKind, Strike};

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
        // A storm is over when it has begun: what is to heal is what it left.
        if self.all[fault].strike.kind == FaultKind::JoinStorm {
            self.healing.push(fault);
        }
        &self.all[fault].strike
    }

    pub(super) fn end(&mut self, fault: usize, at: Time) -> &Strike {
        self.all[fault].ended = Some(at);
        self.healing.push(fault);
        &self.all[fault].strike
    }

    /// Something changed. `wrong` counts what live nodes wrongly hold of live ones.
    pub(super) fn observe(&mut self, at: Time, wrong: u64, lives: &Lives, turnover: &Turnover) {
        if wrong > 0 {
            return;
        }
        let all = &mut self.all;
        self.healing.retain(|&fault| {
            let fault = &mut all[fault];
            let mut nodes = fault.strike.nodes.iter();
            let healed = match fault.strike.kind {
                FaultKind::JoinStorm => nodes.all(|&node| turnover.is_home(node, lives)),
                // One that lasted and ended nodes' lives began new ones.
                kind if kind.ends_life() => nodes.all(|&node| lives.is_known_again(node)),
                _ => true,
            };
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
            under_way
                && fault.disturbs()
                && fault.began.is_some_and(|began| fault.strike.disturbs(node, at - began, CONVALESCENCE))
        })
    }

    /// Whether some fault of the scenario hits a node at any time. To join is no harm.
    pub(super) fn hit(&self, node: NodeId) -> bool {
        let harms = |fault: &&Watched| fault.strike.kind != FaultKind::JoinStorm;
        self.all.iter().filter(harms).any(|fault| fault.strike.nodes.binary_search(&node).is_ok())
    }

    /// Whether all that began and end have ended and healed.
    pub(super) fn settled(&self) -> bool {
        let passes = |fault: &&Watched| {
            let heals = fault.strike.lasts().is_some() || fault.strike.kind == FaultKind::JoinStorm;
            fault.began.is_some() && heals
        };
        self.all.iter().filter(passes).all(|fault| fault.healed.is_some())
    }

    /// All that began, in a run whose measured phase began at `start`. `agreed` says when all had what was written before a
    /// time.
    pub(super) fn reports(&self, start: Time, agreed: impl Fn(Time) -> Option<Time>) -> Vec<FaultReport> {
        let report = |fault: &Watched| {
            Some(FaultReport {
                kind: fault.strike.kind.name().to_owned(),
                nodes: fault.strike.nodes.len() as u64,
                at_us: micros(fault.began? - start),
                until_us: fault.ended.map(|ended| micros(ended - start)),
                healed_us: fault.over().zip(fault.healed).map(|(over, healed)| micros(healed - over)),
                agreed_us: fault.ended.and_then(|ended| Some(micros(agreed(ended)?.max(ended) - ended))),
            })
        };
        self.all.iter().filter_map(report).collect()
    }
}

impl Watched {
    /// Whether it lets its nodes live and disturbs them.
    fn disturbs(&self) -> bool {
        !self.strike.kind.ends_life() && self.strike.kind != FaultKind::JoinStorm
    }

    /// Since when there is something to heal.
    fn over(&self) -> Option<Time> {
        if self.strike.kind == FaultKind::JoinStorm { self.began } else { self.ended }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
