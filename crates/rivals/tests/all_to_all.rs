//! All-to-all checks in virtual time.

mod world;

use std::time::Duration;

use rumormill_protocol::{Cause, Command, Event, NodeId, Protocol, Status};
use rumormill_rivals::{AllToAll, Timing};
use world::{BOOTED, DELAY, World, only, seconds};

fn warm(count: u32) -> World<AllToAll> {
    World::warm(count, &Timing::default(), 1)
}

#[test]
fn a_hundred_nodes_make_9900_checks_a_period_and_the_survivors_of_one_death_9801() {
    let mut world = warm(100);
    assert_eq!(world.count(seconds(1), &[Cause::Probe]), 100 * 99);
    assert_eq!(world.count(seconds(5), &[Cause::Probe]), 5 * 100 * 99);
    world.crash(17);
    // At once, and still when everyone has declared it dead.
    assert_eq!(world.count(seconds(1), &[Cause::Probe]), 99 * 99);
    world.run(seconds(12));
    assert_eq!(only(&world.statuses(17)), Status::Dead);
    assert_eq!(world.count(seconds(3), &[Cause::Probe]), 3 * 99 * 99);
}

#[test]
fn a_quiet_period_takes_two_messages_for_each_ordered_pair_and_no_other() {
    for count in [5, 10, 20, 40] {
        let mut world = warm(count);
        let pairs = count as usize * (count as usize - 1);
        assert_eq!(world.count(seconds(4), &Cause::ALL), 4 * 2 * pairs);
        assert_eq!(world.count(seconds(4), &[Cause::Probe, Cause::Ack]), 4 * 2 * pairs);
        assert!(world.events.is_empty());
    }
}

#[test]
fn each_observer_detects_by_the_stated_law() {
    let timing = Timing::default();
    let (period, timeout) = (timing.protocol_period, timing.probe_timeout);
    let mut world = warm(100);
    world.run(Duration::from_millis(123));
    let crashed = world.now;
    world.crash(50);
    world.run(seconds(12));
    let (suspected, dead) =
        (world.times(Event::Suspected(NodeId(50))), world.times(Event::DeclaredDead(NodeId(50))));
    assert_eq!((suspected.len(), dead.len(), world.alarms()), (99, 99, 198));
    let earliest = timeout - DELAY;
    let mut waited = 0.0;
    for (observer, at) in &suspected {
        let after = *at - crashed;
        assert!(earliest <= after && after <= earliest + period, "{after:?}");
        assert_eq!(dead[observer] - *at, timing.suspicion_timeout(100));
        waited += (after - earliest).as_secs_f64() / 99.0;
    }
    // The mean of 99 uniform numbers; five standard deviations are 0.145 periods.
    assert!((waited - period.as_secs_f64() / 2.0).abs() < 0.145, "{waited}");
}

#[test]
fn any_single_death_leaves_a_cluster_that_works() {
    for victim in 0..6 {
        let mut world = warm(6);
        world.crash(victim);
        world.run(seconds(8));
        assert_eq!(only(&world.statuses(victim)), Status::Dead);
        let (writer, next) = ((victim + 1) % 6, (victim + 2) % 6);
        world.put(writer, "k1");
        world.run(seconds(1));
        assert_eq!(only(&world.versions(writer)), BOOTED + 1);
        world.crash(next);
        world.run(seconds(8));
        assert_eq!(only(&world.statuses(next)), Status::Dead);
        assert!(world.live().all(|(_, node)| node.view().alive() == 4));
    }
}

#[test]
fn every_write_reaches_everyone_in_one_delay_and_once() {
    let mut world = warm(20);
    for round in 0..10 {
        world.put(round, "k1");
        world.put(round, "new");
        let before = world.events.len();
        world.run(DELAY);
        assert_eq!(world.events.len() - before, 2 * 19);
        assert_eq!(only(&world.versions(round)), BOOTED + 2);
    }
    world.run(seconds(2));
    assert_eq!(world.asked[Cause::Delta.index()], 10 * 2 * 19);
}

