//! Of several proposed values one is settled on by all, and never two.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rand::{RngExt, seq::SliceRandom};
use rumormill_node::{Config, Peers};
use rumormill_protocol::{Command, Event, NodeId, generator};
use world::World;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ids(range: std::ops::Range<u32>) -> Vec<NodeId> {
    range.map(NodeId).collect()
}

fn propose(slot: u64, value: u8) -> Command {
    Command::Propose { slot, value: Arc::from([value; 16]) }
}

/// Who settled each slot. Asserts that nobody settled one twice and no two settled one on different values.
fn settled(world: &World) -> BTreeMap<u64, BTreeSet<NodeId>> {
    let (mut nodes, mut values) = (BTreeMap::<u64, BTreeSet<NodeId>>::new(), BTreeMap::new());
    for &(at, node, event) in &world.events {
        if let Event::Settled { slot, value } = event {
            assert!(nodes.entry(slot).or_default().insert(node), "{node} settled {slot} again at {at:?}");
            assert_eq!(*values.entry(slot).or_insert(value), value, "{node} settled {slot} at {at:?}");
        }
    }
    nodes
}

#[test]
fn all_settle_on_one_of_the_values_that_are_proposed_at_once() {
    for peers in [Peers::Sticky, Peers::Uniform] {
        let mut world = World::warm(50, &Config { peers, ..Config::default() });
        world.run(seconds(5));
        for (slot, proposers) in [(1, 1), (2, 5), (3, 50)] {
            for node in 0..proposers {
                world.command(NodeId(node), propose(slot, node as u8));
            }
            world.run(seconds(15));
            assert_eq!(settled(&world)[&slot].len(), 50, "{proposers} proposers, {peers:?}");
        }
    }
}

#[test]
fn what_a_dead_proposer_left_half_done_is_settled_by_others() {
    let mut world = World::warm(50, &Config::default());
    world.run(seconds(5));
    world.command(NodeId(7), propose(1, 1));
    // Its values have gone out, and it dies before it has heard how many took them: a hop takes 5 ms.
    world.run(Duration::from_millis(42));
    world.crash(NodeId(7));
    assert!(settled(&world).is_empty());
    world.run(seconds(20));
    assert_eq!(settled(&world)[&1].len(), 49);
}

#[test]
fn a_minority_settles_nothing_and_learns_what_the_majority_settled() {
    let mut world = World::warm(50, &Config::default());
    world.run(seconds(5));
    let (few, many) = (ids(0..20), ids(20..50));
    world.cut(&few, &many);
    world.cut(&many, &few);
    world.command(NodeId(3), propose(1, 3));
    world.run(seconds(20));
    assert!(settled(&world).is_empty(), "20 of 50 are no majority");
    world.command(NodeId(30), propose(1, 30));
    world.run(seconds(20));
    assert!(settled(&world)[&1].iter().all(|node| many.contains(node)));
    world.heal();
    world.run(seconds(30));
    assert_eq!(settled(&world)[&1].len(), 50);
}

/// Random cuts, crashes, restarts and proposals.
#[test]
fn two_values_are_never_settled_whatever_happens() {
    let mut slots_settled = 0;
    for seed in 0..12 {
        let mut random = generator(seed);
        let mut world = World::warm(15, &Config { partners: 4, ..Config::default() });
        world.loss = 0.1;
        world.run(seconds(2));
        let mut lives = [0; 15];
        for round in 0..25u64 {
            for _ in 0..random.random_range(1..4) {
                let proposer = NodeId(random.random_range(0..15));
                world.command(proposer, propose(round / 3, random.random_range(0..250)));
            }
            let mut nodes = ids(0..15);
            nodes.shuffle(&mut random);
            let (few, many) = nodes.split_at(random.random_range(1..8));
            match random.random_range(0..6) {
                0 => world.cut(few, many),
                1 => {
                    world.cut(few, many);
                    world.cut(many, few);
                }
                2 | 3 => world.heal(),
                4 => {
                    let victim = few[0];
                    lives[victim.index()] += 1;
                    world.crash(victim);
                    world.run(Duration::from_millis(random.random_range(0..3_000)));
                    world.restart(victim, lives[victim.index()], many[0]);
                }
                _ => {}
            }
            world.run(Duration::from_millis(random.random_range(1..2_000)));
        }
        let mut values = BTreeMap::new();
        for &(at, node, event) in &world.events {
            if let Event::Settled { slot, value } = event {
                let first = *values.entry(slot).or_insert(value);
                assert_eq!(first, value, "{node} settled {slot} at {at:?}, seed {seed}");
            }
        }
        slots_settled += values.len();
    }
    assert!(slots_settled > 50, "{slots_settled} of about 100 slots were settled at all");
}
