//! Coordinator and agents over loopback, with clusters in which nothing happens: who is let in, and what becomes of a loss.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rumormill_fleet::{
    AgentError, AgentOptions, FleetCluster, FleetSpec, Gate, Hosting, Launch, Muster, OnLoss,
    PROTOCOL_VERSION, Setup, Token, Version, serve,
};
use rumormill_lab::{
    Action, Census, Cluster, ClusterError, Draft, Equipment, Inspection, NodeCensus, Scenario, Stamped,
};
use rumormill_measure::IpVersion;
use rumormill_protocol::{Command, Contact, Dot, Event, NodeId, Status, Time};

const LOOPBACK: SocketAddr = SocketAddr::new(IpVersion::V4.loopback(), 0);

/// More than anything here takes on a machine that does much else besides.
const PATIENCE: Duration = Duration::from_secs(60);

fn version() -> Version {
    Version { protocol: PROTOCOL_VERSION, tool: "rumormill under test".into() }
}

fn scenario(ip: IpVersion) -> String {
    let mut draft = Draft::preset("idle").expect("a preset");
    draft.set("cluster.nodes=5").expect("a setting");
    draft.set(&format!("network.ip={}", u8::from(ip))).expect("a setting");
    draft.finish().expect("a scenario").to_toml()
}

/// Nodes that do nothing but say what was done to them: a write, when they are told to write.
struct Still {
    epoch: Instant,
    first: u32,
    nodes: u32,
    events: Vec<Stamped>,
    crashed: Vec<bool>,
    /// Who writes, and when by the one clock of this test.
    truth: mpsc::Sender<(NodeId, Instant)>,
}

impl Cluster for Still {
    fn nodes(&self) -> usize {
        self.nodes as usize
    }

    fn contacts(&self) -> Vec<Contact> {
        Vec::new()
    }

    fn equipment(&self) -> Equipment {
        Equipment { real_time: true, crypto_provider: Some("none".into()), ..Equipment::default() }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    fn advance_to(&mut self, _: Time) -> Result<(), ClusterError> {
        Ok(())
    }

    fn act(&mut self, node: NodeId, action: Action) -> Result<(), ClusterError> {
        let now = Instant::now();
        let at = Time::ZERO + (now - self.epoch);
        let dot = Dot { writer: node, counter: self.events.len() as u64 + 1 };
        match action {
            Action::Restart => return Err(ClusterError::Lost("this".into())),
            Action::Crash => self.crashed[(node.0 - self.first) as usize] = true,
            Action::Command(Command::Put { .. }) => {
                self.events.push(Stamped { at, node, event: Event::Wrote(dot) });
                // Most tests do not listen.
                let _ = self.truth.send((node, now));
            }
            _ => {}
        }
        Ok(())
    }

    fn drain_events(&mut self, into: &mut dyn FnMut(Stamped)) {
        self.events.drain(..).for_each(into);
    }

    fn census(&mut self) -> Result<Census, ClusterError> {
        let node = |&crashed: &bool| {
            let mut node = NodeCensus { crashed, alive: 5, ..NodeCensus::default() };
            node.ledger.packets = 7;
            node
        };
        Ok(Census { nodes: self.crashed.iter().map(node).collect(), ..Census::default() })
    }

    fn inspect(&mut self, members: &[NodeId], _: &[NodeId]) -> Result<Vec<Inspection>, ClusterError> {
        let inspection = |number: u32| Inspection {
            node: NodeId(self.first + number),
            statuses: vec![Status::Alive; members.len()],
            lives: vec![0; members.len()],
            versions: Vec::new(),
        };
        Ok((0..self.nodes).map(inspection).collect())
    }

    fn shut_down(self: Box<Self>) {}
}

struct StillHosting {
    setup: Option<Setup>,
    refuses: bool,
    truth: mpsc::Sender<(NodeId, Instant)>,
}

impl Default for StillHosting {
    fn default() -> Self {
        Self { setup: None, refuses: false, truth: mpsc::channel().0 }
    }
}

impl Hosting for StillHosting {
    fn prepare(
        &mut self,
        setup: &Setup,
        scenario: &Scenario,
        address: IpAddr,
    ) -> Result<Vec<SocketAddr>, String> {
        assert_eq!(scenario.cluster.nodes, 5);
        assert_eq!(address, scenario.network.ip.loopback());
        if self.refuses {
            return Err("there is no room here".into());
        }
        self.setup = Some(setup.clone());
        Ok((0..setup.nodes)
            .map(|node| SocketAddr::from(([127, 0, 0, 1], 1_000 + (setup.first + node) as u16)))
            .collect())
    }

