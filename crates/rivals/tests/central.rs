//! A coordinator and its members in virtual time.

mod world;

use std::time::Duration;

use rumormill_protocol::{Cause, Command, Event, NodeId, Protocol, Status};
use rumormill_rivals::{Central, CentralConfig, Timing};
use world::{BOOTED, DELAY, World, only, seconds};

fn warm(count: u32) -> World<Central> {
    World::warm(count, &CentralConfig::default(), 1)
}

#[test]
fn a_quiet_period_takes_one_report_and_one_answer_for_each_member() {
    for count in [5, 10, 100] {
        let mut world = warm(count);
        let members = count as usize - 1;
        assert_eq!(world.count(seconds(4), &[Cause::Probe]), 4 * members);
        assert_eq!(world.count(seconds(4), &Cause::ALL), 4 * 2 * members);
        assert!(world.events.is_empty());
        world.crash(3);
        world.run(seconds(12));
        assert_eq!(world.count(seconds(4), &Cause::ALL), 4 * 2 * (members - 1));
    }
}

#[test]
fn the_coordinator_detects_by_the_stated_law_and_the_others_one_period_later() {
    let timing = Timing::default();
    let (period, earliest) = (timing.protocol_period, timing.probe_timeout + DELAY);
    let mut waited = 0.0;
    for victim in 1..100 {
        let mut world = warm(100);
        let crashed = world.now;
        world.crash(victim);
        world.run(seconds(12));
        let member = NodeId(victim);
        let (suspected, dead) =
            (world.times(Event::Suspected(member)), world.times(Event::DeclaredDead(member)));
        assert_eq!((suspected.len(), dead.len(), world.alarms()), (1, 99, 100));
        let after = suspected[&NodeId(0)] - crashed;
        assert!(earliest <= after && after <= earliest + period, "{after:?}");
        let declared = dead[&NodeId(0)];
        assert_eq!(declared - suspected[&NodeId(0)], timing.suspicion_timeout(100));
        assert!(dead.values().all(|at| (declared..=declared + period + 2 * DELAY).contains(at)));
        waited += (after - earliest).as_secs_f64() / 99.0;
    }
    // The mean of 99 uniform numbers; five standard deviations are 0.145 periods.
    assert!((waited - period.as_secs_f64() / 2.0).abs() < 0.145, "{waited}");
}

#[test]
fn without_the_coordinator_nobody_detects_a_death_and_no_write_spreads() {
    let mut world = warm(10);
    world.crash(0);
    world.run(seconds(1));
    world.crash(4);
    world.put(5, "k1");
    world.run(seconds(60));
    assert_eq!(only(&world.statuses(0)), Status::Dead, "each finds out that the coordinator is gone");
    assert_eq!(only(&world.statuses(4)), Status::Alive, "nobody notices");
    assert_eq!(world.times(Event::DeclaredDead(NodeId(0))).len(), 8);
    assert!(world.times(Event::Suspected(NodeId(4))).is_empty());
    assert_eq!(world.versions(5).into_iter().collect::<Vec<_>>(), [BOOTED, BOOTED + 1]);
}

#[test]
fn every_write_reaches_everyone_within_a_period_and_once() {
    let mut world = warm(20);
    for round in 0..10 {
        world.put(round, "k1");
        world.put(round, "new");
        world.run(Duration::from_millis(10));
    }
    world.run(seconds(1) + 3 * DELAY);
    for writer in 0..10 {
        assert_eq!(only(&world.versions(writer)), BOOTED + 2);
    }
    let applied = world.events.iter().filter(|(.., event)| matches!(event, Event::Applied(_))).count();
    assert_eq!(applied, 10 * 2 * 19, "and its own write comes back to nobody");
}

#[test]
fn a_member_that_starts_again_comes_back_with_its_life_and_all_writes() {
    let mut world = warm(10);
    world.put(3, "k1");
    world.put(7, "k1");
    world.run(seconds(2));
    world.crash(3);
    world.crash(7);
    world.run(seconds(9));
    assert_eq!(only(&world.statuses(3)), Status::Dead);
    world.restart(3, 1, &[5]);
    world.put(3, "k2");
    world.run(seconds(3));
    assert_eq!((only(&world.statuses(3)), only(&world.statuses(7))), (Status::Alive, Status::Dead));
    assert!(world.live().all(|(_, node)| node.view().life(NodeId(3)) == 1));
    assert_eq!((only(&world.versions(3)), only(&world.versions(7))), ((1 << 32) + 1, BOOTED + 1));
    assert_eq!(world.times(Event::Alive(NodeId(3))).len(), 8);
    let own = |event: &&(_, NodeId, Event)| {
        event.1 == NodeId(3) && matches!(event.2, Event::Applied(dot) if dot.writer == NodeId(3))
    };
    // k1 at its fourth write, k3, and not k2, which it wrote again.
    assert_eq!(world.events.iter().filter(own).count(), 2);
    assert_eq!(world.count(seconds(2), &Cause::ALL), 2 * 2 * 8);
}

