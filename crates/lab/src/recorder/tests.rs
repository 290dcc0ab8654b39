use std::time::Duration;

use rumormill_protocol::Dot;

use super::*;

const BOOTED: u64 = 8;

fn ms(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

/// Three nodes, measured from 1 s to 11 s.
fn recorder(events: &[(u64, u32, Event)]) -> Recorder {
    let mut recorder = Recorder::new(3, ms(1_000)..ms(11_000), BOOTED);
    feed(&mut recorder, events);
    recorder
}

fn feed(recorder: &mut Recorder, events: &[(u64, u32, Event)]) {
    for &(at, node, event) in events {
        recorder.event(Stamped { at: ms(at), node: NodeId(node), event });
    }
}

fn dot(writer: u32, number: u64) -> Dot {
    Dot { writer: NodeId(writer), counter: BOOTED + number }
}

fn inspect(recorder: &mut Recorder, node: u32, statuses: [Status; 3], version: u64) {
    let (members, writers) = ([0, 1, 2].map(NodeId), [NodeId(0)]);
    let inspection =
        Inspection { node: NodeId(node), statuses: statuses.to_vec(), versions: vec![BOOTED + version] };
    recorder.inspected(&members, &writers, &inspection);
}

fn near(us: u64, expected_us: u64) -> bool {
    us.abs_diff(expected_us) * 1_000 <= expected_us
}

#[test]
fn a_write_takes_from_its_intended_time_to_each_other_node() {
    let mut recorder = recorder(&[]);
    for at in [900, 2_000, 3_000] {
        recorder.intend(NodeId(0), ms(at));
    }
    assert!(!recorder.settled());
    feed(
        &mut recorder,
        &[
            (50, 1, Event::Applied(Dot { writer: NodeId(0), counter: BOOTED })),
            (905, 0, Event::Wrote(dot(0, 1))),
            (2_001, 0, Event::Wrote(dot(0, 2))),
            (2_100, 1, Event::Applied(dot(0, 2))),
            // Heard of before its writer says so.
            (3_200, 1, Event::Applied(dot(0, 3))),
            (3_010, 0, Event::Wrote(dot(0, 3))),
            (2_400, 2, Event::Applied(dot(0, 2))),
        ],
    );
    assert!(!recorder.settled());
    assert_eq!(recorder.writers(), [NodeId(0)]);
    inspect(&mut recorder, 1, [Status::Alive; 3], 3);
    inspect(&mut recorder, 2, [Status::Alive; 3], 2);
    let convergence = recorder.convergence();
    assert_eq!((convergence.writes, convergence.unconverged_writes), (2, 1));
    assert!(convergence.pairs_us.count == 3 && near(convergence.pairs_us.min, 100_000));
    assert_eq!((convergence.t50_us.count, convergence.t90_us.count, convergence.t100_us.count), (2, 1, 1));
    assert!(near(convergence.t50_us.max, 200_000) && near(convergence.t100_us.max, 400_000));
    feed(&mut recorder, &[(3_900, 2, Event::Applied(dot(0, 3)))]);
    assert!(recorder.settled());
}

#[test]
fn a_write_that_was_replaced_is_had_with_the_one_that_replaced_it() {
    let mut recorder = recorder(&[]);
    recorder.intend(NodeId(0), ms(2_000));
    recorder.intend(NodeId(0), ms(2_100));
    feed(
        &mut recorder,
        &[
            (2_000, 0, Event::Wrote(dot(0, 1))),
            (2_050, 1, Event::Applied(dot(0, 1))),
            (2_100, 0, Event::Wrote(dot(0, 2))),
            (2_500, 1, Event::Applied(dot(0, 2))),
            (2_600, 2, Event::Applied(dot(0, 2))),
        ],
    );
    assert!(recorder.settled());
    let convergence = recorder.convergence();
    assert_eq!((convergence.pairs_us.count, convergence.t100_us.count), (4, 2));
    assert!(near(convergence.pairs_us.min, 50_000));
    assert!(near(convergence.t100_us.min, 500_000) && near(convergence.t100_us.max, 600_000));
}

#[test]
fn a_write_that_died_with_its_writer_did_not_fail_to_converge() {
    for (reached, unconverged) in [(0, 0), (1, 1)] {
        let mut recorder = recorder(&[]);
        recorder.intend(NodeId(0), ms(2_000));
        feed(&mut recorder, &[(2_000, 0, Event::Wrote(dot(0, 1)))]);
        recorder.crash(NodeId(0), ms(2_001));
        inspect(&mut recorder, 1, [Status::Dead, Status::Alive, Status::Alive], reached);
        inspect(&mut recorder, 2, [Status::Dead, Status::Alive, Status::Alive], 0);
        let convergence = recorder.convergence();
        assert_eq!((convergence.writes, convergence.unconverged_writes), (1, unconverged));
    }
}

#[test]
fn a_crash_is_noticed_by_one_and_then_by_all() {
    let mut recorder = recorder(&[]);
    recorder.crash(NodeId(2), ms(4_000));
    feed(&mut recorder, &[(5_000, 0, Event::Suspected(NodeId(2))), (5_100, 1, Event::Suspected(NodeId(2)))]);
    feed(&mut recorder, &[(6_000, 1, Event::DeclaredDead(NodeId(2)))]);
    assert!(!recorder.settled());
    inspect(&mut recorder, 0, [Status::Alive, Status::Alive, Status::Suspect], 0);
    assert_eq!(recorder.detection(ms(11_000)).undetected, 1);
    assert_eq!(recorder.detection(ms(11_000)).all_dead_us.count, 0);
    feed(&mut recorder, &[(8_000, 0, Event::DeclaredDead(NodeId(2)))]);
    assert!(recorder.settled());
    let detection = recorder.detection(ms(11_000));
    assert_eq!((detection.failures, detection.pairs_us.count), (1, 2));
    assert!(near(detection.first_suspect_us.max, 1_000_000));
    assert!(near(detection.first_dead_us.max, 2_000_000));
    assert!(near(detection.all_dead_us.max, 4_000_000));
    assert_eq!((detection.false_suspicions, detection.false_positives), (0, 0));
    assert_eq!(recorder.live_seconds(ms(1_000)..ms(11_000)), [10.0, 10.0, 3.0]);
    assert_eq!(recorder.doubted(), [NodeId(2)]);
}

#[test]
fn a_refuted_suspicion_is_one_episode_and_a_false_death_another() {
    let mut recorder = recorder(&[
        (2_000, 0, Event::Suspected(NodeId(1))),
        (2_100, 2, Event::Suspected(NodeId(1))),
        (2_200, 0, Event::Alive(NodeId(1))),
        (2_300, 2, Event::Alive(NodeId(1))),
        (3_000, 0, Event::Suspected(NodeId(1))),
        (4_000, 0, Event::DeclaredDead(NodeId(1))),
        (4_100, 2, Event::DeclaredDead(NodeId(1))),
        (5_000, 0, Event::Alive(NodeId(1))),
    ]);
    inspect(&mut recorder, 2, [Status::Alive, Status::Dead, Status::Alive], 0);
    // Three nodes for 1,200 s are one node for an hour.
    let detection = recorder.detection(ms(1_201_000));
    assert_eq!((detection.failures, detection.undetected), (0, 0));
    assert_eq!((detection.false_suspicions, detection.false_positives), (2, 1));
    assert_eq!((detection.false_dead_pairs, detection.false_dead_pairs_at_healthy), (2, 2));
    assert_eq!(detection.false_positives_per_node_hour, 1.0);
}
