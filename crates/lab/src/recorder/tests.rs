use std::time::Duration;

use rumormill_protocol::{Dot, Refusal};

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
    let strike = |&(kind, node)| Strike { at: Duration::ZERO, kind, nodes: vec![NodeId(node)], rhythm: None };
    Recorder::new(3, 0, ms(1_000)..ms(11_000), BOOTED, faults.iter().map(strike).collect())
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
        recorder.intend(NodeId(0), ms(at), &"k0".into());
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
    let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
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
    recorder.intend(NodeId(0), ms(2_000), &"k0".into());
    recorder.intend(NodeId(0), ms(2_100), &"k0".into());
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
    let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((convergence.pairs_us.count, convergence.t100_us.count), (4, 2));
    assert!(near(convergence.pairs_us.min, 50_000));
    assert!(near(convergence.t100_us.min, 500_000) && near(convergence.t100_us.max, 600_000));
}

#[test]
fn a_write_that_died_with_its_writer_did_not_fail_to_converge() {
    for (reached, unconverged) in [(0, 0), (1, 1)] {
        let mut recorder = faulty(&[(FaultKind::Crash, 0)]);
        recorder.intend(NodeId(0), ms(2_000), &"k0".into());
        feed(&mut recorder, &[(2_000, 0, Event::Wrote(dot(0, 1)))]);
        recorder.begin(0, ms(2_001));
        inspect(&mut recorder, 1, [Status::Dead, Status::Alive, Status::Alive], reached);
        inspect(&mut recorder, 2, [Status::Dead, Status::Alive, Status::Alive], 0);
        let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
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
    assert_eq!(
        recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new()).undetected,
        1
    );
    assert_eq!(
        recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new()).all_dead_us.count,
        0
    );
    feed(&mut recorder, &[(8_000, 0, Event::DeclaredDead(NodeId(2)))]);
    assert!(recorder.settled());
    let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
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
    let detection = recorder.detection(ms(1_201_000), &mut Histograms::default(), &mut BTreeMap::new());
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
    let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
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
    let before = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((before.failures, before.false_suspicions, before.false_positives), (0, 0, 0));
    // From here on the observer knows better.
    feed(&mut recorder, &[(8_000, 1, Event::Suspected(NodeId(2))), (8_100, 2, Event::Suspected(NodeId(1)))]);
    assert_eq!(
        recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new()).false_suspicions,
        2
    );
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
    recorder.intend(NodeId(0), ms(2_000), &"k0".into());
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
    let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
    assert!(convergence.pairs_us.count == 1 && near(convergence.t100_us.max, 100_000));
    inspect_lives(&mut recorder, 2, [Status::Alive; 3], [0, 0, 1], 0);
    assert_eq!(recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new()).unconverged_writes, 1);
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
        let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
        (detection.false_dead_pairs, detection.false_dead_pairs_at_healthy)
    };
    assert_eq!(counts(&recorder), (2, 1));
    feed(&mut recorder, &[(4_100, 1, Event::DeclaredDead(NodeId(0)))]);
    assert_eq!(counts(&recorder), (2, 2));
}

/// The recorder of a scenario with this fault, which begins with the measured phase.
fn recurring(fault: &str) -> Recorder {
    let mut draft = crate::Draft::default();
    draft.set("cluster.nodes=3").expect("a valid setting");
    draft.set(&format!("fault=[{fault}]")).expect("a valid fault");
    let strikes = draft.finish().expect("a valid scenario").strikes();
    let mut recorder = Recorder::new(3, 0, ms(1_000)..ms(11_000), BOOTED, strikes);
    recorder.begin(0, ms(1_000));
    recorder
}

#[test]
fn who_is_hit_again_and_again_is_healthy_between() {
    let fault = r#"{at = "0s", kind = "pause", for = "1s", every = "5s", during = "10s", nodes = [2], timing = "together"}"#;
    let at_healthy = |at| {
        let mut recorder = recurring(fault);
        feed(&mut recorder, &[(at, 2, Event::DeclaredDead(NodeId(0)))]);
        recorder
            .detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new())
            .false_dead_pairs_at_healthy
    };
    // Paused from 1 to 2 s and from 6 to 7 s, and not well for a second after it.
    assert_eq!([1_500, 2_500, 3_500, 5_500, 6_500, 7_500, 8_500].map(at_healthy), [0, 0, 1, 1, 0, 0, 1]);
}

#[test]
fn lifeguards_false_positives_are_of_members_that_nothing_hits() {
    let fault = r#"{at = "0s", kind = "block", for = "1s", every = "5s", during = "10s", nodes = [2]}"#;
    let mut recorder = recurring(fault);
    let dead = |at, observer, member| (at, observer, Event::DeclaredDead(NodeId(member)));
    let alive = |at, observer, member| (at, observer, Event::Alive(NodeId(member)));
    feed(
        &mut recorder,
        &[dead(2_000, 0, 2), dead(3_000, 2, 0), alive(3_500, 2, 0), dead(4_000, 2, 0), dead(5_000, 1, 0)],
    );
    let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
    // Each declaration counts, but not that of the one that is blocked.
    let counted = [detection.false_deaths_of_healthy, detection.false_deaths_of_healthy_at_healthy];
    assert_eq!(counted, [3, 1]);
}

