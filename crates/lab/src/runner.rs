use std::{collections::BTreeMap, ops::Range, time::Duration};

use rumormill_measure::{
    Boot, Fleet, Histograms, Ledger, LoadReport, Part, Recording, Variant, statistics::BATCHES,
};
use rumormill_protocol::{Command, Event, NodeId, Time};

use crate::{
    Action, Census, Cluster, ClusterError, ElectionMode, FaultKind, Load, Phase, Progress, Scenario, Stamped,
    Way,
    agenda::{Agenda, Deed},
    boot::boot,
    faults::Faults,
    outcome::Outcome,
    progress::Ticker,
    recorder::Recorder,
    steady::settle,
    stop::Stop,
};

/// Between two collections of events.
const SLICE: Duration = Duration::from_millis(200);

/// Members or writers that one inspection asks for, so that its answers stay small.
const INSPECTED_AT_ONCE: usize = 256;

/// In a cluster of at most so many nodes, all are asked about all at the end; in a larger one only about those
/// that failed or were ever suspected.
const ALL_PAIRS_NODES: usize = 2_000;

/// Runs a cluster through a scenario, and returns what it took, and what that rests on. The cluster is shut down, also after an error.
///
/// # Errors
/// When the cluster cannot go on.
pub fn run_variant(
    scenario: &Scenario,
    variant: &str,
    protocol: &str,
    mut cluster: Box<dyn Cluster>,
    progress: &mut dyn Progress,
) -> Result<(Variant, Recording), ClusterError> {
    let outcome = run(scenario, cluster.as_mut(), progress);
    cluster.shut_down();
    Ok(outcome?.into_variant(scenario, variant, protocol))
}

fn run(
    scenario: &Scenario,
    cluster: &mut dyn Cluster,
    progress: &mut dyn Progress,
) -> Result<Outcome, ClusterError> {
    let mut run = Run::new(scenario, cluster, progress);
    let interrupted = match run.all_phases() {
        Ok(()) => false,
        Err(Stop::Interrupted) => true,
        Err(Stop::Failed(error)) => return Err(error),
    };
    run.into_outcome(interrupted)
}

