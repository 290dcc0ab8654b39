//! Faults do in virtual time what they do to real nodes.

mod stage;

use std::{sync::Arc, time::Duration};

use rumormill_lab::{Action, Cluster, Impairment, Pace, Stamped};
use rumormill_protocol::{Command, Event, NodeId, NodeSet, Status};

use stage::{Fidelity, Plan, act, live};

const BOTH: [Fidelity; 2] = [Fidelity::Message, Fidelity::Quic];

fn deaths_of(events: &[Stamped], member: u32) -> usize {
    events.iter().filter(|seen| seen.event == Event::DeclaredDead(NodeId(member))).count()
}

/// How all live nodes see a member.
fn seen(cluster: &mut dyn Cluster, member: u32) -> Vec<Status> {
    let inspections = cluster.inspect(&[NodeId(member)], &[]).expect("simulated clusters go on");
    inspections.into_iter().map(|inspection| inspection.statuses[0]).collect()
}

#[test]
fn a_crash_is_noticed_by_all_and_a_restart_undoes_it() {
    for fidelity in BOTH {
        let mut cluster = Plan { shards: 2, ..Plan::new(16, fidelity) }.boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        act(cluster, 5, Action::Crash);
        // A period to the probe, one to its end, the suspicion of five, and the news.
        let events = live(cluster, 14.0);
        assert_eq!(deaths_of(&events, 5), 15, "{fidelity:?}");
        assert_eq!(
            events.iter().filter(|seen| seen.node == NodeId(5)).count(),
            0,
            "a dead node does nothing"
        );
        let seeds = cluster.contacts()[..2].to_vec();
        act(cluster, 5, Action::Restart);
        act(cluster, 5, Action::Command(Command::Join { seeds }));
        live(cluster, 10.0);
        assert_eq!(seen(cluster, 5), [Status::Alive; 16], "{fidelity:?}");
    }
}

#[test]
fn what_waits_for_a_paused_node_is_heard_when_it_goes_on() {
    for fidelity in BOTH {
        let mut cluster = Plan::new(8, fidelity).boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        act(cluster, 3, Action::Pause);
        let put = Command::Put { key: "key".into(), value: [7; 100].as_slice().into() };
        act(cluster, 0, Action::Command(put));
        let events = live(cluster, 2.0);
        assert!(events.iter().all(|seen| seen.node != NodeId(3)));
        act(cluster, 3, Action::Resume);
        let resumed = cluster.now();
        let events = live(cluster, 1.0);
        let applied =
            events.iter().find(|seen| matches!((seen.node, seen.event), (NodeId(3), Event::Applied(_))));
        assert_eq!(applied.map(|seen| seen.at), Some(resumed), "{fidelity:?}");
    }
}

#[test]
fn what_a_blocked_node_says_and_is_told_waits_until_it_goes_through() {
    let reading = Duration::from_micros(50);
    for (fidelity, reading) in
        BOTH.into_iter().flat_map(|fidelity| [(fidelity, Duration::ZERO), (fidelity, reading)])
    {
        let mut cluster = Plan::new(8, fidelity).boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        act(cluster, 3, Action::Block { reading });
        // Probes arrive first.
        live(cluster, 2.0);
        for writer in [0, 3] {
            let put = Command::Put { key: "key".into(), value: [7; 100].as_slice().into() };
            act(cluster, writer, Action::Command(put));
        }
        let applied = |events: &[Stamped], node: u32, writer: u32| {
            let of = |event| matches!(event, Event::Applied(dot) if dot.writer == NodeId(writer));
            events.iter().find(|seen| seen.node == NodeId(node) && of(seen.event)).map(|seen| seen.at)
        };
        let events = live(cluster, 2.0);
        assert!(events.iter().any(|seen| matches!((seen.node, seen.event), (NodeId(3), Event::Wrote(_)))));
        assert!((0..8).all(|node| applied(&events, node, 3).is_none()), "{fidelity:?}");
        assert!(applied(&events, 3, 0).is_none() && applied(&events, 5, 0).is_some(), "{fidelity:?}");
        act(cluster, 3, Action::Unblock);
        let released = cluster.now();
        let events = live(cluster, 2.0);
        let read_after = applied(&events, 3, 0).expect("it arrived while it was blocked").since(released);
        if reading.is_zero() {
            assert_eq!(read_after, Duration::ZERO, "{fidelity:?}");
        } else {
            // Packets are read one after another.
            let place = read_after.as_nanos() / reading.as_nanos();
            assert!((2..100).contains(&place), "{fidelity:?}: {place}");
            assert_eq!(read_after.as_nanos() % reading.as_nanos(), 0, "{fidelity:?}");
        }
        assert!(
            (0..8).filter(|node| *node != 3).all(|node| applied(&events, node, 3).is_some()),
            "{fidelity:?}"
        );
    }
}