/// A write that did not reach node 2 makes its reads stale until a later one reaches it.
#[test]
fn a_read_is_stale_from_a_write_until_it_is_had() {
    let mut recorder = recorder(&[]);
    assert_eq!(recorder.staleness(), None);
    for at in [2_000, 3_000] {
        recorder.intend(NodeId(0), ms(at), &"k0".into());
    }
    feed(
        &mut recorder,
        &[
            (2_000, 0, Event::Wrote(dot(0, 1))),
            (2_500, 1, Event::Applied(dot(0, 1))),
            (3_000, 0, Event::Wrote(dot(0, 2))),
            (3_500, 1, Event::Applied(dot(0, 2))),
            (5_000, 2, Event::Applied(dot(0, 2))),
        ],
    );
    let stale = recorder.staleness().expect("there were writes");
    // Node 1 lacked each for half a second, node 2 something for 3 s; 6 pairs of a reader and a writer for 10 s.
    assert!((stale.share - 4.0 / 60.0).abs() < 1e-12, "{stale:?}");
    // At 2, 3 and 4 s: both had just begun to lack something twice, and node 2 had for 1 s and for 2 s.
    assert_eq!((stale.age_us.count, stale.age_us.min), (5, 0));
    assert!(near(stale.age_us.max, 2_000_000) && near(stale.age_us.p90, 2_000_000), "{stale:?}");
    assert!(near(stale.age_us.mean, 600_000), "{stale:?}");
}

/// A and B did not see each other, C saw both, D saw nothing.
fn shared_writes(reports: &[(Dot, Dot)]) -> rumormill_measure::Conflicts {
    let [a, b, c, d] = [dot(0, 1), dot(1, 1), dot(1, 2), dot(2, 1)];
    let mut recorder = recorder(&[]);
    recorder.follow_conflicts(3);
    for (writer, at) in [(0, 2_000), (1, 2_001), (1, 2_200), (2, 2_150)] {
        recorder.intend(NodeId(writer), ms(at), &"@h0".into());
    }
    feed(
        &mut recorder,
        &[
            (2_000, 0, Event::Wrote(a)),
            (2_001, 1, Event::Wrote(b)),
            (2_100, 1, Event::Applied(a)),
            (2_150, 2, Event::Wrote(d)),
            (2_200, 1, Event::Wrote(c)),
            (2_300, 2, Event::Applied(c)),
        ],
    );
    feed(
        &mut recorder,
        &reports.iter().map(|&(one, two)| (2_400, 2, Event::Conflict(one, two))).collect::<Vec<_>>(),
    );
    recorder.conflicts().expect("they are followed")
}

#[test]
fn a_conflict_stands_for_what_each_side_superseded() {
    let [a, b, c, d] = [dot(0, 1), dot(1, 1), dot(1, 2), dot(2, 1)];
    // (A, B), and D with each of the others.
    let counts = |reports: &[(Dot, Dot)]| {
        let found = shared_writes(reports);
        assert_eq!((found.writes, found.concurrent_pairs), (4, 4));
        (found.reported_pairs, found.missed_pairs, found.invented_pairs)
    };
    assert_eq!(counts(&[]), (0, 4, 0));
    assert_eq!(counts(&[(c, d)]), (3, 1, 0));
    assert_eq!(counts(&[(c, d), (a, b)]), (4, 0, 0));
    assert_eq!(counts(&[(a, d)]), (1, 3, 0));
    // C saw A; and a write that nobody made is in conflict with nothing.
    assert_eq!(counts(&[(a, c), (c, dot(2, 9))]), (0, 4, 2));
}

#[test]
fn what_a_node_refuses_is_not_taken_for_its_next_write() {
    let mut recorder = recorder(&[]);
    for at in [2_000, 3_000] {
        recorder.intend(NodeId(0), ms(at), &"k0".into());
    }
    feed(
        &mut recorder,
        &[
            (2_000, 0, Event::Refused(Refusal::Absent)),
            (3_000, 0, Event::Wrote(dot(0, 1))),
            (3_100, 1, Event::Applied(dot(0, 1))),
            (3_100, 2, Event::Applied(dot(0, 1))),
        ],
    );
    let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((convergence.writes, convergence.refused_writes), (1, 1));
    assert!(near(convergence.pairs_us.max, 100_000) && recorder.settled());
}

/// Two nodes, and two that join at 2 s in a storm.
fn stormed() -> Recorder {
    let nodes = vec![NodeId(2), NodeId(3)];
    let storm = Strike { at: Duration::from_secs(1), kind: FaultKind::JoinStorm, nodes, rhythm: None };
    let mut recorder = Recorder::new(2, 2, ms(1_000)..ms(11_000), BOOTED, vec![storm]);
    // Before it joins nothing of a node counts.
    feed(&mut recorder, &[(1_500, 2, Event::Suspected(NodeId(0)))]);
    recorder.begin(0, ms(2_000));
    recorder
}

fn knows(at: u64, observer: u32, member: u32) -> (u64, u32, Event) {
    (at, observer, Event::Alive(NodeId(member)))
}

