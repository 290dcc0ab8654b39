//! Runs over a cluster whose every time is known in advance.

mod clockwork;

use std::{cell::Cell, time::Duration};

use clockwork::{Clockwork, DEAD, HEARD, SPREAD, SUSPECTED};
use rumormill_lab::{Draft, ElectionMode, Phase, Progress, Scenario, Snapshot, run_variant};
use rumormill_measure::{Metric, Recording, Status, Variant};
use rumormill_protocol::Time;

#[derive(Default)]
struct Seen {
    phases: Vec<Phase>,
    rates: Vec<f64>,
    /// Interrupts in this phase, once so many ticks of it have passed.
    interrupt: Option<(Phase, usize)>,
    /// Since when.
    interrupted: Cell<Option<Time>>,
    ticks: usize,
}

impl Seen {
    fn check(&mut self, at: Time) {
        if self.interrupt == self.phases.last().map(|&phase| (phase, self.ticks)) {
            self.interrupted.set(Some(at));
        }
    }
}

impl Progress for Seen {
    fn phase(&mut self, phase: Phase, _: Option<Duration>) {
        self.phases.push(phase);
        self.ticks = 0;
    }

    fn tick(&mut self, snapshot: &Snapshot) {
        self.rates.push(snapshot.wire_bytes_per_node_per_second);
        self.ticks += 1;
        self.check(snapshot.at);
    }

    fn interrupted(&self) -> bool {
        self.interrupted.get().is_some()
    }
}

const CRASH: &str = r#"{at = "10s", kind = "crash", nodes = [3]}"#;

/// Ten nodes, measured for 40 s.
fn scenario(boot: &str, faults: &str) -> Scenario {
    let mut draft = Draft::default();
    let (boot, faults) = (format!("cluster.boot={boot}"), format!("fault=[{faults}]"));
    for setting in ["cluster.nodes=10", "workload.writes_per_second=5", "phases.measure=40s", &boot, &faults]
    {
        draft.set(setting).expect("a valid setting");
    }
    draft.finish().expect("a valid scenario")
}

fn run_with(scenario: &Scenario, cluster: Box<Clockwork>, seen: &mut Seen) -> Variant {
    record(scenario, cluster, seen).0
}

fn record(scenario: &Scenario, cluster: Box<Clockwork>, seen: &mut Seen) -> (Variant, Recording) {
    run_variant(scenario, "delta", "clockwork", cluster, seen).expect("clockwork goes on")
}

fn run(faults: &str) -> Variant {
    run_with(&scenario("warm", faults), Clockwork::new(10), &mut Seen::default())
}

fn near(us: u64, expected: Duration) -> bool {
    u128::from(us).abs_diff(expected.as_micros()) * 1_000 <= expected.as_micros()
}

fn micros(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_micros()).ok()
}

