//! What nodes of one process share changes nothing that can be seen of them.

mod world;

use std::{sync::Arc, time::Duration};

use rumormill_node::{
    Commons, Config, Detector, DigestForm, Dissemination, Node, Peers, Phi, Silence, StateTransfer,
};
use rumormill_protocol::{Command, NodeId, Protocol};
use world::{World, contact, put};

/// A day in the life of a cluster: writes, crashes, restarts, joins, goodbyes, a cut, rotation all the while.
fn day(config: &Config, typed: bool) -> World {
    let mut world = World::warm(48, config);
    world.typed = typed;
    world.run(Duration::from_secs(3));
    for round in 0..40u32 {
        world.command(NodeId(round % 7), put(["k1", "k2", "fresh"][round as usize % 3]));
        match round {
            5..9 => world.crash(NodeId(10 + round)),
            12 => world.command(NodeId(30), Command::Leave),
            15 => world.cut(&[NodeId(40), NodeId(41)], &(0..40).map(NodeId).collect::<Vec<_>>()),
            24 => world.heal(),
            26 => world.restart(NodeId(15), 1, NodeId(2)),
            28 => world.restart(NodeId(16), 1, NodeId(3)),
            30 => {
                world.enter(48);
                world.command(NodeId(48), Command::Join { seeds: vec![contact(5)] });
            }
            32 => world.command(NodeId(48), put("mine")),
            _ => {}
        }
        world.run(Duration::from_millis(1_500));
    }
    world
}

fn configs() -> Vec<Config> {
    let base = Config { rotate_every: Duration::from_secs(10), ..Config::default() };
    let full = StateTransfer::Full { every: Duration::from_secs(1) };
    let silence = Silence::Phi { formula: Phi::Cassandra, suspect: 5.0, dead: 8.0 };
    let digest = StateTransfer::Digest { every: Duration::from_secs(1) };
    vec![
        base.clone(),
        Config { state: full, ..base.clone() },
        Config { state: digest, ..base.clone() },
        Config { digest: DigestForm::Sketch, ..base.clone() },
        Config { peers: Peers::Uniform, ..base.clone() },
        Config { peers: Peers::Uniform, state: full, ..base.clone() },
        Config { dissemination: Dissemination::PushPull, ..base.clone() },
        Config { dissemination: Dissemination::Tree, ..base.clone() },
        Config { detector: Detector::Heartbeat(silence), ..base },
    ]
}

#[test]
fn commons_and_messages_that_are_not_encoded_change_no_output() {
    for config in configs() {
        let alone = day(&config, false);
        assert!(alone.events.len() > 2_000, "a day without events shows nothing");
        for typed in [false, true] {
            let commons = Some(Arc::new(Commons::default()));
            let shared = day(&Config { commons, ..config.clone() }, typed);
            assert_eq!(shared.events, alone.events, "typed {typed}, {config:?}");
            assert_eq!(shared.trace, alone.trace, "typed {typed}, {config:?}");
            for (one, two) in shared.live().zip(alone.live()) {
                for member in (0..49).map(NodeId) {
                    let belief = |node: &Node| {
                        let view = node.view();
                        (view.status(member), view.life(member), view.version(member), view.alive())
                    };
                    assert_eq!(belief(one), belief(two));
                }
            }
        }
    }
}