#[test]
fn a_blocked_node_may_be_paused_crash_and_restart() {
    for fidelity in BOTH {
        let mut cluster = Plan::new(8, fidelity).boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        let seeds = cluster.contacts()[..1].to_vec();
        let block = Action::Block { reading: Duration::from_millis(1) };
        act(cluster, 3, block.clone());
        act(cluster, 3, Action::Pause);
        live(cluster, 1.0);
        act(cluster, 3, Action::Unblock);
        act(cluster, 3, Action::Resume);
        act(cluster, 4, block);
        act(cluster, 4, Action::Crash);
        act(cluster, 4, Action::Restart);
        act(cluster, 4, Action::Command(Command::Join { seeds }));
        live(cluster, 30.0);
        for node in [3, 4] {
            assert_eq!(seen(cluster, node), [Status::Alive; 8], "{fidelity:?}");
        }
    }
}

#[test]
fn a_cut_off_node_is_lost_and_comes_back() {
    for fidelity in BOTH {
        let mut cluster = Plan { shards: 2, ..Plan::new(12, fidelity) }.boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        let cut = |toward| Impairment { toward, loss: 1.0, delay: Duration::ZERO };
        let only: Arc<NodeSet> = Arc::new([NodeId(7)].into_iter().collect());
        for node in (0..12).filter(|node| *node != 7) {
            act(cluster, node, Action::Impair { fault: 0, impairment: cut(Some(only.clone())) });
        }
        act(cluster, 7, Action::Impair { fault: 0, impairment: cut(None) });
        let events = live(cluster, 15.0);
        assert_eq!(deaths_of(&events, 7), 11, "{fidelity:?}");
        for node in 0..12 {
            act(cluster, node, Action::Repair { fault: 0 });
        }
        live(cluster, 60.0);
        assert_eq!(seen(cluster, 7), [Status::Alive; 12], "{fidelity:?}");
    }
}

/// A node probes once in each period of its own clock.
#[test]
fn a_clock_that_runs_at_another_pace_makes_so_many_more_or_fewer_probes() {
    for fidelity in BOTH {
        let mut cluster = Plan { shards: 2, ..Plan::new(8, fidelity) }.boot();
        let cluster = cluster.as_mut();
        live(cluster, 3.0);
        let checks = |cluster: &mut dyn Cluster| -> Vec<u64> {
            let census = cluster.census().expect("simulated clusters go on");
            census.nodes.iter().map(|node| node.ledger.checks).collect()
        };
        for (node, pace) in [(1, 2.0), (2, 0.5), (3, 0.1), (4, 1.25)] {
            act(cluster, node, Action::Pace(Pace::of(pace)));
        }
        let before = checks(cluster);
        let events = live(cluster, 20.0);
        let probes: Vec<u64> =
            checks(cluster).iter().zip(&before).map(|(after, before)| after - before).collect();
        for (node, expected) in [20, 40, 10, 2, 25, 20, 20, 20].into_iter().enumerate() {
            assert!(probes[node].abs_diff(expected) <= 1, "{fidelity:?}: {probes:?}");
        }
        // A slow clock does not make its node answer later.
        let wrong = |seen: &&Stamped| matches!(seen.event, Event::Suspected(_) | Event::DeclaredDead(_));
        assert_eq!(events.iter().filter(wrong).count(), 0, "{fidelity:?}");
        (1..5).for_each(|node| act(cluster, node, Action::Pace(Pace::of(1.0))));
        let before = checks(cluster);
        live(cluster, 20.0);
        let right =
            checks(cluster).iter().zip(&before).all(|(after, before)| (after - before).abs_diff(20) <= 1);
        assert!(right, "{fidelity:?}: all clocks are right again");
    }
}
