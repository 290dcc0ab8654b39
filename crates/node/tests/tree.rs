//! Writes that are announced before they are sent go to each node once, and arrive all the same.

mod world;

use std::{collections::BTreeMap, time::Duration};

use rumormill_node::{Config, Dissemination, Peers};
use rumormill_protocol::{Event, NodeId};
use world::{World, put};

const NODES: u32 = 100;

/// Writes once in each of many intervals. Returns for each how long it took until all live nodes had it, and how many
/// values were sent for each write and node that lacked it.
fn spread(world: &mut World, writes: u32, interval: Duration) -> (Vec<Duration>, f64) {
    let live = world.live().count();
    let (before, values) = (world.events.len(), world.values);
    let mut written = Vec::new();
    for number in 0..writes {
        let writer = NodeId(number * 7 % 50);
        written.push((writer, world.now));
        world.command(writer, put(&format!("k{number}")));
        world.run(interval);
    }
    let mut took = Vec::new();
    for (writer, at) in written {
        let arrivals = world.events[before..].iter().filter(
            |(arrived, _, event)| matches!(event, Event::Applied(dot) if dot.writer == writer && arrived.since(at) < interval),
        );
        let arrivals: Vec<_> = arrivals.map(|(arrived, ..)| arrived.since(at)).collect();
        assert_eq!(arrivals.len(), live - 1, "everyone has it, and once");
        took.extend(arrivals.into_iter().max());
    }
    (took, (world.values - values) as f64 / f64::from(writes) / (live - 1) as f64)
}

#[test]
fn along_a_tree_each_node_is_sent_a_write_once_and_at_once() {
    let config = Config { dissemination: Dissemination::Tree, ..Config::default() };
    let mut world = World::warm(NODES, &config);
    world.run(Duration::from_secs(2));
    let (_, flood) = spread(&mut world, 1, Duration::from_secs(3));
    assert!(flood > 2.0, "nobody knows the tree before the first write: {flood}");
    let (took, copies) = spread(&mut world, 40, Duration::from_secs(3));
    assert!(copies < 1.05, "{copies}");
    // About a partner of a node changes in each interval, and one link in four is of the tree.
    let at_once = took.iter().filter(|took| **took < Duration::from_millis(100)).count();
    assert!(at_once >= 24, "{took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(1)), "{took:?}");
}

/// Writes at such intervals, so that several are under way at any time. Returns how long each took until all nodes had it, in
/// order, and how many values were sent for each write and node that lacked it.
fn stream(world: &mut World, writes: u32, interval: Duration) -> (Vec<Duration>, f64) {
    let (before, values) = (world.events.len(), world.values);
    for number in 0..writes {
        world.command(NodeId(number * 37 % NODES), put(&format!("k{number}")));
        world.run(interval);
    }
    world.run(Duration::from_secs(3));
    let mut written = BTreeMap::new();
    for (at, _, event) in &world.events[before..] {
        match event {
            Event::Wrote(dot) => drop(written.insert(*dot, (*at, Duration::ZERO, 0))),
            Event::Applied(dot) => {
                let (wrote, took, nodes) = written.get_mut(dot).expect("written before");
                (*took, *nodes) = (at.since(*wrote), *nodes + 1);
            }
            _ => {}
        }
    }
    assert!(written.values().all(|(.., nodes)| *nodes == NODES - 1), "everyone has it, and once");
    let mut took: Vec<Duration> = written.into_values().map(|(_, took, _)| took).collect();
    took.sort_unstable();
    (took, (world.values - values) as f64 / f64::from(writes) / f64::from(NODES - 1))
}

#[test]
fn writes_that_are_under_way_together_make_one_tree_that_is_not_deep() {
    let config = Config { dissemination: Dissemination::Tree, ..Config::default() };
    let mut world = World::warm(NODES, &config);
    world.run(Duration::from_secs(2));
    // A hop is 5 ms, and a write is under way for some 30.
    let interval = Duration::from_millis(10);
    stream(&mut world, 500, interval);
    let (took, copies) = stream(&mut world, 500, interval);
    assert!(copies < 1.15, "{copies}");
    // From a leaf to a leaf of a tree with seven branches at each inner node are 2 · log7 100 = 4.7 hops.
    assert!(took[250] <= Duration::from_millis(40), "{took:?}");
    assert!(took[450] <= Duration::from_millis(60), "{took:?}");
}

#[test]
fn a_tree_that_loses_nodes_repairs_itself() {
    let config = Config { dissemination: Dissemination::Tree, ..Config::default() };
    let mut world = World::warm(NODES, &config);
    world.run(Duration::from_secs(2));
    spread(&mut world, 5, Duration::from_secs(3));
    (60..90).for_each(|victim| world.crash(NodeId(victim)));
    let (took, copies) = spread(&mut world, 40, Duration::from_secs(3));
    // Where the tree was cut the first write waits for two probes at most.
    assert!(took.iter().all(|took| *took < Duration::from_secs(2)), "{took:?}");
    // A connection that replaces one with a dead node is a link of the tree until something comes over it twice.
    assert!(copies < 1.35, "{copies}");
}

#[test]
fn with_push_pull_each_node_is_sent_a_write_once() {
    for peers in [Peers::Sticky, Peers::Uniform] {
        let config = Config { dissemination: Dissemination::PushPull, peers, fanout: 1, ..Config::default() };
        let mut world = World::warm(NODES, &config);
        world.run(Duration::from_secs(2));
        let (took, copies) = spread(&mut world, 20, Duration::from_secs(4));
        assert!(copies < 1.01, "{peers:?} {copies}");
        assert!(took.iter().all(|took| *took < Duration::from_millis(3_500)), "{took:?}");
    }
}
