use std::time::Duration;

use rumormill_protocol::Dot;

use super::*;

const BOOTED: u64 = 8;

fn ms(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

/// Three nodes, measured from 1 s to 11 s.
fn recorder(events: &[(u64, u32, Event)]) -> Recorder {
    let mut recorder = faulty(&[]);
    feed(&mut recorder, events);
    recorder
}

/// The same with these faults, to begin when told to.
fn faulty(faults: &[(FaultKind, u32)]) -> Recorder {
    let strike = |&(kind, node)| Strike { at: Duration::ZERO, kind, nodes: vec![NodeId(node)] };
    Recorder::new(3, ms(1_000)..ms(11_000), BOOTED, faults.iter().map(strike).collect())
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
    inspect_lives(recorder, node, statuses, [0; 3], version);
}

fn inspect_lives(recorder: &mut Recorder, node: u32, statuses: [Status; 3], lives: [u32; 3], version: u64) {
    let inspection = Inspection {
        node: NodeId(node),
        statuses: statuses.to_vec(),
        lives: lives.to_vec(),
        versions: vec![BOOTED + version],
    };
    recorder.inspected_members(ms(11_000), &[0, 1, 2].map(NodeId), std::slice::from_ref(&inspection));
    recorder.inspected_writers(&[NodeId(0)], &[inspection]);
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
        let mut recorder = faulty(&[(FaultKind::Crash, 0)]);
        recorder.intend(NodeId(0), ms(2_000));
        feed(&mut recorder, &[(2_000, 0, Event::Wrote(dot(0, 1)))]);
        recorder.begin(0, ms(2_001));
        inspect(&mut recorder, 1, [Status::Dead, Status::Alive, Status::Alive], reached);
        inspect(&mut recorder, 2, [Status::Dead, Status::Alive, Status::Alive], 0);
        let convergence = recorder.convergence();
        assert_eq!((convergence.writes, convergence.unconverged_writes), (1, unconverged));
    }
}