#[test]
fn a_coordinator_that_starts_again_is_told_who_is_there_and_what_they_wrote() {
    let mut world = warm(8);
    world.put(2, "k1");
    world.run(seconds(2));
    world.crash(0);
    world.put(3, "k1");
    world.run(seconds(10));
    world.restart(0, 1, &[6]);
    world.run(seconds(8));
    assert_eq!(only(&world.statuses(0)), Status::Alive);
    assert!(world.live().all(|(_, node)| node.view().alive() == 8 && node.view().life(NodeId(0)) == 1));
    for writer in [2, 3] {
        assert_eq!(only(&world.versions(writer)), BOOTED + 1);
    }
    world.crash(5);
    world.put(1, "k1");
    world.run(seconds(9));
    assert_eq!((only(&world.statuses(5)), only(&world.versions(1))), (Status::Dead, BOOTED + 1));
}

#[test]
fn a_coordinator_that_joins_later_finds_its_members_through_seeds() {
    let config = CentralConfig { coordinator: NodeId(4), ..CentralConfig::default() };
    let mut world = World::<Central>::warm(4, &config, 1);
    world.nodes.push(Some(Central::new(
        &config,
        &rumormill_protocol::Start {
            me: NodeId(4),
            address: world::contact(4).address,
            generation: 0,
            seed: 9,
        },
        world.now,
    )));
    world.join(4, &[0, 1, 2, 3]);
    world.run(seconds(3));
    assert!(world.live().all(|(_, node)| node.view().alive() == 5));
    assert!((0..4).all(|writer| only(&world.versions(writer)) == BOOTED));
    assert_eq!(world.alarms(), 0);
}

#[test]
fn those_who_join_through_a_seed_that_is_not_the_coordinator_learn_everything() {
    let mut world = World::<Central>::silent(30, &CentralConfig::default(), 1);
    world.join(0, &[]);
    world.join(1, &[0]);
    world.run(seconds(1));
    for number in 2..30 {
        world.join(number, &[1]);
        for key in 0..200 {
            world.put(number, &format!("key {key}"));
        }
    }
    world.run(seconds(4));
    assert!(world.live().all(|(_, node)| node.view().alive() == 30));
    assert!((2..30).all(|writer| only(&world.versions(writer)) == 200));
    assert_eq!(world.alarms(), 0);
    assert_eq!(world.count(seconds(2), &Cause::ALL), 2 * 2 * 29, "nothing is left to tell");
}

#[test]
fn a_goodbye_is_no_failure() {
    let mut world = warm(10);
    world.command(4, Command::Leave);
    world.run(seconds(9));
    assert_eq!((world.times(Event::Left(NodeId(4))).len(), world.alarms()), (9, 0));
    world.nodes[4] = None;
    assert!(world.live().all(|(_, node)| node.view().alive() == 9));
    assert_eq!(world.count(seconds(2), &Cause::ALL), 2 * 2 * 8);
}

#[test]
fn a_coordinator_that_leaves_is_not_reported_to_any_more() {
    let mut world = warm(6);
    world.command(0, Command::Leave);
    world.run(seconds(2));
    assert_eq!((only(&world.statuses(0)), world.alarms()), (Status::Left, 0));
    assert_eq!(world.count(seconds(5), &Cause::ALL), 0);
}

#[test]
fn who_was_cut_off_comes_back_by_reporting() {
    let mut world = warm(8);
    world.cut_off(3);
    world.run(seconds(10));
    assert_eq!(only(&world.statuses(3)), Status::Dead);
    world.put(3, "k1");
    world.put(5, "k1");
    world.heal();
    world.run(seconds(6));
    assert_eq!((only(&world.statuses(3)), only(&world.statuses(0))), (Status::Alive, Status::Alive));
    assert_eq!((only(&world.versions(3)), only(&world.versions(5))), (BOOTED + 1, BOOTED + 1));
}

#[test]
fn garbage_and_strangers_change_nothing() {
    let mut world = warm(4);
    for (node, from) in [(0, 2), (1, 2), (1, 0)] {
        for kind in 0..10u8 {
            for body in [&[][..], &[0], &[0xff; 40], &[1; 40]] {
                let mut bytes = vec![1 << 5 | kind, 0];
                bytes.extend_from_slice(body);
                // A goodbye without a body is well formed.
                if (kind, body.len()) != (8, 0) {
                    world.hear(node, from, &bytes);
                }
            }
        }
    }
    world.run(seconds(3));
    assert!(
        world.live().all(|(_, node)| node.view().alive() == 4 && node.view().version(NodeId(2)) >= BOOTED)
    );
    assert_eq!(world.alarms(), 0);
}

#[test]
fn equal_seeds_give_equal_events() {
    let events = |seed| {
        let mut world = World::<Central>::warm(12, &CentralConfig::default(), seed);
        world.crash(3);
        world.put(5, "k1");
        world.run(seconds(9));
        world.restart(3, 1, &[1]);
        world.run(seconds(3));
        (world.events, world.asked)
    };
    assert_eq!(events(1), events(1));
    assert_ne!(events(1), events(2));
}
