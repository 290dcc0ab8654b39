//! The heartbeat-counter detector: what it tolerates, whom it finds, who comes back and who does not.

mod world;

use std::time::Duration;

use rumormill_node::{Beat, Body, Config, Detector, Dissemination, Heartbeats, Node, Peers, Phi, Silence};
use rumormill_protocol::{Cause, Command, Event, NodeId, Protocol, Status, Time};
use world::{World, contact};

const CASSANDRA: Silence = Silence::Phi { formula: Phi::Cassandra, suspect: 5.0, dead: 8.0 };
const CHITCHAT: Silence = Silence::Phi { formula: Phi::Chitchat, suspect: 5.0, dead: 8.0 };
const FIXED: Silence = Silence::Fixed { fail_after: Duration::from_secs(12) };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn sticky(silence: Silence) -> Config {
    Config { detector: Detector::Heartbeat(silence), ..Config::default() }
}

/// One random peer a second, both ways, as Cassandra.
fn uniform(silence: Silence) -> Config {
    Config {
        detector: Detector::Heartbeat(silence),
        peers: Peers::Uniform,
        fanout: 1,
        gossip_interval: seconds(1),
        dissemination: Dissemination::PushPull,
        ..Config::default()
    }
}

fn status(world: &World, node: u32, member: u32) -> Status {
    world.nodes[node as usize].as_ref().expect("it is up").view().status(NodeId(member))
}

/// When each survivor declared the victim dead, in seconds after its crash.
fn deaths(world: &World, victim: u32, crashed: Time) -> Vec<f64> {
    let of_it = |event: &Event| *event == Event::DeclaredDead(NodeId(victim));
    let times = world.events.iter().filter(|(at, _, event)| *at >= crashed && of_it(event));
    times.map(|(at, ..)| at.since(crashed).as_secs_f64()).collect()
}

fn verdicts(world: &World) -> usize {
    let verdict = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
    world.events.iter().filter(|(.., event)| verdict(event)).count()
}

#[test]
fn a_crash_is_found_by_all_within_the_formula_and_the_spreading_time_and_nobody_else_is_suspected() {
    // The silence that each tolerates, as a multiple of the mean interval, and that mean. At one exchange a second each
    // way a counter goes up at a node once in 1 to 1.5 s. For Cassandra intervals above 2 s do not count, which makes the
    // mean of the others shorter. chitchat's prior of 5 · 5 s adds 0.21 s after some 100 samples.
    let cassandra = 8.0 * 10f64.ln();
    let expected = [
        (sticky(CASSANDRA), cassandra, 0.85..1.3),
        (uniform(CASSANDRA), cassandra, 0.85..1.6),
        (sticky(CHITCHAT), 8.0, 1.1..1.6),
        (uniform(CHITCHAT), 8.0, 1.1..1.9),
        (sticky(FIXED), 24.0, 1.0..1.0),
    ];
    for (config, multiple, mean) in expected {
        let mut world = World::warm(40, &config);
        world.run(seconds(100));
        assert_eq!(verdicts(&world), 0, "{config:?}");
        let crashed = world.now;
        world.crash(NodeId(7));
        world.run(seconds(60));
        let times = deaths(&world, 7, crashed);
        assert_eq!(times.len(), 39, "{config:?}");
        // The last counter takes log2 40 rounds to reach everyone, and each judges once a period. The silence may have
        // begun a period before the crash.
        let (earliest, latest) = (multiple * mean.start - 1.0, multiple * mean.end + 40f64.log2() + 1.0);
        assert!(times.iter().all(|time| (earliest..latest).contains(time)), "{config:?}: {times:?}");
        assert_eq!(verdicts(&world), 2 * 39, "one suspicion and one death each: {config:?}");
    }
}

#[test]
fn nobody_is_told_of_suspicions_or_deaths_and_tables_are_not_exchanged_for_them() {
    for config in [sticky(CASSANDRA), uniform(CASSANDRA)] {
        let mut world = World::warm(40, &config);
        world.run(seconds(60));
        world.crash(NodeId(7));
        world.bytes.clear();
        world.run(seconds(60));
        let sent = |cause| world.bytes.get(&cause).copied().unwrap_or_default();
        assert_eq!(sent(Cause::Members), (0, 0), "{config:?}");
        let (messages, payload) = sent(Cause::News);
        assert_eq!(payload, messages, "calls without news: {config:?}");
        assert_eq!([Cause::Probe, Cause::Ack, Cause::Indirect].map(sent), [(0, 0); 3]);
    }
}

#[test]
fn an_exchange_takes_bytes_with_the_number_of_members() {
    for nodes in [20, 100, 300] {
        let mut world = World::warm(nodes, &Config { fanout: 1, ..sticky(CASSANDRA) });
        // Counters between 64 and 8,191 take two bytes.
        world.run(seconds(100));
        world.bytes.clear();
        world.run(seconds(60));
        let (messages, payload) = world.bytes[&Cause::Heartbeat];
        assert_eq!(messages, 60 * nodes as usize);
        // The header, the range (1 + 5), a salt of 2, a check of 4, one run: their number, where it begins, its length.
        let length = if nodes < 128 { 1 } else { 2 };
        assert_eq!(payload, messages * (1 + 6 + 2 + 4 + 2 + length + 2 * nodes as usize), "{nodes}");
    }
}