#[test]
fn a_crash_is_noticed_by_one_and_then_by_all() {
    let mut recorder = faulty(&[(FaultKind::Crash, 2)]);
    recorder.begin(0, ms(4_000));
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

const RESTART: FaultKind = FaultKind::Restart { lasts: Duration::from_secs(1) };
const PAUSE: FaultKind = FaultKind::Pause { lasts: Duration::from_secs(1) };

#[test]
fn a_node_that_left_is_no_failure_and_nothing_held_of_it_is_wrong() {
    let mut recorder = faulty(&[(FaultKind::Leave, 2)]);
    feed(&mut recorder, &[(3_000, 0, Event::Suspected(NodeId(2)))]);
    recorder.begin(0, ms(4_000));
    feed(
        &mut recorder,
        &[
            (4_100, 0, Event::Left(NodeId(2))),
            (4_200, 1, Event::DeclaredDead(NodeId(2))),
            (4_300, 2, Event::DeclaredDead(NodeId(0))),
        ],
    );
    assert!(recorder.settled());
    inspect(&mut recorder, 0, [Status::Alive, Status::Alive, Status::Left], 0);
    inspect(&mut recorder, 1, [Status::Alive, Status::Alive, Status::Dead], 0);
    // What is still asked of the one that left counts nowhere.
    inspect(&mut recorder, 2, [Status::Dead; 3], 0);
    let detection = recorder.detection(ms(11_000));
    assert_eq!((detection.failures, detection.undetected), (0, 0));
    assert_eq!((detection.false_suspicions, detection.false_positives), (1, 0));
    let membership = recorder.membership();
    assert_eq!((membership.alive_pairs, membership.phantom_pairs, membership.wrongly_gone_pairs), (4, 0, 0));
    let report = &recorder.faults()[0];
    assert_eq!((report.kind.as_str(), report.nodes, report.at_us), ("leave", 1, 3_000_000));
    assert_eq!((report.until_us, report.healed_us), (None, None));
}

#[test]
fn late_news_of_an_earlier_life_is_not_wrong_and_a_restart_heals_when_all_have_heard() {
    let mut recorder = faulty(&[(RESTART, 2)]);
    recorder.begin(0, ms(4_000));
    feed(&mut recorder, &[(4_500, 0, Event::Suspected(NodeId(2)))]);
    recorder.end(0, ms(5_000));
    feed(&mut recorder, &[(5_100, 0, Event::Alive(NodeId(2))), (5_500, 1, Event::Suspected(NodeId(2)))]);
    feed(&mut recorder, &[(6_000, 1, Event::DeclaredDead(NodeId(2))), (6_500, 2, Event::Alive(NodeId(0)))]);
    assert!(!recorder.settled());
    assert_eq!(recorder.faults()[0].healed_us, None);
    feed(&mut recorder, &[(7_000, 1, Event::Alive(NodeId(2)))]);
    assert!(recorder.settled());
    assert_eq!(recorder.faults()[0].healed_us, Some(2_000_000));
    assert_eq!(recorder.faults()[0].until_us, Some(4_000_000));
    let before = recorder.detection(ms(11_000));
    assert_eq!((before.failures, before.false_suspicions, before.false_positives), (0, 0, 0));
    // From here on the observer knows better.
    feed(&mut recorder, &[(8_000, 1, Event::Suspected(NodeId(2))), (8_100, 2, Event::Suspected(NodeId(1)))]);
    assert_eq!(recorder.detection(ms(11_000)).false_suspicions, 2);
    assert_eq!(recorder.live_seconds(ms(1_000)..ms(11_000)), [10.0, 10.0, 9.0]);
    inspect_lives(&mut recorder, 0, [Status::Alive; 3], [0, 0, 1], 0);
    inspect_lives(&mut recorder, 1, [Status::Alive, Status::Alive, Status::Suspect], [0, 0, 0], 0);
    inspect_lives(&mut recorder, 2, [Status::Unknown, Status::Dead, Status::Alive], [0, 0, 1], 0);
    let membership = recorder.membership();
    assert_eq!((membership.alive_pairs, membership.suspect_pairs), (6, 1));
    assert_eq!(
        (membership.unknown_pairs, membership.wrongly_gone_pairs, membership.old_life_pairs),
        (1, 1, 1)
    );
}

#[test]
fn a_write_must_reach_a_restarted_node_anew_and_its_times_are_of_the_others() {
    let mut recorder = faulty(&[(RESTART, 2)]);
    recorder.intend(NodeId(0), ms(2_000));
    feed(
        &mut recorder,
        &[
            (2_000, 0, Event::Wrote(dot(0, 1))),
            (2_100, 1, Event::Applied(dot(0, 1))),
            (2_900, 2, Event::Applied(dot(0, 1))),
        ],
    );
    assert!(recorder.settled());
    recorder.begin(0, ms(4_000));
    recorder.end(0, ms(5_000));
    feed(&mut recorder, &[(5_500, 0, Event::Alive(NodeId(2))), (5_500, 1, Event::Alive(NodeId(2)))]);
    assert!(!recorder.settled(), "its new life does not have the write");
    feed(&mut recorder, &[(6_000, 2, Event::Applied(dot(0, 1)))]);
    assert!(recorder.settled());
    let convergence = recorder.convergence();
    assert!(convergence.pairs_us.count == 1 && near(convergence.t100_us.max, 100_000));
    inspect_lives(&mut recorder, 2, [Status::Alive; 3], [0, 0, 1], 0);
    assert_eq!(recorder.convergence().unconverged_writes, 1);
}

#[test]
fn a_fault_heals_when_nothing_wrong_is_held_for_the_first_time_after_its_end() {
    let mut recorder = faulty(&[(PAUSE, 1), (PAUSE, 0)]);
    recorder.begin(0, ms(2_000));
    feed(
        &mut recorder,
        &[
            (2_500, 0, Event::Suspected(NodeId(1))),
            (2_600, 2, Event::Suspected(NodeId(1))),
            (2_900, 1, Event::Suspected(NodeId(2))),
        ],
    );
    recorder.end(0, ms(3_000));
    assert!(!recorder.settled());
    feed(
        &mut recorder,
        &[
            // A suspicion that becomes a death is no healing.
            (3_100, 0, Event::DeclaredDead(NodeId(1))),
            (3_200, 2, Event::Alive(NodeId(1))),
            (3_300, 1, Event::Alive(NodeId(2))),
            (3_700, 0, Event::Alive(NodeId(1))),
            (4_000, 2, Event::Suspected(NodeId(0))),
        ],
    );
    assert!(recorder.settled());
    recorder.begin(1, ms(4_100));
    feed(&mut recorder, &[(4_200, 2, Event::Alive(NodeId(0)))]);
    recorder.end(1, ms(5_000));
    let healed: Vec<_> = recorder.faults().iter().map(|report| report.healed_us).collect();
    assert_eq!(healed, [Some(700_000), Some(0)]);
    assert_eq!(recorder.faults()[1].until_us, Some(4_000_000));
}

#[test]
fn a_false_death_counts_at_the_healthy_only_when_its_observer_was_not_disturbed() {
    let mut recorder = faulty(&[(PAUSE, 1)]);
    recorder.begin(0, ms(2_000));
    feed(&mut recorder, &[(2_500, 0, Event::DeclaredDead(NodeId(1)))]);
    recorder.end(0, ms(3_000));
    // Just after its pause, and later.
    feed(&mut recorder, &[(3_900, 1, Event::DeclaredDead(NodeId(0)))]);
    let counts = |recorder: &Recorder| {
        let detection = recorder.detection(ms(11_000));
        (detection.false_dead_pairs, detection.false_dead_pairs_at_healthy)
    };
    assert_eq!(counts(&recorder), (2, 1));
    feed(&mut recorder, &[(4_100, 1, Event::DeclaredDead(NodeId(0)))]);
    assert_eq!(counts(&recorder), (2, 2));
}