#[test]
fn times_and_rates_are_those_of_the_clockwork() {
    for boot in ["warm", "join"] {
        let mut seen = Seen::default();
        let variant = run_with(&scenario(boot, CRASH), Clockwork::new(10), &mut seen);
        assert_eq!(seen.phases, [Phase::Boot, Phase::Settle, Phase::WarmUp, Phase::Measure, Phase::CoolDown]);
        assert!(seen.rates.len() >= 48, "{} ticks", seen.rates.len());
        assert_eq!(
            (variant.verdict.status, variant.verdict.warnings.len()),
            (Status::Valid, 1),
            "{variant:?}"
        );
        let (report, everybody) = (&variant.boot, 10);
        assert_eq!((report.mode.as_str(), report.nodes_up, report.known_pairs), (boot, everybody, 100));
        // The first look is after 200 ms, and two windows of two protocol periods are alike.
        assert_eq!((report.seconds, report.settle_seconds, report.last_change), (0.2, 4.0, Some(0.0)));
        assert!(report.know_all_us.count == 10 && near(report.know_all_us.max, Duration::from_millis(200)));
        let convergence = variant.convergence;
        // 5 writes a second for 40 s; six standard deviations of a Poisson number are 85.
        assert!(convergence.writes.abs_diff(200) < 85 && convergence.unconverged_writes == 0);
        assert_eq!(convergence.t100_us.count, convergence.writes);
        assert!(
            near(convergence.pairs_us.max, SPREAD) && near(convergence.t50_us.min, SPREAD),
            "{convergence:?}"
        );
        let detection = variant.detection;
        assert_eq!((detection.failures, detection.undetected, detection.pairs_us.count), (1, 0, 9));
        assert!(near(detection.first_suspect_us.max, SUSPECTED) && near(detection.all_dead_us.max, DEAD));
        assert_eq!((detection.false_suspicions, detection.false_dead_pairs), (0, 0));
        let membership = variant.membership;
        assert_eq!((membership.observers, membership.members, membership.alive_pairs), (9, 10, 81));
        assert_eq!((membership.phantom_pairs, membership.wrongly_gone_pairs), (0, 0));
        assert_eq!(variant.measured_seconds, 40.0);
        // Nine nodes check once a period throughout, and the one that crashes for a quarter of the 40 s.
        assert!((variant.checks_per_period - 9.25).abs() < 0.05, "{}", variant.checks_per_period);
        let wire = variant.bandwidth.wire_bytes_per_node_per_second;
        assert!((wire.mean - 38.0).abs() < 2.0 && (wire.p50 - 38.0).abs() < 2.0, "{wire:?}");
    }
}

#[test]
fn what_is_recorded_is_what_the_figures_come_from() {
    let (variant, recording) = record(&scenario("warm", CRASH), Clockwork::new(10), &mut Seen::default());
    for metric in Metric::ALL {
        let kept = recording.histograms.of(metric).map(rumormill_measure::Histogram::summary);
        assert_eq!(kept.unwrap_or_default(), *metric.summary(&variant), "{metric}");
    }
    assert_eq!(variant.convergence.awaited_pairs, variant.convergence.pairs_us.count);
    let spans = recording.series.spans();
    let rates = |span: &&rumormill_measure::Span| span.phase == "measure" && span.nodes_up == 9;
    // Nine nodes live from the crash on, each with the mean rate of the result.
    for span in spans.iter().filter(rates).skip(1) {
        let each = span.wire_bytes_per_second / 9.0;
        assert!((each - 38.0).abs() < 5.0, "{span:?}");
    }
    let last = spans.last().expect("a sample a second");
    assert!(spans.len() >= 48 && (last.nodes_up, last.known_pairs) == (9, 90), "{last:?}");
}

#[test]
fn a_cluster_that_does_not_boot_is_measured_and_found_invalid() {
    let mut cluster = Clockwork::new(10);
    cluster.boots = false;
    let variant = run_with(&scenario("warm", ""), cluster, &mut Seen::default());
    assert_eq!(variant.verdict.status, Status::Invalid);
    assert!(variant.verdict.reasons[0].contains("Only 9 of 10 nodes"), "{variant:?}");
    assert!((60.0..61.0).contains(&variant.boot.seconds), "{}", variant.boot.seconds);
}

#[test]
fn a_cluster_in_which_some_partner_always_changes_boots_all_the_same() {
    let mut cluster = Clockwork::new(10);
    cluster.rotates = true;
    let variant = run_with(&scenario("warm", ""), cluster, &mut Seen::default());
    assert_eq!((variant.verdict.status, variant.boot.nodes_up), (Status::Valid, 10));
    assert!(variant.boot.seconds < 1.0, "{}", variant.boot.seconds);
}

#[test]
fn traffic_that_never_settles_is_measured_with_a_warning() {
    let mut cluster = Clockwork::new(10);
    cluster.grows = true;
    let mut draft = Draft::default();
    draft.set("cluster.nodes=10").expect("a valid setting");
    let variant = run_with(&draft.finish().expect("a valid scenario"), cluster, &mut Seen::default());
    assert_eq!(variant.boot.settle_seconds, 30.0);
    // Two seconds later it is 1.2² times as much.
    assert!(variant.boot.last_change.is_some_and(|change| (change - (1.0 - 1.0 / 1.44)).abs() < 0.02));
    assert!(variant.verdict.warnings[0].contains("still changed by 30."), "{:?}", variant.verdict);
}

