use super::*;
use crate::{Environment, METHOD_VERSION, SCHEMA_VERSION, Status, Summary, Verdict};

/// A run of 10 nodes: so many bytes of the causes `delta` and `probe`, known to so much, while so many writes arrived.
fn run(seed: u64, delta: f64, probe: f64, error: f64, applied: u64) -> RunResult {
    let json = serde_json::json!({
        "name": "delta", "protocol": "rumormill", "world": "sim", "nodes": 10, "measured_seconds": 60.0,
        "verdict": { "status": "valid", "reasons": [], "warnings": [] },
    });
    let mut variant: Variant = serde_json::from_value(json).expect("the rest has defaults");
    variant.event_hash = Some(format!("{seed}"));
    variant.bandwidth.wire_bytes_per_node_per_second.mean = delta + probe;
    variant.bandwidth.by_cause_bytes_per_node_per_second =
        [("delta", delta), ("probe", probe), ("news", 1e-6)]
            .map(|(cause, bytes)| (cause.to_owned(), bytes))
            .into();
    variant.bandwidth.writes_applied = applied;
    // Another seed, another course.
    variant.bandwidth.messages_per_node_per_second = seed as f64;
    for path in [WIRE.to_owned(), PACKETS.to_owned(), cause_path("delta"), cause_path("probe")] {
        variant.standard_errors.insert(path, error);
    }
    RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: "rumormill".into(),
        seed,
        world: World::Sim,
        scenario: "writes".into(),
        scenario_toml: None,
        environment: Environment::default(),
        verdict: Verdict::new(&[], &[]),
        variants: vec![variant],
        differences: Vec::new(),
    }
}

fn cell(runs: Vec<RunResult>) -> Vec<Cell> {
    vec![Cell { name: String::new(), runs }]
}

fn done(old: Vec<RunResult>, new: Vec<RunResult>, min_effect: Option<f64>) -> Diff {
    match diff(&cell(old), &cell(new), min_effect) {
        Compared::Done(diff) => diff,
        other => panic!("{other:?}"),
    }
}

fn find<'a>(diff: &'a Diff, figure: &str) -> &'a Row {
    diff.rows
        .iter()
        .find(|row| row.figure == figure)
        .unwrap_or_else(|| panic!("{figure} in {:#?}", diff.rows))
}

#[test]
fn a_result_is_the_same_as_itself() {
    let result = run(1, 500.0, 100.0, 5.0, 900);
    let diff = done(vec![result.clone()], vec![result], None);
    assert_eq!(diff.method, Method::Exact);
    assert!(diff.is_same() && diff.regressions().next().is_none());
}

#[test]
fn of_one_course_a_single_byte_is_a_regression_and_of_two_it_is_chance() {
    let old = run(1, 500.0, 100.0, 5.0, 900);
    let mut new = run(1, 501.0, 100.0, 5.0, 900);
    let exact = done(vec![old.clone()], vec![new.clone()], None);
    assert_eq!(exact.method, Method::Exact);
    let worse: Vec<_> = exact.regressions().map(|row| row.figure.as_str()).collect();
    assert_eq!(worse, [WIRE, &cause_path("delta")]);
    let lenient = done(vec![old.clone()], vec![new.clone()], Some(0.01));
    assert_eq!(find(&lenient, &cause_path("delta")).finding, Finding::Small);
    new.seed = 2;
    let chance = done(vec![old], vec![new], None);
    assert_eq!(chance.method, Method::Statistical);
    assert_eq!(find(&chance, &cause_path("delta")).finding, Finding::Chance);
    assert_eq!(find(&chance, &cause_path("probe")).finding, Finding::Same);
}