#[test]
fn a_stale_counter_brings_nobody_back() {
    for config in [sticky(FIXED), uniform(FIXED)] {
        let mut world = World::warm(30, &config);
        world.run(seconds(20));
        // A node sleeps over the death and all quarantines, with a counter that nobody else has heard of.
        let (victim, sleeper) = (NodeId(7), NodeId(20));
        let last = Beat { member: victim, life: 0, counter: 999 };
        let check = rumormill_node::Check { members: 0, state: 0 };
        let said = Heartbeats { first: 0, end: u32::MAX, asks: false, salt: 0, check, beats: [last].into() };
        let now = world.now;
        let node = world.nodes[20].as_mut().expect("it is up");
        node.handle_message(now, victim, message(Body::Heartbeats(said)));
        world.crash(victim);
        world.sleep(sleeper);
        world.run(seconds(100));
        assert!((0..30).filter(|id| ![7, 20].contains(id)).all(|id| status(&world, id, 7) == Status::Dead));
        assert_eq!(status(&world, 20, 7), Status::Alive, "it sleeps");
        world.events.clear();
        world.wake(sleeper);
        world.run(seconds(100));
        let again = world.events.iter().filter(|(.., event)| *event == Event::Alive(victim)).count();
        assert_eq!(again, 0, "{config:?}");
        assert!((0..30).filter(|id| *id != 7).all(|id| status(&world, id, 7) == Status::Dead));
        // And the sleeper is back everywhere.
        assert!(
            (0..30).filter(|id| *id != 7).all(|id| status(&world, id, 20) == Status::Alive),
            "{config:?}"
        );
    }
}

fn message(body: Body) -> rumormill_node::Message {
    rumormill_node::Message {
        names: rumormill_node::Names::Full,
        compression: rumormill_node::Compression::None,
        body,
    }
}

#[test]
fn who_slept_takes_nobody_for_dead() {
    for config in [sticky(CASSANDRA), uniform(CASSANDRA), sticky(CHITCHAT), uniform(CHITCHAT)] {
        for pause in [4, 15, 90] {
            let mut world = World::warm(30, &config);
            world.run(seconds(60));
            let sleeper = NodeId(20);
            world.sleep(sleeper);
            world.run(seconds(pause));
            world.wake(sleeper);
            world.run(seconds(60));
            let by_it = world
                .events
                .iter()
                .filter(|(_, node, event)| *node == sleeper && matches!(event, Event::DeclaredDead(_)));
            assert_eq!(by_it.count(), 0, "{pause} s, {config:?}");
            let all = |node: &Node| node.view().alive() == 30;
            assert!(world.live().all(all), "{pause} s, {config:?}");
        }
    }
}

#[test]
fn who_restarts_is_back_at_once_and_who_leaves_is_gone_at_once() {
    for config in [sticky(CASSANDRA), uniform(CASSANDRA)] {
        for down in [2, 60] {
            let mut world = World::warm(30, &config);
            world.run(seconds(30));
            world.crash(NodeId(7));
            world.run(seconds(down));
            world.restart(NodeId(7), 1, NodeId(3));
            world.run(seconds(10));
            let back = |node: &Node| {
                node.view().status(NodeId(7)) == Status::Alive && node.view().life(NodeId(7)) == 1
            };
            assert!(world.live().all(back), "down for {down} s, {config:?}");
            assert!(world.live().all(|node| node.view().alive() == 30));
            world.events.clear();
            world.run(seconds(60));
            assert_eq!(verdicts(&world), 0, "{config:?}");

            world.command(NodeId(9), Command::Leave);
            world.run(seconds(15));
            let others = world.live().enumerate().filter(|(id, _)| *id != 9);
            assert!(others.map(|(_, node)| node.view().status(NodeId(9))).all(|left| left == Status::Left));
            world.run(seconds(60));
            assert_eq!(verdicts(&world), 0, "{config:?}");
        }
    }
}

#[test]
fn who_joins_learns_of_the_living_and_of_the_dead() {
    for config in [sticky(CASSANDRA), uniform(CASSANDRA)] {
        let mut world = World::warm(20, &config);
        world.run(seconds(30));
        world.crash(NodeId(7));
        world.run(seconds(60));
        world.enter(20);
        world.command(NodeId(20), Command::Join { seeds: vec![contact(3)] });
        world.run(seconds(60));
        assert!(world.live().all(|node| node.view().alive() == 20), "{config:?}");
        assert_eq!(status(&world, 20, 7), Status::Dead);
        assert!((0..20).filter(|id| *id != 7).all(|id| status(&world, id, 20) == Status::Alive));
    }
}

#[test]
fn a_partition_ends_and_so_does_one_nodes_isolation() {
    for config in [sticky(FIXED), uniform(FIXED)] {
        for few in [1, 10] {
            let mut world = World::warm(30, &config);
            world.run(seconds(20));
            let (few, many): (Vec<NodeId>, Vec<NodeId>) =
                ((0..few).map(NodeId).collect(), (few..30).map(NodeId).collect());
            world.cut(&few, &many);
            world.cut(&many, &few);
            world.run(seconds(60));
            assert_eq!(status(&world, 20, 0), Status::Dead);
            world.heal();
            world.run(seconds(30));
            assert!(world.live().all(|node| node.view().alive() == 30), "{} apart, {config:?}", few.len());
        }
    }
}

#[test]
fn heavy_loss_is_survived_without_false_deaths() {
    for config in [sticky(CASSANDRA), uniform(CASSANDRA)] {
        let mut world = World::warm(40, &config);
        world.loss = 0.2;
        world.run(seconds(120));
        let dead = world.events.iter().filter(|(.., event)| matches!(event, Event::DeclaredDead(_))).count();
        assert_eq!(dead, 0, "{config:?}");
    }
}
