use std::time::Duration;

use rumormill_measure::Variant;
use rumormill_protocol::{Command, NodeId, Time};

use crate::{
    Action, Census, Cluster, ClusterError, Load, Phase, Progress, Scenario, Stamped,
    agenda::{Agenda, Deed},
    boot::boot,
    outcome::Outcome,
    progress::Ticker,
    recorder::Recorder,
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
    let (phases, nodes) = (&scenario.phases, cluster.nodes());
    let mut ticker = Ticker::new(progress, cluster.now());
    ticker.begin(Phase::Boot, cluster.now(), None);
    let booted = boot(scenario, cluster, &mut ticker)?;

    let start = cluster.now();
    let measured = start + phases.warm_up..start + phases.warm_up + phases.measure;
    let own_writes = scenario.cluster.keys_per_node as u64;
    let mut run = Run {
        cluster,
        ticker,
        agenda: Agenda::new(scenario, start),
        recorder: Recorder::new(nodes, measured.clone(), own_writes),
    };
    run.ticker.begin(Phase::WarmUp, start, Some(phases.warm_up));
    run.advance(measured.start)?;

    run.ticker.begin(Phase::Measure, measured.start, Some(phases.measure));
    let before = run.census()?;
    let load = Load::start();
    run.advance(measured.start + phases.measure / 2)?;
    let half = run.census()?;
    run.advance(measured.end)?;
    let after = run.census()?;
    let load = load.stop();

    run.ticker.begin(Phase::CoolDown, measured.end, Some(phases.cool_down));
    run.settle(measured.end + phases.cool_down)?;
    run.inspect()?;
    let end = run.census()?;
    Ok(Outcome {
        booted,
        live_seconds: run.recorder.live_seconds(before.0..after.0),
        lost: run.lost(&end.1),
        load,
        convergence: run.recorder.convergence(),
        detection: run.recorder.detection(end.0),
        censuses: [before, half, after],
    })
}

struct Run<'a> {
    cluster: &'a mut dyn Cluster,
    ticker: Ticker<'a>,
    agenda: Agenda,
    recorder: Recorder,
}

impl Run<'_> {
    /// Lets the run go on until `end`, and does what is on the agenda before it.
    fn advance(&mut self, end: Time) -> Result<(), ClusterError> {
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
            slice = self.cluster.now() + SLICE;
        }
    }

    /// Does what was intended for `due` or before.
    fn act(&mut self, due: Time) -> Result<(), ClusterError> {
        while let Some((intended, deed)) = self.agenda.pop(due) {
            match deed {
                Deed::Write { writer, key, value } => {
                    self.recorder.intend(writer, intended);
                    self.cluster.act(writer, Action::Command(Command::Put { key, value }))?;
                }
                Deed::Crash(node) => {
                    // What happened before it must be known before it.
                    self.drain();
                    self.recorder.crash(node, self.cluster.now());
                    self.cluster.act(node, Action::Crash)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until all that was begun has come to its end, or until `end`.
    fn settle(&mut self, end: Time) -> Result<(), ClusterError> {
        while !self.recorder.settled() && self.cluster.now() < end {
            let stop = (self.cluster.now() + SLICE).min(end);
            self.cluster.advance_to(stop)?;
            self.collect()?;
        }
        Ok(())
    }

    /// Hears what happened, and shows it when that is due.
    fn collect(&mut self) -> Result<(), ClusterError> {
        self.drain();
        if self.ticker.is_due(self.cluster.now()) {
            let (now, census) = self.census()?;
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

    /// Asks all live nodes what they believe in the end.
    fn inspect(&mut self) -> Result<(), ClusterError> {
        let nodes = self.cluster.nodes();
        let members = if nodes <= ALL_PAIRS_NODES {
            (0..nodes as u32).map(NodeId).collect()
        } else {
            self.recorder.doubted()
        };
        let writers = self.recorder.writers();
        let members = members.chunks(INSPECTED_AT_ONCE).map(|members| (members, [].as_slice()));
        let writers = writers.chunks(INSPECTED_AT_ONCE).map(|writers| ([].as_slice(), writers));
        for (members, writers) in members.chain(writers) {
            for inspection in self.cluster.inspect(members, writers)? {
                self.recorder.inspected(members, writers, &inspection);
            }
        }
        Ok(())
    }

    /// Nodes that ended although no fault had ended them.
    fn lost(&self, end: &Census) -> u64 {
        let ended = end.nodes.iter().enumerate().filter(|(_, node)| node.crashed);
        ended.filter(|&(number, _)| !self.recorder.was_hit(NodeId(number as u32))).count() as u64
    }
}
