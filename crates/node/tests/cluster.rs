//! Small clusters in virtual time: crashes, writes, joins, goodbyes.

mod world;

use std::{collections::BTreeSet, time::Duration};

use rumormill_node::{Config, StateTransfer};
use rumormill_protocol::{Command, Event, LinkEvent, NodeId, Protocol, Status};
use world::{World, contact, put};

#[test]
fn a_crash_is_suspected_in_time_and_everyone_declares_it_and_nobody_else_dead() {
    let config = Config::default();
    let mut world = World::warm(40, &config);
    world.run(Duration::from_secs(20));
    assert!(world.events.is_empty(), "nothing happens in a healthy cluster: {:?}", world.events);

    let (victim, crashed_at) = (NodeId(7), world.now);
    world.crash(victim);
    world.run(Duration::from_secs(25));
    let suspected = world.events.iter().find(|(_, _, event)| *event == Event::Suspected(victim));
    let first = suspected.expect("somebody suspects it").0.since(crashed_at);
    // A partner probes it within `partners` periods and judges one period later.
    assert!(first <= Duration::from_secs(9), "{first:?}");
    let dead = world.events.iter().filter(|(_, _, event)| *event == Event::DeclaredDead(victim));
    assert_eq!(dead.clone().map(|(_, observer, _)| *observer).collect::<BTreeSet<_>>().len(), 39);
    for (at, ..) in dead {
        let waited = at.since(crashed_at) - first;
        assert!(waited >= Duration::from_secs(4 * 39f64.log10() as u64), "{waited:?}");
    }
    let others =
        |event: &Event| !matches!(event, Event::Suspected(who) | Event::DeclaredDead(who) if *who == victim);
    assert!(!world.events.iter().any(|(_, _, event)| others(event)), "nobody else is touched");
    assert!(world.live().all(|node| node.view().status(victim) == Status::Dead && node.view().alive() == 39));
}

#[test]
fn every_write_reaches_everyone_by_deltas_by_digests_and_by_full_pushes() {
    let every = Duration::from_secs(1);
    for state in [StateTransfer::Delta, StateTransfer::Digest { every }, StateTransfer::Full { every }] {
        let mut world = World::warm(30, &Config { state, ..Config::default() });
        world.run(Duration::from_secs(2));
        for round in 0..10 {
            world.command(NodeId(round), put("k1"));
            world.command(NodeId(round), put("new"));
            world.run(Duration::from_millis(300));
        }
        world.run(Duration::from_secs(40));
        for node in world.live() {
            assert!((0..10).all(|writer| node.view().version(NodeId(writer)) == 5), "{state:?}");
        }
        let applied = world.events.iter().filter(|(_, _, event)| matches!(event, Event::Applied(_))).count();
        assert!(applied <= 20 * 29, "no write is applied twice");
    }
}

/// A seed of so many has more connections than it can tell apart in what it remembers of each piece of news.
#[test]
fn a_crowd_that_joins_and_writes_at_once_agrees() {
    const NODES: u32 = 200;
    let mut world = World::silent(NODES, &Config::default());
    world.command(NodeId(0), Command::Join { seeds: Vec::new() });
    for number in 1..NODES {
        world.command(NodeId(number), Command::Join { seeds: vec![contact(0)] });
        world.command(NodeId(number), put("k1"));
    }
    for _ in 0..10 {
        world.run(Duration::from_secs(3));
        world.command(NodeId(0), put("k2"));
    }
    world.run(Duration::from_secs(20));
    for node in world.live() {
        assert_eq!(node.view().alive(), NODES as usize);
        assert_eq!(node.view().version(NodeId(0)), 10);
        assert!((1..NODES).all(|writer| node.view().version(NodeId(writer)) == 1));
    }
}

#[test]
fn those_who_join_through_one_seed_learn_all_members_and_all_state() {
    let mut world = World::silent(25, &Config::default());
    world.command(NodeId(0), Command::Join { seeds: Vec::new() });
    world.command(NodeId(0), put("k1"));
    for number in 1..25 {
        world.command(NodeId(number), Command::Join { seeds: vec![contact(0)] });
        world.command(NodeId(number), put("k1"));
    }
    world.run(Duration::from_secs(30));
    for node in world.live() {
        assert_eq!(node.view().alive(), 25);
        assert!((0..25).all(|writer| node.view().version(NodeId(writer)) == 1));
    }
    let wrong = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
    assert!(!world.events.iter().any(|(_, _, event)| wrong(event)));
}

#[test]
fn a_node_that_is_cut_off_and_declared_dead_comes_back_by_refuting() {
    let mut world = World::warm(20, &Config::default());
    world.run(Duration::from_secs(5));
    let lost = NodeId(3);
    let away = world.nodes[lost.index()].take();
    world.run(Duration::from_secs(20));
    assert!(world.live().all(|node| node.view().status(lost) == Status::Dead));

    world.nodes[lost.index()] = away;
    world.run(Duration::from_secs(20));
    assert!(world.live().all(|node| node.view().status(lost) == Status::Alive));
    assert!(world.live().all(|node| node.view().alive() == 20));
}

#[test]
fn ends_that_hear_of_their_connection_a_different_number_of_times_stop_meeting() {
    let mut world = World::warm(2, &Config::default());
    world.run(Duration::from_secs(1));
    let before = world.meets;
    // One end hears Up again, as after a dial that crossed another.
    world.tell(NodeId(0), NodeId(1), LinkEvent::Up);
    world.run(Duration::from_secs(5));
    assert!(world.meets - before <= 3, "{} meets", world.meets - before);
    world.command(NodeId(0), put("k1"));
    world.command(NodeId(1), put("k1"));
    world.run(Duration::from_secs(2));
    assert!(world.live().all(|node| (0..2).all(|writer| node.view().version(NodeId(writer)) == 4)));
}

#[test]
fn a_goodbye_is_no_failure() {
    let mut world = World::warm(20, &Config::default());
    world.run(Duration::from_secs(5));
    world.command(NodeId(4), Command::Leave);
    world.run(Duration::from_secs(20));
    let stayed = || world.live().enumerate().filter(|(number, _)| *number != 4);
    assert!(
        stayed().all(|(_, node)| node.view().status(NodeId(4)) == Status::Left && node.view().alive() == 19)
    );
    let wrong = |event: &Event| matches!(event, Event::Suspected(_) | Event::DeclaredDead(_));
    assert!(!world.events.iter().any(|(_, _, event)| wrong(event)));
}
