//! Clusters that find out by sketches what their nodes lack: after cuts, joins, restarts and lost rumors.

mod world;

use std::time::Duration;

use rumormill_node::{Config, DigestForm, Peers};
use rumormill_protocol::{Command, NodeId, Protocol};
use world::{World, contact, put};

fn config(peers: Peers) -> Config {
    Config { digest: DigestForm::Sketch, peers, ..Config::default() }
}

fn agree(world: &World, writers: u32) -> bool {
    let versions = |node: &rumormill_node::Node| -> Vec<u64> {
        (0..writers).map(|writer| node.view().version(NodeId(writer))).collect()
    };
    let mut all = world.live().map(versions);
    let first = all.next().expect("somebody lives");
    all.all(|versions| versions == first)
}

#[test]
fn both_sides_of_a_cut_learn_what_the_other_wrote() {
    for peers in [Peers::Sticky, Peers::Uniform] {
        let mut world = World::warm(40, &config(peers));
        world.run(Duration::from_secs(3));
        let (left, right): (Vec<_>, Vec<_>) = (0..40).map(NodeId).partition(|node| node.0 < 20);
        world.cut(&left, &right);
        world.cut(&right, &left);
        for round in 0..200 {
            world.command(NodeId(round % 40), put("k1"));
            world.run(Duration::from_millis(200));
        }
        assert!(!agree(&world, 40));
        world.heal();
        world.run(Duration::from_secs(90));
        assert!(agree(&world, 40), "{peers:?}");
    }
}

#[test]
fn a_crowd_that_joins_and_one_that_comes_back_know_all() {
    const NODES: u32 = 60;
    let mut world = World::silent(NODES, &config(Peers::Sticky));
    world.command(NodeId(0), Command::Join { seeds: Vec::new() });
    for number in 1..NODES {
        world.command(NodeId(number), Command::Join { seeds: vec![contact(0)] });
        world.command(NodeId(number), put("k1"));
    }
    world.run(Duration::from_secs(30));
    assert!(agree(&world, NODES));
    assert!(world.live().all(|node| (1..NODES).all(|writer| node.view().version(NodeId(writer)) == 1)));

    world.crash(NodeId(7));
    world.run(Duration::from_secs(3));
    world.command(NodeId(9), put("k2"));
    world.restart(NodeId(7), 1, NodeId(3));
    world.command(NodeId(7), put("again"));
    world.run(Duration::from_secs(30));
    assert!(agree(&world, NODES));
}

#[test]
fn writes_that_rumors_missed_are_found() {
    let mut world = World::warm(60, &config(Peers::Uniform));
    world.loss = 0.3;
    for round in 0..60 {
        world.command(NodeId(round), put("k1"));
        world.command(NodeId(round), put("k2"));
        world.run(Duration::from_millis(100));
    }
    world.loss = 0.0;
    world.run(Duration::from_secs(60));
    assert!(agree(&world, 60));
}