    fn launch(&mut self, launch: Launch) -> Result<Box<dyn Cluster>, String> {
        let ports: Vec<u16> = launch.book.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [1_000, 1_001, 1_002, 1_003, 1_004], "all nodes are known to all");
        let Setup { first, nodes, .. } = self.setup.take().ok_or("it was prepared")?;
        let crashed = vec![false; nodes as usize];
        let truth = self.truth.clone();
        Ok(Box::new(Still { epoch: Instant::now(), first, nodes, events: Vec::new(), crashed, truth }))
    }
}

fn gate(agents: usize) -> Gate {
    Gate::open(LOOPBACK, agents, version()).expect("loopback can be listened at")
}

fn options(gate: &Gate, token: Token) -> AgentOptions {
    let coordinator = gate.address().expect("it listens").to_string();
    AgentOptions {
        coordinator,
        token,
        version: version(),
        dial_for: Duration::from_secs(30),
        clock_ahead: Duration::ZERO,
    }
}

type Agent = JoinHandle<Result<(), AgentError>>;

fn start(options: AgentOptions) -> Agent {
    start_with(options, StillHosting::default())
}

fn start_with(options: AgentOptions, mut hosting: StillHosting) -> Agent {
    thread::spawn(move || serve(&options, &mut hosting))
}

/// How an agent ended, which it does.
fn ended(agent: Agent) -> Result<(), AgentError> {
    let begun = Instant::now();
    while !agent.is_finished() {
        assert!(begun.elapsed() < PATIENCE, "an agent does not end");
        thread::sleep(Duration::from_millis(1));
    }
    agent.join().expect("no panic")
}

fn spec(on_loss: OnLoss, ip: IpVersion) -> FleetSpec {
    let (protocol, scenario, view) = ("rumormill".into(), scenario(ip), "compact".into());
    FleetSpec { protocol, scenario, view, shards: 1, nodes: 5, on_loss }
}

fn launch(gate: Gate, on_loss: OnLoss) -> Result<FleetCluster, ClusterError> {
    launch_on(IpVersion::V4, gate, on_loss)
}

fn launch_on(ip: IpVersion, gate: Gate, on_loss: OnLoss) -> Result<FleetCluster, ClusterError> {
    let muster =
        Muster { patience: PATIENCE, interrupted: &|| false, watch: &mut || Ok(()), say: &mut |_| {} };
    FleetCluster::launch(gate, spec(on_loss, ip), muster)
}

fn refusal(agent: Agent) -> String {
    ended(agent).expect_err("it is refused").to_string()
}

/// So many events, which come in time.
fn events(fleet: &mut FleetCluster, number: usize) -> Vec<Stamped> {
    let (begun, mut events) = (Instant::now(), Vec::new());
    while events.len() < number {
        assert!(begun.elapsed() < PATIENCE, "only {} of {number} events come", events.len());
        fleet.advance_to(fleet.now() + Duration::from_millis(10)).expect("it goes on");
        fleet.drain_events(&mut |event| events.push(event));
    }
    events
}

fn put() -> Action {
    Action::Command(Command::Put { key: "k0".into(), value: [1].as_slice().into() })
}

