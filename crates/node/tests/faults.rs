//! What is left of faults when they are over: nobody stays dead, no old life lives on, everyone has everything.

mod world;

use std::time::Duration;

use rumormill_node::{Config, Dissemination, Peers, StateTransfer};
use rumormill_protocol::{Event, NodeId, Protocol, Status};
use world::{World, put};

fn ids(range: std::ops::Range<u32>) -> Vec<NodeId> {
    range.map(NodeId).collect()
}

fn both() -> [Config; 2] {
    [Peers::Sticky, Peers::Uniform].map(|peers| Config { peers, ..Config::default() })
}

/// Whether every live node takes all live nodes for alive, in their present lives.
fn agrees(world: &World) -> bool {
    let live: Vec<NodeId> =
        ids(0..world.nodes.len() as u32).into_iter().filter(|id| world.nodes[id.index()].is_some()).collect();
    world.live().all(|node| live.iter().all(|&member| node.view().status(member) == Status::Alive))
}

#[test]
fn a_partition_heals_within_seconds_whichever_way_it_was_cut() {
    for config in both() {
        for (out, back) in [(true, false), (false, true), (true, true)] {
            let mut world = World::warm(60, &config);
            world.run(Duration::from_secs(10));
            let (few, many) = (ids(0..6), ids(6..60));
            if out {
                world.cut(&few, &many);
            }
            if back {
                world.cut(&many, &few);
            }
            world.run(Duration::from_secs(30));
            let dead =
                |node: &rumormill_node::Node| few.iter().any(|&id| node.view().status(id) == Status::Dead);
            assert!(world.live().skip(6).all(dead), "30 s are longer than a suspicion: {config:?}");

            world.command(NodeId(1), put("k1"));
            world.command(NodeId(40), put("k1"));
            world.heal();
            world.run(Duration::from_secs(10));
            assert!(agrees(&world), "out {out}, back {back}, {config:?}");
            world.run(Duration::from_secs(10));
            let has =
                |node: &rumormill_node::Node| [1, 40].iter().all(|&id| node.view().version(NodeId(id)) == 4);
            assert!(world.live().all(has), "out {out}, back {back}, {config:?}");
        }
    }
}

#[test]
fn heavy_loss_of_datagrams_is_survived() {
    for config in both() {
        let mut world = World::warm(50, &config);
        world.loss = 0.2;
        for round in 0..30 {
            world.command(NodeId(round), put("k1"));
            world.run(Duration::from_secs(1));
        }
        world.crash(NodeId(49));
        world.run(Duration::from_secs(40));
        world.loss = 0.0;
        world.run(Duration::from_secs(10));
        assert!(world.live().all(|node| node.view().status(NodeId(49)) == Status::Dead));
        assert!(agrees(&world));
        assert!(world.live().all(|node| (0..30).all(|id| node.view().version(NodeId(id)) == 4)));
    }
}

#[test]
fn those_who_restart_are_known_by_their_new_life_and_have_everything() {
    // One is back before anyone noticed, the others after all had declared them dead.
    for down in [2, 25] {
        let mut world = World::warm(30, &Config::default());
        world.run(Duration::from_secs(5));
        let victims = ids(3..8);
        for &victim in &victims {
            world.crash(victim);
        }
        world.run(Duration::from_secs(down));
        for &victim in &victims {
            world.restart(victim, 1, NodeId(20));
        }
        world.command(NodeId(25), put("k1"));
        world.run(Duration::from_secs(30));
        assert!(agrees(&world), "down for {down} s");
        for node in world.live() {
            assert!(victims.iter().all(|&victim| node.view().life(victim) == 1));
            assert_eq!(node.view().alive(), 30);
            assert!((0..30).all(|id| node.view().version(NodeId(id)) == if id == 25 { 4 } else { 3 }));
        }
        let alive_again = |observer, victim| {
            world.events.iter().any(|(_, at, event)| (*at, *event) == (observer, Event::Alive(victim)))
        };
        assert!(victims.iter().all(|&victim| alive_again(NodeId(20), victim)), "a new life is announced");
    }
}

#[test]
fn every_dissemination_brings_all_writes_to_all() {
    for peers in [Peers::Sticky, Peers::Uniform] {
        let all = [Dissemination::Push, Dissemination::Pull, Dissemination::PushPull, Dissemination::Tree];
        for dissemination in
            all.into_iter().filter(|way| *way != Dissemination::Tree || peers == Peers::Sticky)
        {
            for state in [StateTransfer::Delta, StateTransfer::Full { every: Duration::from_secs(1) }] {
                let config = Config { peers, dissemination, state, ..Config::default() };
                let mut world = World::warm(30, &config);
                world.run(Duration::from_secs(2));
                for writer in 0..10 {
                    world.command(NodeId(writer), put("k1"));
                    world.run(Duration::from_millis(500));
                }
                world.run(Duration::from_secs(20));
                let has =
                    |node: &rumormill_node::Node| (0..10).all(|id| node.view().version(NodeId(id)) == 4);
                assert!(world.live().all(has), "{config:?}");
                assert!(agrees(&world), "{config:?}");
            }
        }
    }
}
