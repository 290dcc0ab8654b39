//! Faults do in virtual time what they do to real nodes.

mod stage;

use std::{sync::Arc, time::Duration};

use rumormill_lab::{Action, Cluster, Impairment, Stamped};
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