#[test]
fn bytes_of_writes_are_compared_for_as_many_writes() {
    // A fifth more bytes for a fifth more writes is no change, and for as many it is.
    let old = run(1, 500.0, 100.0, 2.0, 900);
    let busier = done(vec![old.clone()], vec![run(2, 600.0, 100.0, 2.0, 1_080)], None);
    let row = find(&busier, &cause_path("delta"));
    assert!(row.change.is_some_and(|change| change.abs() < 1e-9), "{row:?}");
    assert_eq!((row.old_measured, row.new_measured), (500.0, 600.0));
    assert_eq!(find(&busier, WIRE).old, find(&busier, WIRE).new);
    let heavier = done(vec![old], vec![run(2, 600.0, 100.0, 2.0, 900)], None);
    assert_eq!(find(&heavier, &cause_path("delta")).finding, Finding::Worse);
    assert_eq!(find(&heavier, WIRE).finding, Finding::Worse);
    let lighter = done(vec![run(1, 600.0, 100.0, 2.0, 900)], vec![run(2, 500.0, 100.0, 2.0, 900)], None);
    assert_eq!(find(&lighter, &cause_path("delta")).finding, Finding::Better);
}

#[test]
fn what_matters_to_nobody_and_what_one_run_cannot_tell_raise_no_alarm() {
    let (old, mut new) = (run(1, 500.0, 100.0, 2.0, 900), run(2, 500.0, 100.0, 2.0, 900));
    new.variants[0].bandwidth.by_cause_bytes_per_node_per_second.insert("news".into(), 1.0);
    new.variants[0].standard_errors.clear();
    new.variants[0].bandwidth.by_cause_bytes_per_node_per_second.insert("probe".into(), 300.0);
    let diff = done(vec![old], vec![new], None);
    assert!(diff.rows.iter().all(|row| !row.figure.ends_with(".news")), "a thousandth of the wire");
    let probe = find(&diff, &cause_path("probe"));
    assert_eq!(probe.finding, Finding::NotJudged);
    assert!(probe.reason.as_deref().is_some_and(|reason| reason.contains("repetitions")));
}

#[test]
fn failures_that_are_no_longer_noticed_are_a_regression() {
    let of = |seed, undetected| {
        let mut result = run(seed, 500.0, 100.0, 2.0, 900);
        let detection = &mut result.variants[0].detection;
        (detection.failures, detection.undetected) = (10, undetected);
        detection.all_dead_us = Summary { count: 10 - undetected, p50: 9, ..Summary::default() };
        result
    };
    let diff = done(vec![of(1, 0)], vec![of(2, 9)], None);
    let row = find(&diff, "detection.undetected");
    assert_eq!((row.finding, row.change), (Finding::Worse, None));
    let few = find(&diff, "detection.all_dead_us.p50");
    assert!(few.reason.as_deref().is_some_and(|reason| reason.contains("fewer than 20")));
    let one = done(vec![of(1, 0)], vec![of(2, 1)], None);
    assert_eq!(find(&one, "detection.undetected").finding, Finding::Chance);
}

#[test]
fn other_experiments_and_invalid_results_are_not_compared() {
    let old = run(1, 500.0, 100.0, 2.0, 900);
    let mut new = run(2, 500.0, 100.0, 2.0, 900);
    new.method_version += 1;
    new.variants[0].nodes = 20;
    let compared = diff(&cell(vec![old.clone()]), &cell(vec![new.clone()]), None);
    let Compared::NotComparable(lines) = compared else { panic!("{compared:?}") };
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("method_version is ")
            && lines[1].contains("nodes of \"delta\" is 10 in OLD and 20")
    );
    let named = |name: &str| vec![Cell { name: name.into(), runs: vec![old.clone()] }];
    let Compared::NotComparable(lines) = diff(&named("cluster.nodes=10"), &named("cluster.nodes=20"), None)
    else {
        panic!("other cells")
    };
    assert_eq!(lines.len(), 2, "{lines:?}");
    new.verdict.status = Status::Saturated;
    let compared = diff(&cell(vec![old]), &cell(vec![new]), None);
    assert!(matches!(compared, Compared::NotValid(lines) if lines[0].starts_with("NEW is saturated")));
}
