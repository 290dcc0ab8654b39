//! One leader after another: agreed on by all, and never two at a time.

mod world;

use std::{collections::BTreeMap, time::Duration};

use rumormill_node::{
    Ballot, Body, Claim, ClaimSaid, Compression, Config, ElectionMode, Message, Names, Peers, Votes,
};
use rumormill_protocol::{Command, Event, NodeId, Protocol, Time, rank};
use world::World;

const LEASE: Duration = Duration::from_secs(4);

fn config() -> Config {
    Config { election: ElectionMode::Majority { lease: LEASE }, ..Config::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ids(range: std::ops::Range<u32>) -> Vec<NodeId> {
    range.map(NodeId).collect()
}

/// Whom each node follows, by what was heard of it until now. Asserts that terms rise and that no two live nodes ever lead
/// at once: `crashed` gives when nodes fell silent, in the order of time.
fn followed(world: &World, crashed: &[(NodeId, Time)]) -> BTreeMap<NodeId, NodeId> {
    let (mut followed, mut latest) = (BTreeMap::new(), 0);
    let mut crashed = crashed.iter().peekable();
    for &(at, node, event) in &world.events {
        while let Some((gone, _)) = crashed.next_if(|(_, when)| *when <= at) {
            followed.remove(gone);
        }
        match event {
            Event::LeaderChosen { leader, term } => {
                if leader == node {
                    assert!(term > latest, "term {term} after {latest}");
                    latest = term;
                }
                followed.insert(node, leader);
            }
            Event::LeaderLost => {
                followed.remove(&node);
            }
            _ => {}
        }
        let leaders: Vec<_> = followed.iter().filter(|(node, leader)| node == leader).collect();
        assert!(leaders.len() <= 1, "{leaders:?} lead at {at:?}");
    }
    followed
}

/// The one that all of these follow, and that leads.
fn agreed(followed: &BTreeMap<NodeId, NodeId>, nodes: &[NodeId]) -> Option<NodeId> {
    let leader = *followed.get(&nodes[0])?;
    (nodes.iter().all(|node| followed.get(node) == Some(&leader)) && followed.get(&leader) == Some(&leader))
        .then_some(leader)
}

fn by_rank(count: u32) -> Vec<NodeId> {
    let mut nodes = ids(0..count);
    nodes.sort_by_key(|node| rank(*node));
    nodes
}

#[test]
fn whoever_has_the_first_rank_leads_and_the_next_follows_when_it_dies() {
    for peers in [Peers::Sticky, Peers::Uniform] {
        let mut world = World::warm(50, &Config { peers, ..config() });
        world.run(seconds(10));
        let order = by_rank(50);
        assert_eq!(agreed(&followed(&world, &[]), &ids(0..50)), Some(order[0]), "{peers:?}");
        let chosen = world.events.iter().filter(|(_, _, event)| matches!(event, Event::LeaderChosen { .. }));
        assert_eq!(chosen.count(), 50, "each chose once: {peers:?}");

        let died = world.now;
        world.crash(order[0]);
        // The rest of the lease, a step of half a second, and a moment for the waves.
        world.run(LEASE + Duration::from_millis(800));
        let living: Vec<NodeId> = ids(0..50).into_iter().filter(|node| *node != order[0]).collect();
        let followed = followed(&world, &[(order[0], died)]);
        assert_eq!(agreed(&followed, &living), Some(order[1]), "{peers:?}");
        assert!(
            !world.events.iter().any(|(_, _, event)| matches!(event, Event::DeclaredDead(_))),
            "nobody needs to be declared dead for it"
        );
    }
}

#[test]
fn a_leader_that_leaves_is_followed_by_the_next_within_two_seconds() {
    let mut world = World::warm(50, &config());
    world.run(seconds(10));
    let order = by_rank(50);
    world.command(order[0], Command::Leave);
    let left = world.now;
    world.run(seconds(2));
    let staying: Vec<NodeId> = ids(0..50).into_iter().filter(|node| *node != order[0]).collect();
    assert_eq!(agreed(&followed(&world, &[(order[0], left)]), &staying), Some(order[1]));
}

#[test]
fn a_leader_that_is_cut_off_steps_down_before_another_leads_and_follows_afterwards() {
    for alone in [1, 20] {
        let mut world = World::warm(50, &config());
        world.run(seconds(10));
        let order = by_rank(50);
        let (few, many) = order.split_at(alone);
        world.cut(few, many);
        world.cut(many, few);
        world.run(seconds(30));
        let during = followed(&world, &[]);
        // The first of them in rank, unless some took it for dead with those that were cut off.
        let leader = agreed(&during, many).expect("the majority has one leader");
        assert!(many.contains(&leader), "{leader:?} is cut off");
        assert!(few.iter().all(|node| !during.contains_key(node)), "a minority has no leader");

        world.heal();
        world.run(seconds(15));
        assert_eq!(agreed(&followed(&world, &[]), &order), Some(leader), "{alone} were cut off");
    }
}

#[test]
fn neither_half_has_a_leader_and_the_whole_has_one_again() {
    let mut world = World::warm(40, &config());
    world.run(seconds(10));
    let order = by_rank(40);
    let (one, other) = order.split_at(20);
    world.cut(one, other);
    world.cut(other, one);
    world.run(seconds(60));
    assert!(followed(&world, &[]).is_empty(), "half of the members are no majority");
    world.heal();
    world.run(seconds(20));
    assert!(agreed(&followed(&world, &[]), &order).is_some());
}

#[test]
fn a_leader_that_starts_again_is_no_leader_any_more() {
    let mut world = World::warm(30, &config());
    world.run(seconds(10));
    let order = by_rank(30);
    let died = world.now;
    world.crash(order[0]);
    world.run(Duration::from_millis(500));
    world.restart(order[0], 1, order[5]);
    world.run(seconds(15));
    // Of its first life nothing is heard any more; what it says in the next counts.
    let followed = followed(&world, &[(order[0], died)]);
    assert!(agreed(&followed, &order).is_some(), "{followed:?}");
}

#[test]
fn forged_terms_neither_overflow_nor_end_the_elections() {
    let mut world = World::warm(30, &config());
    world.run(seconds(10));
    let order = by_rank(30);
    let forger = order[9];
    let say = |world: &mut World, claim: Claim, said: ClaimSaid| {
        let body = Body::Ballot(Ballot { claim, said });
        for to in ids(0..30).into_iter().filter(|to| *to != forger) {
            let message = Message { names: Names::Full, compression: Compression::None, body: body.clone() };
            let now = world.now;
            world.nodes[to.index()].as_mut().expect("it lives").handle_message(now, forger, message);
            world.drain(to);
        }
    };
    for term in [u64::MAX, u64::MAX - 1, (1 << 32) + 1, 1 << 32] {
        for epoch in [0, 1, u64::MAX] {
            let claim = Claim { term, epoch, by: forger };
            say(&mut world, claim, ClaimSaid::Wave { electorate: u32::MAX });
            say(&mut world, claim, ClaimSaid::Echo(Votes { count: u32::MAX, term: u64::MAX }));
        }
        world.run(seconds(1));
    }
    world.run(seconds(30));
    let follows = |world: &World| {
        let mut last = BTreeMap::new();
        for (_, node, event) in &world.events {
            match event {
                Event::LeaderChosen { leader, .. } => last.insert(*node, *leader),
                Event::LeaderLost => last.remove(node),
                _ => None,
            };
        }
        last
    };
    assert!(agreed(&follows(&world), &order).is_some(), "{:?}", follows(&world));
}

#[test]
fn a_cluster_without_elections_says_and_does_nothing_of_them() {
    let mut world = World::warm(20, &Config::default());
    world.run(seconds(20));
    let elects = |event: &Event| matches!(event, Event::LeaderChosen { .. } | Event::LeaderLost);
    assert!(!world.events.iter().any(|(_, _, event)| elects(event)));
}
