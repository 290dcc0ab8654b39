//! How two results differ, as text.

use rumormill_measure::{Diff, Finding, Method, Row, statistics::Interval};
use rumormill_report::diff;

fn row(figure: &str, old: f64, new: f64, finding: Finding) -> Row {
    let change = Some(new / old - 1.0).filter(|change| change.is_finite());
    Row {
        cell: String::new(),
        variant: "delta".into(),
        figure: figure.into(),
        old,
        new,
        old_measured: old,
        new_measured: new,
        change,
        interval: change.map(|change| Interval { low: change - 0.02, high: change + 0.02 }),
        noise: Some(0.02),
        rank_probability: None,
        probability: Some(1e-6),
        corrected: Some(1e-5),
        finding,
        reason: None,
    }
}

fn shown(rows: Vec<Row>) -> String {
    diff(&Diff {
        method: Method::Statistical,
        repetitions: [1, 1],
        min_effect: 0.05,
        family_level: 0.05,
        rows,
    })
}

#[test]
fn a_regression_is_named_with_its_kind_and_its_cause() {
    let text = shown(vec![
        row("bandwidth.wire_bytes_per_node_per_second.mean", 1_000.0, 1_100.0, Finding::Worse),
        row("bandwidth.by_cause_bytes_per_node_per_second.delta", 500.0, 600.0, Finding::Worse),
        row("convergence.t100_us.p99", 400_000.0, 410_000.0, Finding::Chance),
        row("detection.undetected", 0.0, 0.0, Finding::Same),
    ]);
    let verdict = text.split("REGRESSION\n").nth(1).expect("it says so");
    assert_eq!(verdict, "  bandwidth: delta: wire bytes by 10.0 %\n  bandwidth: delta: delta by 20.0 %\n");
    let wire = text.lines().find(|line| line.contains("wire bytes")).expect("a line");
    let cells: Vec<_> = wire.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(
        cells,
        ["wire bytes", "1.00 kB", "1.10 kB", "+10.0 %", "+8.00 % to +12.0 %", "2.00 %", "WORSE"]
    );
    assert!(text.contains("writes, t100, p99"), "{text}");
    assert!(!text.contains("undetected"), "what never happened has no line: {text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn chance_is_no_regression_and_sameness_is_said_in_a_word() {
    let figure = "bandwidth.packets_per_node_per_second";
    assert!(shown(vec![row(figure, 10.0, 10.2, Finding::Chance)]).ends_with("No regression.\n"));
    let same = shown(vec![row(figure, 10.0, 10.0, Finding::Same)]);
    assert!(same.ends_with("The same: no figure differs.\n") && same.lines().count() < 6, "{same}");
    let mut silent = row("cpu_seconds", 1.0, 2.0, Finding::NotJudged);
    silent.reason = Some("is the simulator's, not the nodes'".into());
    let text = shown(vec![silent, row(figure, 10.0, 11.0, Finding::Small)]);
    assert!(text.contains("Not judged: cpu_seconds, which is the simulator's"), "{text}");
}