#[test]
fn nodes_that_leave_are_no_failures() {
    let variant = run(r#"{at = "10s", kind = "leave", nodes = [3, 4]}"#);
    let detection = variant.detection;
    assert_eq!((detection.failures, detection.false_suspicions, detection.false_positives), (0, 0, 0));
    assert_eq!((variant.membership.observers, variant.membership.alive_pairs), (8, 64));
    assert_eq!((variant.membership.phantom_pairs, variant.convergence.unconverged_writes), (0, 0));
    let report = &variant.faults[0];
    assert_eq!((report.kind.as_str(), report.nodes, report.at_us), ("leave", 2, 10_000_000));
    assert_eq!((report.until_us, report.healed_us), (None, None));
    assert!((variant.bandwidth.wire_bytes_per_node_per_second.mean - 38.0 * 400.0 / 340.0).abs() < 2.0);
}

#[test]
fn nodes_that_restart_are_known_again_and_get_what_they_missed() {
    for down in ["500ms", "5s"] {
        let variant = run(&format!(r#"{{at = "10s", kind = "restart", for = "{down}", nodes = [0, 4]}}"#));
        let report = &variant.faults[0];
        assert_eq!(report.healed_us, micros(HEARD), "{report:?}");
        let detection = variant.detection;
        assert_eq!((detection.failures, detection.false_suspicions, detection.false_positives), (0, 0, 0));
        let membership = variant.membership;
        assert_eq!((membership.observers, membership.alive_pairs, membership.old_life_pairs), (10, 100, 0));
        assert_eq!(variant.convergence.unconverged_writes, 0);
        // Eight receive all of it, less the writer itself where it is one of them.
        let (pairs, writes) = (variant.convergence.pairs_us.count, variant.convergence.writes);
        assert!((7 * writes..=8 * writes).contains(&pairs), "{pairs} pairs of {writes} writes");
        assert_eq!(variant.verdict.status, Status::Valid, "{:?}", variant.verdict);
    }
}

#[test]
fn a_pause_is_no_failure_and_heals_when_all_have_heard_of_its_end() {
    let variant = run(r#"{at = "10s", kind = "pause", for = "5s", nodes = [3]}"#);
    let detection = variant.detection;
    assert_eq!((detection.failures, detection.false_suspicions, detection.false_positives), (0, 1, 1));
    assert_eq!((detection.false_dead_pairs, detection.false_dead_pairs_at_healthy), (9, 9));
    let report = &variant.faults[0];
    assert_eq!((report.until_us, report.healed_us), (Some(15_000_000), micros(HEARD)));
    assert_eq!(variant.membership.alive_pairs, 100);
    // What it was sent meanwhile, it applied afterwards.
    assert_eq!(variant.convergence.unconverged_writes, 0);
    assert!(variant.convergence.pairs_us.max > 3_000_000);
}

#[test]
fn pauses_that_overlap_end_with_the_last() {
    let faults = r#"{at = "10s", kind = "pause", for = "9s", nodes = [3]}, {at = "12s", kind = "pause", for = "2s", nodes = [3]}"#;
    let variant = run(faults);
    let healed: Vec<_> = variant.faults.iter().map(|report| report.healed_us).collect();
    assert_eq!(healed, [micros(HEARD), micros(Duration::from_secs(5) + HEARD)]);
}

#[test]
fn each_direction_of_a_partition_is_noticed_by_those_who_hear_nothing() {
    // Two nodes within, eight without: so many pairs of an observer and a member that it cannot hear.
    for (direction, pairs, at_healthy) in [("both", 32, 16), ("out", 16, 16), ("in", 16, 0)] {
        let fault = format!(
            r#"{{at = "10s", kind = "partition", for = "5s", nodes = [3, 4], direction = "{direction}"}}"#
        );
        let variant = run(&fault);
        let detection = variant.detection;
        assert_eq!(detection.false_dead_pairs, pairs, "{direction}");
        assert_eq!(detection.false_dead_pairs_at_healthy, at_healthy, "{direction}");
        assert_eq!(variant.faults[0].healed_us, micros(HEARD), "{direction}");
        assert_eq!(variant.membership.alive_pairs, 100, "{direction}");
    }
}

#[test]
fn a_fault_that_outlasts_the_measured_phase_is_ended_in_the_cool_down() {
    let variant = run(r#"{at = "39s", kind = "partition", for = "10s", nodes = [3]}"#);
    let report = &variant.faults[0];
    assert_eq!((report.until_us, report.healed_us), (Some(49_000_000), micros(HEARD)));
    // The cool-down has an end all the same.
    let variant = run(r#"{at = "39s", kind = "pause", for = "1h", nodes = [3]}"#);
    let report = &variant.faults[0];
    assert_eq!((report.until_us, report.healed_us), (None, None));
    assert_eq!(variant.membership.wrongly_gone_pairs, 9);
}

#[test]
fn an_interrupted_run_ends_at_once_and_keeps_what_it_had() {
    for (phase, ticks, seconds) in [
        (Phase::Boot, 2, 0.0),
        (Phase::Settle, 1, 0.0),
        (Phase::WarmUp, 3, 0.0),
        (Phase::Measure, 10, 10.0),
        (Phase::Measure, 30, 30.0),
        (Phase::CoolDown, 1, 40.0),
    ] {
        let mut cluster = Clockwork::new(10);
        cluster.boots = phase != Phase::Boot;
        let clock = cluster.clock.clone();
        let mut seen = Seen { interrupt: Some((phase, ticks)), ..Seen::default() };
        let fault = r#"{at = "5s", kind = "pause", for = "1h", nodes = [3]}"#;
        let variant = run_with(&scenario("warm", fault), cluster, &mut seen);
        assert_eq!(seen.phases.last(), Some(&phase));
        let since = seen.interrupted.get().expect("it was interrupted");
        assert!(clock.get() - since <= Duration::from_millis(200), "{phase}: {:?}", clock.get() - since);
        assert_eq!(variant.verdict.status, Status::Invalid);
        assert!(variant.verdict.reasons[0].contains("interrupted"), "{:?}", variant.verdict.reasons);
        assert!((variant.measured_seconds - seconds).abs() <= 1.2, "{phase}: {}", variant.measured_seconds);
        let writes = variant.convergence.writes as f64;
        assert!((writes - 5.0 * variant.measured_seconds).abs() <= 85.0 && (writes > 0.0) == (seconds > 0.0));
        let rate = variant.bandwidth.wire_bytes_per_node_per_second.mean;
        assert!(if seconds > 0.0 { (rate - 38.0).abs() < 6.0 } else { rate == 0.0 }, "{phase}: {rate}");
        assert_eq!(variant.faults.len(), usize::from(seconds > 0.0));
    }
}

#[test]
fn who_is_interrupted_before_anything_is_done_does_nothing() {
    let cluster = Clockwork::new(10);
    let did = cluster.did.clone();
    let seen = &mut Seen { interrupted: Cell::new(Some(Time::ZERO)), ..Seen::default() };
    let variant = run_with(&scenario("join", ""), cluster, seen);
    assert_eq!((did.get(), variant.verdict.status), (0, Status::Invalid));
}

#[test]
fn what_is_proposed_is_settled_in_the_time_of_the_clockwork_and_only_what_is_asked_for_is_reported() {
    let plain = run("");
    assert_eq!((plain.election, plain.consensus), (None, None));
    let mut scenario = scenario("warm", "");
    (scenario.workload.proposals_per_second, scenario.workload.proposers) = (2.0, 3);
    scenario.node.election = ElectionMode::Majority;
    let variant = run_with(&scenario, Clockwork::new(10), &mut Seen::default());
    let consensus = variant.consensus.expect("values were proposed");
    // 2 a second for 40 s; six standard deviations of a Poisson number are 54.
    assert!(consensus.proposals.abs_diff(80) < 54, "{consensus:?}");
    assert_eq!((consensus.settled, consensus.acted_on_two), (consensus.proposals, 0));
    assert!(near(consensus.agreement_us.max, SPREAD) && consensus.first_us.max == 0);
    let election = variant.election.expect("nodes are to elect a leader");
    assert_eq!((election.elections, election.not_following), (0, 10), "this cluster knows no leaders");
    assert!(election.without_leader_us >= 40_000_000);
    assert_eq!(variant.convergence.writes, plain.convergence.writes, "proposals change no other draw");
}

#[test]
fn nodes_that_join_in_a_storm_are_known_and_complete_in_the_time_of_the_clockwork() {
    let scenario = scenario("warm", r#"{at = "10s", kind = "join_storm", nodes = 5}"#);
    assert_eq!(scenario.nodes_ever(), 15);
    let (variant, recording) = record(&scenario, Clockwork::with_newcomers(10, 5), &mut Seen::default());
    assert_eq!((variant.nodes, variant.boot.nodes_up, variant.boot.known_pairs), (10, 10, 100));
    assert_eq!(variant.verdict.status, Status::Valid, "{:?}", variant.verdict);
    let report = &variant.faults[0];
    assert_eq!((report.nodes, report.until_us, report.healed_us), (5, None, micros(HEARD)));
    let turnover = variant.turnover;
    assert_eq!(
        (turnover.joined, turnover.left, turnover.known_us.count, turnover.knows_us.count),
        (5, 0, 5, 5)
    );
    assert!(near(turnover.known_us.max, HEARD) && near(turnover.knows_us.max, HEARD));
    assert_eq!((variant.detection.false_suspicions, variant.convergence.unconverged_writes), (0, 0));
    assert_eq!((variant.membership.observers, variant.membership.alive_pairs), (15, 225));
    // Who writes and who is waited for was there at the boot.
    let convergence = variant.convergence;
    assert_eq!(convergence.awaited_pairs, 9 * convergence.writes);
    assert!(near(convergence.t100_us.max, SPREAD));
    let spans = recording.series.spans();
    assert_eq!(spans.first().map(|span| span.nodes_up), Some(10));
    assert_eq!(spans.last().map(|span| (span.nodes_up, span.known_pairs)), Some((15, 225)));
}

#[test]
fn nodes_come_and_go_at_their_rates() {
    let mut scenario = scenario("warm", "");
    (scenario.workload.joins_per_second, scenario.workload.leaves_per_second) = (1.0, 0.3);
    let newcomers = (scenario.nodes_ever() - 10) as u32;
    let passages = scenario.passages();
    let left = passages.len() as u64 - u64::from(newcomers);
    assert!(newcomers > 10 && left > 2, "{passages:?}");
    let variant = run_with(&scenario, Clockwork::with_newcomers(10, newcomers), &mut Seen::default());
    let turnover = variant.turnover;
    assert_eq!((turnover.joined, turnover.left), (u64::from(newcomers), left));
    assert_eq!(turnover.missed_us.count, left);
    assert!(near(turnover.missed_us.max, HEARD));
    // One that leaves before it is known never is.
    assert!(turnover.known_us.count + left >= turnover.joined && near(turnover.known_us.max, HEARD));
    assert_eq!((variant.detection.failures, variant.detection.false_positives), (0, 0));
    assert_eq!(variant.membership.observers, 10 + turnover.joined - left);
    assert_eq!((variant.membership.phantom_pairs, variant.membership.unknown_pairs), (0, 0));
    let repeated = run_with(&scenario, Clockwork::with_newcomers(10, newcomers), &mut Seen::default());
    assert_eq!(repeated.turnover, turnover);
}