#[test]
fn a_node_that_starts_again_comes_back_with_its_life_and_its_writes() {
    let mut world = warm(10);
    world.put(3, "k1");
    world.put(7, "k1");
    world.run(seconds(1));
    world.crash(3);
    world.crash(7);
    world.run(seconds(8));
    assert_eq!(only(&world.statuses(3)), Status::Dead);
    world.restart(3, 1, &[5]);
    // It writes again before it hears of what it wrote before.
    world.put(3, "k2");
    world.run(seconds(2));
    assert_eq!(only(&world.statuses(3)), Status::Alive);
    assert!(world.live().all(|(_, node)| node.view().life(NodeId(3)) == 1));
    assert_eq!(only(&world.versions(3)), (1 << 32) + 1, "above all that the earlier life can have written");
    // Of the dead the seed told it, and it finds out itself.
    assert_eq!(only(&world.versions(7)), BOOTED + 1);
    world.run(seconds(8));
    assert_eq!(only(&world.statuses(7)), Status::Dead);
    let returned = world.times(Event::Alive(NodeId(3)));
    assert_eq!(returned.len(), 8, "everyone else that is up");
    let own = |event: &&(_, NodeId, Event)| {
        event.1 == NodeId(3) && matches!(event.2, Event::Applied(dot) if dot.writer == NodeId(3))
    };
    // Three keys: k1 at its fourth write, k3, and not k2, which it wrote again.
    assert_eq!(world.events.iter().filter(own).count(), 2);
    assert_eq!(world.count(seconds(1), &[Cause::Probe]), 9 * 9);
}

#[test]
fn a_quick_restart_is_noticed_as_a_new_life() {
    let mut world = warm(5);
    world.crash(2);
    world.restart(2, 1, &[0, 1]);
    world.run(seconds(2));
    assert_eq!(world.times(Event::Alive(NodeId(2))).len(), 4);
    assert_eq!((only(&world.statuses(2)), world.alarms()), (Status::Alive, 0));
    for writer in 0..5 {
        assert_eq!(only(&world.versions(writer)), BOOTED);
    }
}

#[test]
fn what_an_earlier_life_said_is_ignored() {
    let mut world = warm(5);
    world.crash(2);
    world.restart(2, 1, &[0]);
    world.run(seconds(2));
    // A goodbye of life 0: kind 7 of version 1.
    world.hear(4, 2, &[1 << 5 | 7, 0]);
    world.run(seconds(1));
    assert_eq!(only(&world.statuses(2)), Status::Alive);
    world.hear(4, 2, &[1 << 5 | 7, 1]);
    world.run(DELAY);
    assert_eq!(world.times(Event::Left(NodeId(2))).keys().copied().collect::<Vec<_>>(), [NodeId(4)]);
}

#[test]
fn those_who_join_through_different_seeds_find_each_other_and_all_state() {
    let mut world = World::<AllToAll>::silent(20, &Timing::default(), 1);
    world.join(0, &[]);
    world.join(1, &[0]);
    world.run(seconds(1));
    for number in 2..20 {
        world.join(number, &[number % 2]);
        world.put(number, "k1");
    }
    world.run(seconds(5));
    assert!(world.live().all(|(_, node)| node.view().alive() == 20));
    for writer in 2..20 {
        assert_eq!(only(&world.versions(writer)), 1);
    }
    assert_eq!(world.alarms(), 0);
    assert_eq!(world.count(seconds(2), &[Cause::Probe]), 2 * 20 * 19);
    assert_eq!(world.count(seconds(2), &[Cause::Members, Cause::Pull, Cause::Meet]), 0, "all is known");
}

#[test]
fn a_goodbye_is_no_failure_and_ends_the_checks() {
    let mut world = warm(10);
    world.command(4, Command::Leave);
    world.run(seconds(2));
    assert_eq!((world.times(Event::Left(NodeId(4))).len(), world.alarms()), (9, 0));
    world.nodes[4] = None;
    assert!(world.live().all(|(_, node)| node.view().alive() == 9));
    assert_eq!(world.count(seconds(2), &[Cause::Probe]), 2 * 9 * 8);
    // Who joins later knows that it left.
    world.crash(5);
    world.restart(5, 1, &[0]);
    world.run(seconds(2));
    assert_eq!(only(&world.statuses(4)), Status::Left);
    assert_eq!(only(&world.versions(4)), BOOTED);
}

#[test]
fn who_was_cut_off_comes_back_by_answering_and_both_sides_get_what_they_missed() {
    let mut world = warm(8);
    world.cut_off(3);
    world.run(seconds(10));
    assert_eq!(only(&world.statuses(3)), Status::Dead);
    world.put(3, "k1");
    world.put(5, "k1");
    world.heal();
    world.run(seconds(6));
    assert_eq!(only(&world.statuses(3)), Status::Alive);
    assert!(world.live().all(|(_, node)| node.view().alive() == 8));
    assert_eq!((only(&world.versions(3)), only(&world.versions(5))), (BOOTED + 1, BOOTED + 1));
}

#[test]
fn garbage_and_strangers_change_nothing() {
    let mut world = warm(4);
    for kind in 0..9u8 {
        for body in [&[][..], &[0], &[0xff; 40], &[1; 40]] {
            let mut bytes = vec![1 << 5 | kind, 0];
            bytes.extend_from_slice(body);
            // A goodbye without a body is well formed.
            if (kind, body.len()) != (7, 0) {
                world.hear(1, 2, &bytes);
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
        let mut world = World::<AllToAll>::warm(12, &Timing::default(), seed);
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
