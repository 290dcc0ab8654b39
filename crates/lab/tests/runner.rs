//! A run over a cluster whose every time is known in advance.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use rumormill_lab::{
    Action, Census, Cluster, ClusterError, Draft, Inspection, NodeCensus, Phase, Progress, Scenario,
    Snapshot, Stamped, run_variant,
};
use rumormill_measure::Variant;
use rumormill_protocol::{Cause, Command, Contact, Dot, Event, NodeId, Sizes, Status, Time};

const SPREAD: Duration = Duration::from_millis(100);
const SUSPECTED: Duration = Duration::from_secs(1);
const DEAD: Duration = Duration::from_secs(2);

/// Nodes that apply a write 100 ms after it, suspect a crashed node after 1 s and declare it dead after 2 s, all
/// at once. Each sends a probe of 10 bytes and 28 of headers every second.
struct Clockwork {
    now: Time,
    /// Whether nodes find each other.
    boots: bool,
    written: BTreeMap<NodeId, u64>,
    crashed: BTreeMap<NodeId, Time>,
    to_come: Vec<Stamped>,
    nodes: u32,
}

impl Clockwork {
    fn new(nodes: u32, boots: bool) -> Box<Self> {
        let (written, crashed) = (BTreeMap::new(), BTreeMap::new());
        Box::new(Self { now: Time::ZERO, boots, written, crashed, to_come: Vec::new(), nodes })
    }

    fn live(&self) -> Vec<NodeId> {
        (0..self.nodes).map(NodeId).filter(|node| !self.crashed.contains_key(node)).collect()
    }

    fn at_all_others(&mut self, after: Duration, but: NodeId, event: Event) {
        let at = self.now + after;
        let others = self.live().into_iter().filter(|&node| node != but);
        self.to_come.extend(others.map(|node| Stamped { at, node, event }));
    }
}

impl Cluster for Clockwork {
    fn nodes(&self) -> usize {
        self.nodes as usize
    }

    fn contacts(&self) -> Vec<Contact> {
        let address = |id: u32| SocketAddr::from((Ipv4Addr::LOCALHOST, id as u16 + 1));
        (0..self.nodes).map(|id| Contact { id: NodeId(id), address: address(id) }).collect()
    }

    fn now(&self) -> Time {
        self.now
    }

    fn advance_to(&mut self, until: Time) -> Result<(), ClusterError> {
        self.now = self.now.max(until);
        Ok(())
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        assert!(!self.crashed.contains_key(&node), "{node} has crashed");
        match action {
            Action::Command(Command::Warm(warm)) => {
                let own = warm.entries.iter().filter(|entry| entry.dot.writer == node).count();
                self.written.insert(node, own as u64);
            }
            Action::Command(Command::Put { .. }) => {
                let counter = self.written.entry(node).or_default();
                *counter += 1;
                let dot = Dot { writer: node, counter: *counter };
                self.to_come.push(Stamped { at: self.now, node, event: Event::Wrote(dot) });
                self.at_all_others(SPREAD, node, Event::Applied(dot));
            }
            Action::Command(_) => {}
            Action::Crash => {
                self.crashed.insert(node, self.now);
                self.at_all_others(SUSPECTED, node, Event::Suspected(node));
                self.at_all_others(DEAD, node, Event::DeclaredDead(node));
            }
        }
        Ok(())
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        let (now, crashed) = (self.now, &self.crashed);
        let past = self.to_come.extract_if(.., |event| event.at <= now);
        past.filter(|event| crashed.get(&event.node).is_none_or(|&at| event.at < at)).for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let node = |id: u32| {
            let crashed = self.crashed.get(&NodeId(id));
            let mut node = NodeCensus {
                links_up: 2,
                links_pending: usize::from(!self.boots && id == 0),
                alive: self.nodes as usize,
                crashed: crashed.is_some(),
                ..NodeCensus::default()
            };
            for _ in 0..crashed.unwrap_or(&self.now).nanos() / 1_000_000_000 {
                node.ledger.message(Cause::Probe, Sizes { payload: 10, compressed: 10 });
                node.ledger.packets += 1;
                node.ledger.quic_bytes += 10;
            }
            node
        };
        Ok(Census { nodes: (0..self.nodes).map(node).collect(), ..Census::default() })
    }