struct Run<'a> {
    scenario: &'a Scenario,
    cluster: &'a mut dyn Cluster,
    ticker: Ticker<'a>,
    faults: Faults<'a>,
    boot: Boot,
    /// Whether traffic was steady when the warm-up began.
    steady: bool,
    agenda: Agenda,
    recorder: Recorder,
    /// Censuses at the beginning, the middle and the end of the measured phase, as far as it got.
    before: Option<(Time, Census)>,
    half: Option<(Time, Census)>,
    /// What was sent in each part of the measured phase.
    parts: Vec<Part>,
    /// Writes applied so far, all nodes together.
    applied: u64,
    after: Option<(Time, Census)>,
    /// What was heard before its time.
    early: Vec<Stamped>,
    load: Option<Load>,
    load_report: LoadReport,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, cluster: &'a mut dyn Cluster, progress: &'a mut dyn Progress) -> Self {
        let now = cluster.now();
        let faults = Faults::new(scenario, &cluster.contacts());
        Self {
            scenario,
            ticker: Ticker::new(progress, now, scenario, cluster.equipment().real_time),
            boot: Boot::default(),
            steady: true,
            // Both are for a run that is interrupted before its warm-up, which makes them anew.
            agenda: Agenda::new(scenario, faults.strikes(), &[], now),
            recorder: Recorder::new(cluster.nodes(), 0, now..now, 0, Vec::new()),
            before: None,
            half: None,
            parts: Vec::new(),
            applied: 0,
            after: None,
            early: Vec::new(),
            load: None,
            load_report: LoadReport::default(),
            faults,
            cluster,
        }
    }

    fn all_phases(&mut self) -> Result<(), Stop> {
        let residents = self.scenario.cluster.nodes.min(self.cluster.nodes());
        let newcomers = self.cluster.nodes() - residents;
        self.ticker.note((residents..residents + newcomers).map(|number| NodeId(number as u32)), false);
        self.ticker.begin(Phase::Boot, self.cluster.now(), None);
        let mut reigns = BTreeMap::new();
        let mut hear = |stamped: Stamped| {
            // Whom a node follows when the recorder begins, it must know.
            if matches!(stamped.event, Event::LeaderChosen { .. } | Event::LeaderLost) {
                reigns.insert(stamped.node, stamped);
            }
        };
        boot(self.scenario, self.cluster, &mut self.ticker, &mut self.boot, &mut hear)?;
        self.ticker.begin(Phase::Settle, self.cluster.now(), None);
        self.steady = settle(self.scenario, self.cluster, &mut self.ticker, &mut self.boot, &mut hear)?;

        let (phases, start) = (&self.scenario.phases, self.cluster.now());
        let measured = start + phases.warm_up..start + phases.warm_up + phases.measure;
        let own_writes = self.scenario.cluster.keys_per_node as u64;
        let strikes = self.faults.strikes();
        self.agenda = Agenda::new(self.scenario, strikes, &self.scenario.passages(), start);
        self.recorder = Recorder::new(residents, newcomers, measured.clone(), own_writes, strikes.to_vec());
        reigns.into_values().for_each(|stamped| self.recorder.event(stamped));
        if self.scenario.workload.hot_keys > 0 {
            self.recorder.follow_conflicts(self.cluster.nodes());
        }
        self.ticker.begin(Phase::WarmUp, start, Some(phases.warm_up));
        self.advance(measured.start)?;

        self.ticker.begin(Phase::Measure, measured.start, Some(phases.measure));
        self.before = Some(self.census()?);
        self.cluster.begin_load();
        self.load = Some(Load::start());
        self.measure(&measured)?;
        self.stop_load();

        self.ticker.begin(Phase::CoolDown, measured.end, Some(phases.cool_down));
        self.cool_down(measured.end + phases.cool_down)?;
        self.inspect()
    }

    /// Goes through the measured phase, with a census after each part of it.
    fn measure(&mut self, measured: &Range<Time>) -> Result<(), Stop> {
        let length = measured.end - measured.start;
        let (mut sent, mut applied) = (self.before.as_ref().map(total).unwrap_or_default(), self.applied);
        for part in 1..=BATCHES {
            self.advance(measured.start + length * part as u32 / BATCHES as u32)?;
            let census = self.census()?;
            let now = total(&census);
            self.parts.push(Part { ledger: now.since(&sent), applied: self.applied - applied });
            (sent, applied) = (now, self.applied);
            if part == BATCHES / 2 {
                self.half = Some(census);
            } else if part == BATCHES {
                self.after = Some(census);
            }
        }
        Ok(())
    }

    /// Lets the run go on until `end`, and does what is on the agenda before it.
    fn advance(&mut self, end: Time) -> Result<(), Stop> {
        let mut slice = self.cluster.now() + SLICE;
        loop {
            let stop = slice.min(end);
            let due = self.agenda.next_at().filter(|&at| at < stop);
            self.cluster.advance_to(due.map_or(stop, |due| before(due, self.cluster.lead())))?;
            if let Some(due) = due {
                self.act(due)?;
                continue;
            }
            self.collect()?;
            if stop == end {
                return Ok(());
            }
            self.ticker.check()?;
            slice = self.cluster.now() + SLICE;
        }
    }

    /// Does what was intended for `due` or before.
    fn act(&mut self, due: Time) -> Result<(), Stop> {
        while let Some((intended, deed)) = self.agenda.pop(due) {
            match deed {
                Deed::Write { writer, key, value } => {
                    self.recorder.intend(writer, intended, &key);
                    let command = match value {
                        Some(value) => Command::Put { key, value },
                        None => Command::Delete { key },
                    };
                    self.cluster.act_at(intended, writer, Action::Command(command))?;
                }
                Deed::Propose { slot, values } => {
                    self.recorder.intend_to_settle(slot, intended);
                    for (proposer, value) in values {
                        let propose = Action::Command(Command::Propose { slot, value });
                        self.cluster.act_at(intended, proposer, propose)?;
                    }
                }
                Deed::Begin(fault) => {
                    let strike = &self.faults.strikes()[fault];
                    match strike.kind {
                        FaultKind::JoinStorm => self.ticker.note(strike.nodes.iter().copied(), true),
                        FaultKind::Leave => self.ticker.note(strike.nodes.iter().copied(), false),
                        _ => {}
                    }
                    let actions = self.faults.begin(fault);
                    self.break_or_mend(intended, actions, |recorder, now| recorder.begin(fault, now))?;
                }
                Deed::End(fault) => {
                    let actions = self.faults.end(fault);
                    self.break_or_mend(intended, actions, |recorder, now| recorder.end(fault, now))?;
                }
                Deed::Pass(node, way) => {
                    self.ticker.note([node], way == Way::In);
                    let actions = self.faults.pass(node, way);
                    let record = |recorder: &mut Recorder, now| match way {
                        Way::In => recorder.joined(node, now),
                        Way::Out => recorder.left(node, now),
                    };
                    self.break_or_mend(intended, actions, record)?;
                }
                Deed::BeginSpell(fault, place) => {
                    let actions = self.faults.begin_spell(fault, place);
                    self.break_or_mend(intended, actions, |_, _| {})?;
                }
                Deed::EndSpell(fault, place, at) => {
                    let actions = self.faults.end_spell(fault, place, at);
                    self.break_or_mend(intended, actions, |_, _| {})?;
                }
            }
        }
        Ok(())
    }

    fn break_or_mend(
        &mut self,
        intended: Time,
        mut actions: Vec<(NodeId, Action)>,
        record: impl FnOnce(&mut Recorder, Time),
    ) -> Result<(), Stop> {
        // A node that is down cannot stand still, nor be blocked.
        actions.retain(|(node, action)| {
            self.recorder.is_up(*node)
                || !matches!(action, Action::Pause | Action::Resume | Action::Block { .. } | Action::Unblock)
        });
        // What happened before it must be known before it, and what happens after it after.
        if self.cluster.lead().is_zero() {
            self.drain();
            let now = self.cluster.now();
            record(&mut self.recorder, now);
            return self.act_on_all(now, actions);
        }
        self.act_on_all(intended, actions)?;
        self.cluster.advance_to(intended)?;
        self.drain_until(intended);
        record(&mut self.recorder, intended);
        Ok(())
    }

    fn act_on_all(&mut self, at: Time, actions: Vec<(NodeId, Action)>) -> Result<(), Stop> {
        for (node, action) in actions {
            self.ticker.check()?;
            self.cluster.act_at(at, node, action)?;
        }
        Ok(())
    }

    /// Waits until all that was begun has come to its end, or until `end`.
    fn cool_down(&mut self, end: Time) -> Result<(), Stop> {
        while self.cluster.now() < end {
            let leaderless = self.scenario.node.election != ElectionMode::Off && !self.recorder.all_follow();
            let done = self.agenda.next_at().is_none() && self.recorder.settled() && !leaderless;
            if done && self.newcomers_agree()? {
                return Ok(());
            }
            self.ticker.check()?;
            self.advance((self.cluster.now() + SLICE).min(end))?;
        }
        Ok(())
    }

    /// Whether all that are there take just as many for alive, where nodes came late: what they have not heard of each
    /// other is in no event.
    fn newcomers_agree(&mut self) -> Result<bool, ClusterError> {
        if self.cluster.nodes() == self.scenario.cluster.nodes {
            return Ok(true);
        }
        let look = self.ticker.look(self.cluster)?;
        Ok(self.ticker.all_agree(&look))
    }

    /// Hears what happened, and shows it when that is due.
    fn collect(&mut self) -> Result<(), ClusterError> {
        self.drain();
        let now = self.cluster.now();
        if self.ticker.is_due(now) {
            let look = self.ticker.look(self.cluster)?;
            self.ticker.tick(now, &look);
        }
        Ok(())
    }

    fn drain(&mut self) {
        self.drain_until(Time(u64::MAX));
    }

    /// Hears what happened before `end`. Clocks of several hosts agree only so far: what is later waits.
    fn drain_until(&mut self, end: Time) {
        let mut events = std::mem::take(&mut self.early);
        self.cluster.drain_events(&mut |event| events.push(event));
        // Events come in the order of each node alone; a stable sort keeps that.
        events.sort_by_key(|event| event.at);
        self.early = events.split_off(events.partition_point(|event| event.at < end));
        self.applied += events.iter().filter(|one| matches!(one.event, Event::Applied(_))).count() as u64;
        events.into_iter().for_each(|event| self.recorder.event(event));
    }

    fn census(&mut self) -> Result<(Time, Census), ClusterError> {
        Ok((self.cluster.now(), self.cluster.census()?))
    }

    fn stop_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.load_report = self.cluster.load(load.stop());
        }
    }

    /// Asks all live nodes what they believe in the end.
    fn inspect(&mut self) -> Result<(), Stop> {
        let (nodes, now) = (self.cluster.nodes(), self.cluster.now());
        let members = if nodes <= ALL_PAIRS_NODES {
            (0..nodes as u32).map(NodeId).collect()
        } else {
            self.recorder.doubted()
        };
        for members in members.chunks(INSPECTED_AT_ONCE) {
            self.ticker.check()?;
            let inspections = self.cluster.inspect(members, &[])?;
            self.recorder.inspected_members(now, members, &inspections);
        }
        for writers in self.recorder.writers().chunks(INSPECTED_AT_ONCE) {
            self.ticker.check()?;
            let inspections = self.cluster.inspect(&[], writers)?;
            self.recorder.inspected_writers(writers, &inspections);
        }
        Ok(())
    }

    /// What the run left. Where it was interrupted, now is the end of what was measured, and its beginning too
    /// when it did not get that far.
    fn into_outcome(mut self, interrupted: bool) -> Result<Outcome, ClusterError> {
        self.drain();
        self.stop_load();
        let end = self.census()?;
        let before = self.before.unwrap_or_else(|| end.clone());
        let after = self.after.unwrap_or_else(|| end.clone());
        let (mut histograms, mut errors) = (Histograms::default(), BTreeMap::new());
        let convergence = self.recorder.convergence(&mut histograms, &mut errors);
        let detection = self.recorder.detection(end.0, &mut histograms, &mut errors);
        let turnover = self.recorder.turnover(&mut errors);
        Ok(Outcome {
            interrupted,
            boot: self.boot,
            steady: self.steady,
            real_time: self.cluster.equipment().real_time,
            live_seconds: self.recorder.live_seconds(before.0..after.0),
            lost: lost(&self.recorder, &end.1),
            load: self.load_report,
            convergence,
            staleness: self.recorder.staleness(),
            conflicts: self.recorder.conflicts(),
            detection,
            turnover,
            errors,
            parts: self.parts,
            membership: self.recorder.membership(),
            faults: self.recorder.faults(),
            election: self.recorder.election(self.scenario.node.election, end.0),
            consensus: self.recorder.consensus(),
            recording: Recording { histograms, series: self.ticker.into_series() },
            fleet: self
                .cluster
                .fleet()
                .map(|fleet| Fleet { negative_latencies: self.recorder.negative_latencies(), ..fleet }),
            event_hash: end.1.event_hash,
            packet_hash: end.1.packet_hash,
            before,
            half: self.half,
            after,
        })
    }
}

/// What all nodes together sent until a census.
fn total((_, census): &(Time, Census)) -> Ledger {
    let mut total = Ledger::default();
    census.nodes.iter().for_each(|node| total.add(&node.ledger));
    total
}

fn before(time: Time, lead: Duration) -> Time {
    Time::ZERO + (time - (Time::ZERO + lead))
}

/// Nodes that ended although no fault had ended them.
fn lost(recorder: &Recorder, end: &Census) -> u64 {
    let ended = end.nodes.iter().enumerate().filter(|(_, node)| node.crashed);
    ended.filter(|&(number, _)| recorder.is_up(NodeId(number as u32))).count() as u64
}