#[test]
fn a_coordinator_that_is_not_there_is_tried_for_no_longer_than_asked() {
    let nobody = UdpSocket::bind(LOOPBACK).expect("loopback can be listened at");
    let coordinator = nobody.local_addr().expect("it listens").to_string();
    let gate = gate(1);
    let options =
        AgentOptions { coordinator, dial_for: Duration::ZERO, ..options(&gate, gate.token().clone()) };
    let begun = Instant::now();
    let ended = ended(start(options));
    assert!(matches!(ended, Err(AgentError::Unreachable(..))), "{ended:?}");
    // One attempt takes a second; without a bound QUIC itself would wait for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(20), "it was tried for {:?}", begun.elapsed());
}

#[test]
fn a_fleet_is_one_cluster_whose_actions_take_effect_at_their_time() {
    let gate = gate(2);
    let ahead = Duration::from_secs(7_200);
    let agents = [Duration::ZERO, ahead]
        .map(|clock_ahead| start(AgentOptions { clock_ahead, ..options(&gate, gate.token().clone()) }));
    let mut fleet = launch(gate, OnLoss::End).expect("both agents come");
    assert_eq!(fleet.nodes(), 5);
    assert_eq!(fleet.equipment().crypto_provider.as_deref(), Some("none"));

    let due = fleet.now() + Duration::from_millis(300);
    for node in 0..5 {
        fleet.act_at(due, NodeId(node), put()).expect("it goes on");
    }
    fleet.act(NodeId(4), Action::Crash).expect("it goes on");
    let mut events = events(&mut fleet, 5);
    events.sort_by_key(|event| event.node);
    assert_eq!(events.iter().map(|event| event.node.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let census = fleet.census().expect("it goes on");
    let report = fleet.fleet().expect("it is one");
    let uncertainty = Duration::from_micros(report.time_uncertainty_us + 1);
    let late = Duration::from_micros(report.actions_late_us_max);
    for event in &events {
        // Stamped at the agents, one of which is two hours ahead: never too early, and not later than they were late.
        assert!(event.at + uncertainty >= due, "{event:?} was due at {due:?}, {report:?}");
        assert!(event.at <= due + Duration::from_secs(2) + late, "{event:?} was due at {due:?}");
    }
    let crashed: Vec<_> = census.nodes.iter().map(|node| node.crashed).collect();
    assert_eq!(crashed, [false, false, false, false, true]);
    assert!(census.nodes.iter().all(|node| node.ledger.packets == 7));
    let inspections = fleet.inspect(&[NodeId(0), NodeId(3)], &[]).expect("it goes on");
    assert_eq!(inspections.iter().map(|one| one.node.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);

    let offsets: Vec<_> = report.agents.iter().map(|agent| agent.clock[0].offset_us).collect();
    let difference = offsets[0].abs_diff(offsets[1]);
    assert!(
        difference.abs_diff(7_200_000_000) < 1_000_000,
        "two hours, but for steps of this host's clock: {offsets:?}"
    );
    assert_eq!(
        report.agents.iter().map(|agent| (agent.first_node, agent.nodes)).collect::<Vec<_>>(),
        [(0, 2), (2, 3)]
    );
    Box::new(fleet).shut_down();
    for agent in agents {
        ended(agent).expect("it was told to end");
    }
}

/// All agents and this test have one clock, so it is known when each write was made. No event is moved from there by more than
/// the stated uncertainty, though one agent's clock is 250 ms ahead; so no latency is, and no percentile of any.
#[test]
fn a_clock_that_is_ahead_moves_no_time_by_more_than_the_stated_uncertainty() {
    // An agent finds out where its cluster's time begins by looking at both clocks, which takes less than this.
    const LOOK: Duration = Duration::from_micros(20);
    let gate = gate(2);
    let (truth, made) = mpsc::channel();
    let agents = [0, 250].map(|ahead| {
        let clock_ahead = Duration::from_millis(ahead);
        let options = AgentOptions { clock_ahead, ..options(&gate, gate.token().clone()) };
        start_with(options, StillHosting { truth: truth.clone(), ..StillHosting::default() })
    });
    let mut fleet = launch(gate, OnLoss::End).expect("both agents come");
    let mut seen = Vec::new();
    for round in 1..=20 {
        (0..5).for_each(|node| fleet.act(NodeId(node), put()).expect("it goes on"));
        seen.extend(events(&mut fleet, 5));
        assert_eq!(seen.len(), 5 * round);
    }
    let (before, now, after) = (Instant::now(), fleet.now(), Instant::now());
    let report = fleet.fleet().expect("it is one");
    let stated = Duration::from_micros(report.time_uncertainty_us);
    assert!(
        stated < Duration::from_millis(125),
        "less than the clock is ahead, or nothing was shown: {stated:?}"
    );
    let allowed = stated + (after - before) + LOOK;
    let mut made: Vec<_> = made.try_iter().collect();
    for event in seen {
        let of_node = made.iter().position(|&(node, _)| node == event.node).expect("it was made");
        let (_, at) = made.remove(of_node);
        // Whole microseconds are told.
        let told = (now - event.at).as_secs_f64();
        let true_age = (before - at).as_secs_f64();
        assert!(
            (told - true_age).abs() <= allowed.as_secs_f64(),
            "{event:?} is {told} s old, and not {true_age}"
        );
    }
    let offsets: Vec<_> = report.agents.iter().map(|agent| agent.clock[0].offset_us).collect();
    assert!(offsets[0].abs_diff(offsets[1]).abs_diff(250_000) < 100_000, "the clock was ahead: {offsets:?}");
    Box::new(fleet).shut_down();
    for agent in agents {
        ended(agent).expect("it was told to end");
    }
}

#[test]
fn nodes_go_by_the_version_of_ip_that_is_asked_for_or_not_at_all() {
    let here = |ip: IpVersion| SocketAddr::new(ip.loopback(), 0);
    if UdpSocket::bind(here(IpVersion::V6)).is_err() {
        eprintln!("not checked: there is no IPv6 here");
        return;
    }
    let run = |listen, ip| {
        let gate = Gate::open(listen, 1, version()).expect("loopback can be listened at");
        let agent = start(options(&gate, gate.token().clone()));
        let fleet = launch_on(ip, gate, OnLoss::End);
        let found = fleet.map(|mut fleet| {
            let address = fleet.fleet().map(|fleet| fleet.agents[0].address.clone());
            Box::new(fleet).shut_down();
            address
        });
        // It was told to end, or found its coordinator gone.
        let _ = ended(agent);
        found
    };
    let found = run(here(IpVersion::V6), IpVersion::V6).expect("the agent comes");
    assert_eq!(found.as_deref(), Some("::1"));
    for (listens, ip) in [(IpVersion::V6, IpVersion::V4), (IpVersion::V4, IpVersion::V6)] {
        let sentence = run(here(listens), ip).expect_err("nodes would listen in vain").to_string();
        let reached = format!("but the coordinator is reached from {}", listens.loopback());
        assert!(sentence.contains(&format!("network.ip is {}, {reached}", u8::from(ip))), "{sentence}");
        assert!(sentence.contains(&format!("let --advertise be an {ip} address")), "{sentence}");
    }
}

#[test]
fn strangers_are_refused_with_a_reason() {
    let gate = gate(1);
    let other_run = Gate::open(LOOPBACK, 1, version()).expect("loopback can be listened at");
    let token = gate.token().clone();

    // Of another run: the authority is not the one that the token names.
    let wrong_authority = start(options(&gate, other_run.token().clone()));
    assert!(matches!(ended(wrong_authority), Err(AgentError::OtherRun)));
    // The right fingerprint and another secret.
    let text = token.reveal();
    let wrong = format!("{}{}", &text[..text.len() - 64], "0".repeat(64));
    let wrong_secret = start(options(&gate, Token::read(&wrong).expect("a token")));
    assert!(refusal(wrong_secret).contains("token is not the one of this run"));

    let of_version = |version| AgentOptions { version, ..options(&gate, token.clone()) };
    let newer = start(of_version(Version { protocol: PROTOCOL_VERSION + 1, ..version() }));
    let newer = refusal(newer);
    assert!(newer.contains("version 2 of the control protocol, and the coordinator 1"), "{newer}");
    let other_build = start(of_version(Version { tool: "rumormill 9.9".into(), ..version() }));
    assert!(refusal(other_build).contains("must be the same build"));

    // None of these took the one place, and whichever of two comes second is one too many.
    let mut two = Vec::from([(), ()].map(|()| start(options(&gate, token.clone()))));
    let begun = Instant::now();
    let refused = loop {
        if let Some(number) = two.iter().position(JoinHandle::is_finished) {
            break two.swap_remove(number);
        }
        assert!(begun.elapsed() < PATIENCE, "none of the two is refused");
        thread::sleep(Duration::from_millis(1));
    };
    assert!(refusal(refused).contains("too many"));
    let late = options(&gate, token);
    let fleet = launch(gate, OnLoss::End).expect("the first agent is there");
    let late = refusal(start(late));
    assert!(late.contains("too late"), "{late}");
    Box::new(fleet).shut_down();
    for first in two {
        ended(first).expect("it was told to end");
    }
}

#[test]
fn who_does_not_come_is_missed_and_who_cannot_carry_its_share_says_so() {
    let missing = gate(2);
    let there = start(options(&missing, missing.token().clone()));
    // One, unless this machine takes longer than that to let it in.
    let mut came = 0;
    let muster = Muster {
        patience: Duration::from_secs(3),
        interrupted: &|| false,
        watch: &mut || Ok(()),
        say: &mut |_| came += 1,
    };
    let error = FleetCluster::launch(missing, spec(OnLoss::End, IpVersion::V4), muster)
        .err()
        .expect("one is missing");
    assert!(error.to_string().contains(&format!("only {came} of 2 agents dialled in")), "{error}");
    assert!(ended(there).is_err(), "there is no run");

    let full = gate(1);
    let options = options(&full, full.token().clone());
    let agent = start_with(options, StillHosting { refuses: true, ..StillHosting::default() });
    let error = launch(full, OnLoss::GoOn).err().expect("it cannot");
    assert!(error.to_string().contains("there is no room here"), "{error}");
    assert!(ended(agent).is_err());
}

#[test]
fn a_lost_agent_ends_the_run_or_takes_its_nodes_with_it() {
    for on_loss in [OnLoss::End, OnLoss::GoOn] {
        let gate = gate(2);
        let agents = [(), ()].map(|()| start(options(&gate, gate.token().clone())));
        let mut fleet = launch(gate, on_loss).expect("both agents come");
        // The first agent's cluster fails at its next action.
        fleet.act(NodeId(0), Action::Restart).expect("it is not known yet");
        let census = fleet.census();
        match on_loss {
            OnLoss::End => assert!(census.is_err_and(|error| error.to_string().starts_with("lost agent"))),
            OnLoss::GoOn => {
                let crashed: Vec<_> =
                    census.expect("it goes on").nodes.iter().map(|node| node.crashed).collect();
                assert_eq!(crashed, [true, true, false, false, false]);
                assert_eq!(fleet.inspect(&[], &[]).expect("it goes on").len(), 3);
                assert!(fleet.fleet().is_some_and(|report| report.agents[0].lost && !report.agents[1].lost));
            }
        }
        Box::new(fleet).shut_down();
        let ended = agents.map(|agent| ended(agent).is_ok());
        assert_eq!(ended.iter().filter(|&&told| told).count(), 1, "one was told to end");
    }
}