#[test]
fn a_storm_heals_when_those_who_came_and_those_who_were_there_know_each_other() {
    let mut recorder = stormed();
    assert!(!recorder.settled());
    feed(&mut recorder, &[knows(2_100, 2, 0), knows(2_200, 2, 1), knows(2_300, 3, 0), knows(2_400, 3, 1)]);
    feed(&mut recorder, &[knows(2_500, 0, 2), knows(2_600, 0, 3), knows(2_700, 1, 3)]);
    assert_eq!(recorder.faults()[0].healed_us, None);
    // Newcomers need not have heard of each other.
    feed(&mut recorder, &[knows(3_000, 1, 2)]);
    assert!(recorder.settled());
    let report = &recorder.faults()[0];
    assert_eq!((report.kind.as_str(), report.nodes, report.at_us), ("join_storm", 2, 1_000_000));
    assert_eq!((report.until_us, report.healed_us, report.agreed_us), (None, Some(1_000_000), None));
    let turnover = recorder.turnover(&mut BTreeMap::new());
    assert_eq!((turnover.joined, turnover.left, turnover.known_us.count), (2, 0, 2));
    assert!(near(turnover.known_us.min, 700_000) && near(turnover.known_us.max, 1_000_000));
    assert!(near(turnover.knows_us.min, 200_000) && near(turnover.knows_us.max, 400_000));
    assert_eq!(recorder.live_seconds(ms(1_000)..ms(11_000)), [10.0, 10.0, 9.0, 9.0]);
    // It is up, and known: now a suspicion of it is wrong.
    feed(
        &mut recorder,
        &[(4_000, 1, Event::Suspected(NodeId(2))), (4_500, 3, Event::DeclaredDead(NodeId(0)))],
    );
    let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((detection.false_suspicions, detection.false_positives), (1, 1));
    // To join is no harm: both declarations of death would be of, and by, nodes that nothing hits.
    assert_eq!((detection.false_deaths_of_healthy, detection.false_deaths_of_healthy_at_healthy), (1, 1));
    assert_eq!(detection.false_dead_pairs_at_healthy, 1);
}

#[test]
fn nobody_waits_for_who_is_gone_and_who_leaves_is_to_be_missed() {
    let mut recorder = stormed();
    feed(&mut recorder, &[knows(2_100, 2, 0), knows(2_200, 0, 2), knows(2_300, 0, 3)]);
    recorder.left(NodeId(1), ms(3_000));
    assert!(!recorder.settled());
    // One newcomer knew and was known to all that are left when the other one of them went.
    feed(&mut recorder, &[(3_400, 0, Event::Left(NodeId(1))), (3_500, 2, Event::DeclaredDead(NodeId(1)))]);
    assert!(!recorder.settled(), "the other knows nobody yet");
    recorder.left(NodeId(3), ms(4_000));
    feed(&mut recorder, &[(4_600, 0, Event::DeclaredDead(NodeId(3)))]);
    assert!(recorder.settled());
    let turnover = recorder.turnover(&mut BTreeMap::new());
    assert_eq!((turnover.joined, turnover.left), (2, 2));
    assert_eq!((turnover.known_us.count, turnover.knows_us.count, turnover.missed_us.count), (2, 1, 2));
    assert!(near(turnover.known_us.max, 1_000_000) && near(turnover.knows_us.max, 1_000_000));
    assert!(near(turnover.missed_us.min, 400_000) && near(turnover.missed_us.max, 600_000));
    assert_eq!(recorder.live_seconds(ms(1_000)..ms(11_000)), [10.0, 2.0, 9.0, 2.0]);
    let detection = recorder.detection(ms(11_000), &mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((detection.failures, detection.false_positives), (0, 0));
}

#[test]
fn a_newcomer_must_have_all_writes_at_the_end_and_its_own_first_ones_do_not_count() {
    let mut recorder = stormed();
    recorder.intend(NodeId(0), ms(1_900), &"k0".into());
    feed(
        &mut recorder,
        &[
            (1_900, 0, Event::Wrote(dot(0, 1))),
            (2_000, 2, Event::Wrote(Dot { writer: NodeId(2), counter: 1 })),
            (2_000, 1, Event::Applied(dot(0, 1))),
            knows(2_100, 2, 0),
            knows(2_100, 2, 1),
            knows(2_100, 3, 0),
            knows(2_100, 3, 1),
            knows(2_200, 0, 2),
            knows(2_200, 0, 3),
            knows(2_200, 1, 2),
            knows(2_200, 1, 3),
            (2_300, 2, Event::Applied(dot(0, 1))),
        ],
    );
    assert!(!recorder.settled(), "one of them lacks a write");
    feed(&mut recorder, &[(2_900, 3, Event::Applied(dot(0, 1)))]);
    assert!(recorder.settled());
    let convergence = recorder.convergence(&mut Histograms::default(), &mut BTreeMap::new());
    assert_eq!((convergence.writes, convergence.awaited_pairs, convergence.pairs_us.count), (1, 1, 1));
    assert!(near(convergence.pairs_us.max, 100_000));
}
