use std::time::Duration;

use rumormill_measure::{Boot, LoadReport, Variant};
use rumormill_protocol::{Command, NodeId, Time};

use crate::{
    Action, Census, Cluster, ClusterError, Load, Phase, Progress, Scenario, Stamped,
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

/// Runs a cluster through a scenario, and returns what it took. The cluster is shut down, also after an error.
///
/// # Errors
/// When the cluster cannot go on.
pub fn run_variant(
    scenario: &Scenario,
    variant: &str,
    protocol: &str,
    mut cluster: Box<dyn Cluster>,
    progress: &mut dyn Progress,
) -> Result<Variant, ClusterError> {
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
    faults: Faults,
    boot: Boot,
    /// Whether traffic was steady when the warm-up began.
    steady: bool,
    agenda: Agenda,
    recorder: Recorder,
    /// Censuses at the beginning, the middle and the end of the measured phase, as far as it got.
    before: Option<(Time, Census)>,
    half: Option<(Time, Census)>,
    after: Option<(Time, Census)>,
    load: Option<Load>,
    load_report: LoadReport,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario, cluster: &'a mut dyn Cluster, progress: &'a mut dyn Progress) -> Self {
        let now = cluster.now();
        let faults = Faults::new(scenario, &cluster.contacts());
        Self {
            scenario,
            ticker: Ticker::new(progress, now),
            boot: Boot::default(),
            steady: true,
            // Both are for a run that is interrupted before its warm-up, which makes them anew.
            agenda: Agenda::new(scenario, faults.strikes(), now),
            recorder: Recorder::new(cluster.nodes(), now..now, 0, Vec::new()),
            before: None,
            half: None,
            after: None,
            load: None,
            load_report: LoadReport::default(),
            faults,
            cluster,
        }
    }

    fn all_phases(&mut self) -> Result<(), Stop> {
        self.ticker.begin(Phase::Boot, self.cluster.now(), None);
        boot(self.scenario, self.cluster, &mut self.ticker, &mut self.boot)?;
        self.ticker.begin(Phase::Settle, self.cluster.now(), None);
        self.steady = settle(self.scenario, self.cluster, &mut self.ticker, &mut self.boot)?;

        let (phases, start) = (&self.scenario.phases, self.cluster.now());
        let measured = start + phases.warm_up..start + phases.warm_up + phases.measure;
        let own_writes = self.scenario.cluster.keys_per_node as u64;
        let strikes = self.faults.strikes();
        self.agenda = Agenda::new(self.scenario, strikes, start);
        self.recorder = Recorder::new(self.cluster.nodes(), measured.clone(), own_writes, strikes.to_vec());
        self.ticker.begin(Phase::WarmUp, start, Some(phases.warm_up));
        self.advance(measured.start)?;

        self.ticker.begin(Phase::Measure, measured.start, Some(phases.measure));
        self.before = Some(self.census()?);
        self.load = Some(Load::start());
        self.advance(measured.start + phases.measure / 2)?;
        self.half = Some(self.census()?);
        self.advance(measured.end)?;
        self.after = Some(self.census()?);
        self.stop_load();

        self.ticker.begin(Phase::CoolDown, measured.end, Some(phases.cool_down));
        self.cool_down(measured.end + phases.cool_down)?;
        self.inspect()
    }

    /// Lets the run go on until `end`, and does what is on the agenda before it.
    fn advance(&mut self, end: Time) -> Result<(), Stop> {
        let mut slice = self.cluster.now() + SLICE;
        loop {
            let stop = slice.min(end);
            let due = self.agenda.next_at().filter(|&at| at < stop);
            self.cluster.advance_to(due.unwrap_or(stop))?;
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
                    self.recorder.intend(writer, intended);
                    self.cluster.act(writer, Action::Command(Command::Put { key, value }))?;
                }
                Deed::Begin(fault) => {
                    let actions = self.faults.begin(fault);
                    self.break_or_mend(actions, |recorder, now| recorder.begin(fault, now))?;
                }
                Deed::End(fault) => {
                    let actions = self.faults.end(fault);
                    self.break_or_mend(actions, |recorder, now| recorder.end(fault, now))?;
                }
            }
        }
        Ok(())
    }

    fn break_or_mend(
        &mut self,
        mut actions: Vec<(NodeId, Action)>,
        record: impl FnOnce(&mut Recorder, Time),
    ) -> Result<(), Stop> {
        // A node that is down cannot stand still.
        actions.retain(|(node, action)| {
            self.recorder.is_up(*node) || !matches!(action, Action::Pause | Action::Resume)
        });
        // What happened before it must be known before it.
        self.drain();
        record(&mut self.recorder, self.cluster.now());
        for (node, action) in actions {
            self.ticker.check()?;
            self.cluster.act(node, action)?;
        }
        Ok(())
    }

    /// Waits until all that was begun has come to its end, or until `end`.
    fn cool_down(&mut self, end: Time) -> Result<(), Stop> {
        while self.cluster.now() < end {
            if self.agenda.next_at().is_none() && self.recorder.settled() {
                return Ok(());
            }
            self.ticker.check()?;
            self.advance((self.cluster.now() + SLICE).min(end))?;
        }
        Ok(())
    }

    /// Hears what happened, and shows it when that is due.
    fn collect(&mut self) -> Result<(), ClusterError> {
        self.drain();
        let now = self.cluster.now();
        if self.ticker.is_due(now) {
            let census = self.cluster.census()?;
            self.ticker.tick(now, &census);
        }
        Ok(())
    }

    fn drain(&mut self) {
        let mut events: Vec<Stamped> = Vec::new();
        self.cluster.drain_events(&mut |event| events.push(event));
        // Events come in the order of each node alone; a stable sort keeps that.
        events.sort_by_key(|event| event.at);
        events.into_iter().for_each(|event| self.recorder.event(event));
    }

    fn census(&mut self) -> Result<(Time, Census), ClusterError> {
        Ok((self.cluster.now(), self.cluster.census()?))
    }

    fn stop_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.load_report = load.stop();
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
        Ok(Outcome {
            interrupted,
            boot: self.boot,
            steady: self.steady,
            real_time: self.cluster.equipment().real_time,
            live_seconds: self.recorder.live_seconds(before.0..after.0),
            lost: lost(&self.recorder, &end.1),
            load: self.load_report,
            convergence: self.recorder.convergence(),
            detection: self.recorder.detection(end.0),
            membership: self.recorder.membership(),
            faults: self.recorder.faults(),
            event_hash: end.1.event_hash,
            packet_hash: end.1.packet_hash,
            before,
            half: self.half,
            after,
        })
    }
}

/// Nodes that ended although no fault had ended them.
fn lost(recorder: &Recorder, end: &Census) -> u64 {
    let ended = end.nodes.iter().enumerate().filter(|(_, node)| node.crashed);
    ended.filter(|&(number, _)| recorder.is_up(NodeId(number as u32))).count() as u64
}
