//! Shared keys, deletes, and writes of a new life: what all nodes hold in the end.

mod world;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rumormill_node::{Config, Node, Peers, StateTransfer};
use rumormill_protocol::{
    Command, Dot, Event, MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeId, Protocol, Refusal, Status,
};
use world::{World, put};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn configs() -> Vec<Config> {
    let full = StateTransfer::Full { every: seconds(1) };
    let of =
        |peers| [Config { peers, ..Config::default() }, Config { peers, state: full, ..Config::default() }];
    [Peers::Sticky, Peers::Uniform].into_iter().flat_map(of).collect()
}

fn delete(key: &str) -> Command {
    Command::Delete { key: Arc::from(key) }
}

fn conflicts(world: &World) -> BTreeSet<(Dot, Dot)> {
    let pair = |event: &Event| if let Event::Conflict(one, two) = event { Some((*one, *two)) } else { None };
    world.events.iter().filter_map(|(_, _, event)| pair(event)).collect()
}

fn wrote(world: &World, from: usize) -> Vec<Dot> {
    let dot = |event: &Event| if let Event::Wrote(dot) = event { Some(*dot) } else { None };
    world.events[from..].iter().filter_map(|(_, _, event)| dot(event)).collect()
}

/// Halves that are cut off for a minute and write the same keys: both sides' last writes stand in conflict everywhere,
/// 10 s after the cut, no conflict is found that is none, and one write ends it.
#[test]
fn halves_that_wrote_the_same_keys_agree_on_their_conflicts_within_10_s() {
    for config in [Peers::Sticky, Peers::Uniform].map(|peers| Config { peers, ..Config::default() }) {
        let mut world = World::warm(40, &config);
        let (left, right): (Vec<_>, Vec<_>) = (0..40).map(NodeId).partition(|id| id.0 % 2 == 0);
        world.run(seconds(5));
        world.command(NodeId(3), put("@a"));
        world.run(seconds(8));
        world.cut(&left, &right);
        world.cut(&right, &left);
        let before = world.events.len();
        for round in 0..12 {
            world.command(NodeId(2 * (round % 5)), put("@a"));
            world.command(NodeId(2 * (round % 3) + 1), if round == 11 { delete("@a") } else { put("@a") });
            world.run(seconds(5));
        }
        assert_eq!(conflicts(&world), BTreeSet::new(), "each side wrote in turn: {config:?}");
        let last = wrote(&world, before).split_off(22);
        world.heal();
        world.run(seconds(10));
        let pair = (last[0].min(last[1]), last[0].max(last[1]));
        for node in world.live() {
            assert_eq!(node.view().siblings("@a"), [pair.0, pair.1], "{config:?}");
            assert!((0..40).all(|id| node.view().status(NodeId(id)) == Status::Alive), "{config:?}");
        }
        // The halves do not meet at one moment, so those between may find the last write of one in conflict with an
        // earlier of the other; never two of one half.
        let all = conflicts(&world);
        assert!(all.contains(&pair), "{config:?}");
        assert!(all.iter().all(|(one, two)| (one.writer.0 + two.writer.0) % 2 == 1), "{all:?}");
        world.command(NodeId(39), put("@a"));
        world.run(seconds(10));
        let resolved = wrote(&world, before).pop().expect("it wrote");
        assert!(world.live().all(|node| node.view().siblings("@a") == [resolved]), "{config:?}");
        assert_eq!(conflicts(&world), all, "who saw both sides is in conflict with neither");
    }
}

#[test]
fn a_deleted_key_does_not_come_back_however_long_someone_was_away() {
    for config in configs() {
        let mut world = World::warm(12, &config);
        let (away, rest) = ([NodeId(11)], (0..11).map(NodeId).collect::<Vec<_>>());
        world.run(seconds(5));
        world.cut(&away, &rest);
        world.cut(&rest, &away);
        // Far more keys come and go than deletes are kept.
        for round in 0..200 {
            let key = format!("gone{round}");
            world.command(NodeId(2), put(&key));
            world.run(Duration::from_millis(20));
            world.command(NodeId(2), delete(&key));
        }
        world.command(NodeId(2), delete("k1"));
        world.run(seconds(20));
        world.heal();
        world.run(seconds(20));
        let last = world.live().next().expect("all live").view().version(NodeId(2));
        assert!(last > 403, "deletes count, and so do sweeps");
        assert!(world.live().all(|node| node.view().version(NodeId(2)) == last), "{config:?}");
        // What is left is what those say who were there all the time.
        let keys = |node: &Node| {
            let keys = ["k1", "k2", "k3", "gone0", "gone199"];
            keys.map(|key| node.holds(NodeId(2), key))
        };
        for node in world.live() {
            assert_eq!(keys(node), [false, true, true, false, false], "{config:?}");
            assert!(node.writes_held(NodeId(2)) <= 3 + 64 + 1, "{}", node.writes_held(NodeId(2)));
        }
    }
}

#[test]
fn a_node_that_writes_as_soon_as_it_starts_again_keeps_what_it_wrote_before() {
    for config in configs() {
        for others_know in [true, false] {
            let mut world = World::warm(20, &config);
            world.run(seconds(5));
            world.command(NodeId(7), put("old"));
            world.command(NodeId(7), put("@shared"));
            world.run(if others_know { seconds(10) } else { Duration::ZERO });
            world.crash(NodeId(7));
            world.run(seconds(3));
            world.restart(NodeId(7), 1, NodeId(2));
            for key in ["new", "k1"] {
                world.command(NodeId(7), put(key));
            }
            world.run(seconds(40));
            let version = (1 << 32) + 3;
            for node in world.live() {
                assert_eq!(node.view().version(NodeId(7)), version, "{config:?}");
                for key in ["new", "k1", "k2", "k3"] {
                    assert!(node.holds(NodeId(7), key), "{key} {config:?}");
                }
                assert_eq!(node.holds(NodeId(7), "old"), others_know, "{config:?}");
                assert_eq!(node.view().siblings("@shared").len(), usize::from(others_know), "{config:?}");
            }
        }
    }
}

#[test]
fn what_is_not_written_is_said_to_be_refused() {
    let mut world = World::warm(3, &Config::default());
    let refused = |world: &mut World, command: Command| {
        let from = world.events.len();
        world.command(NodeId(1), command);
        world.events[from..].iter().map(|(_, _, event)| *event).collect::<Vec<_>>()
    };
    let long =
        |key: usize, value: usize| Command::Put { key: "k".repeat(key).into(), value: vec![1; value].into() };
    for (command, why) in [
        (long(0, 1), Refusal::KeyLength),
        (long(MAX_KEY_BYTES + 1, 1), Refusal::KeyLength),
        (long(1, MAX_VALUE_BYTES + 1), Refusal::ValueLength),
        (delete("none"), Refusal::Absent),
        (delete("@none"), Refusal::Absent),
        (delete(""), Refusal::KeyLength),
    ] {
        assert_eq!(refused(&mut world, command), [Event::Refused(why)]);
    }
    let next = Dot { writer: NodeId(1), counter: 4 };
    assert_eq!(refused(&mut world, long(MAX_KEY_BYTES, MAX_VALUE_BYTES)), [Event::Wrote(next)]);
    assert_eq!(refused(&mut world, delete("k1")), [Event::Wrote(Dot { counter: 5, ..next })]);
    assert_eq!(refused(&mut world, delete("k1")), [Event::Refused(Refusal::Absent)]);
}