    fn inspect(&mut self, members: &[NodeId], writers: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let status = |member| if self.crashed.contains_key(member) { Status::Dead } else { Status::Alive };
        let version = |writer| self.written.get(writer).copied().unwrap_or(0);
        let inspect = |node| Inspection {
            node,
            statuses: members.iter().map(status).collect(),
            versions: writers.iter().map(version).collect(),
        };
        Ok(self.live().into_iter().map(inspect).collect())
    }

    fn shut_down(self: Box<Self>) {}
}

#[derive(Default)]
struct Seen {
    phases: Vec<Phase>,
    rates: Vec<f64>,
}

impl Progress for Seen {
    fn phase(&mut self, phase: Phase, _: Option<Duration>) {
        self.phases.push(phase);
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        self.rates.push(snapshot.wire_bytes_per_node_per_second);
    }
}

fn scenario(boot: &str) -> Scenario {
    let mut draft = Draft::default();
    let faults = r#"fault=[{at = "10s", kind = "crash", nodes = [3]}]"#;
    let boot = format!("cluster.boot={boot}");
    for setting in
        ["cluster.nodes=10", "workload.writes_per_second=5", "phases.measure=40s", faults, boot.as_str()]
    {
        draft.set(setting).expect("a valid setting");
    }
    draft.finish().expect("a valid scenario")
}

fn run(boot: &str, boots: bool) -> (Variant, Seen) {
    let mut seen = Seen::default();
    let variant = run_variant(&scenario(boot), "delta", "clockwork", Clockwork::new(10, boots), &mut seen);
    (variant.expect("clockwork goes on"), seen)
}

fn near(us: u64, expected: Duration) -> bool {
    u128::from(us).abs_diff(expected.as_micros()) * 1_000 <= expected.as_micros()
}

#[test]
fn times_and_rates_are_those_of_the_clockwork() {
    for boot in ["warm", "join"] {
        let (variant, seen) = run(boot, true);
        assert_eq!(seen.phases, [Phase::Boot, Phase::WarmUp, Phase::Measure, Phase::CoolDown]);
        assert!(seen.rates.len() >= 44, "{} ticks", seen.rates.len());
        let convergence = variant.convergence;
        // 5 writes a second for 40 s; six standard deviations of a Poisson number are 85.
        assert!(convergence.writes.abs_diff(200) < 85 && convergence.unconverged_writes == 0);
        assert_eq!(convergence.t100_us.count, convergence.writes);
        assert!(
            near(convergence.pairs_us.max, SPREAD) && near(convergence.t50_us.min, SPREAD),
            "{convergence:?}"
        );
        let detection = variant.detection;
        assert_eq!((detection.failures, detection.undetected, detection.pairs_us.count), (1, 0, 9));
        assert!(near(detection.first_suspect_us.max, SUSPECTED) && near(detection.all_dead_us.max, DEAD));
        assert_eq!((detection.false_suspicions, detection.false_dead_pairs), (0, 0));
        assert_eq!(variant.measured_seconds, 40.0);
        // A node that crashed in between probed as often as it lived.
        assert!((variant.checks_per_period - 1.0).abs() < 0.05, "{}", variant.checks_per_period);
        let wire = variant.bandwidth.wire_bytes_per_node_per_second;
        assert!((wire.mean - 38.0).abs() < 2.0 && (wire.p50 - 38.0).abs() < 2.0, "{wire:?}");
        assert!(!variant.verdict.reasons.iter().any(|reason| reason.contains("were up")));
    }
}

#[test]
fn a_cluster_that_does_not_boot_is_measured_and_found_invalid() {
    let (variant, _) = run("warm", false);
    assert!(!variant.verdict.status.is_valid());
    assert!(
        variant.verdict.reasons.iter().any(|reason| reason.contains("Only 9 of 10 nodes")),
        "{variant:?}"
    );
}
