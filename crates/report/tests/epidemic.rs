//! An epidemic as text, from a result made by hand.

use rumormill_measure::{
    Environment, Epidemic, EpidemicTheory, METHOD_VERSION, Rounds, RunResult, SCHEMA_VERSION, StandardErrors,
    Variant, Verdict, World,
};
use rumormill_report::comparison;

fn result(epidemic: Epidemic) -> RunResult {
    let variant = Variant::of_epidemic("epidemic".into(), 1_000, Verdict::new(&[], &[]), epidemic);
    RunResult {
        schema_version: SCHEMA_VERSION,
        method_version: METHOD_VERSION,
        tool: "rumormill 0.1.0".into(),
        seed: 1,
        world: World::Sim,
        scenario: "epidemic".into(),
        scenario_toml: None,
        environment: Environment::default(),
        verdict: Verdict::of_run(std::slice::from_ref(&variant)),
        variants: vec![variant],
        differences: Vec::new(),
    }
}

/// The cells of the row that begins with this label.
fn row<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.trim_start().starts_with(label)).expect("the row is there");
    line.trim_start()[label.len()..].split_whitespace().collect()
}

#[test]
fn measured_stands_beside_theory() {
    let text = comparison(&result(Epidemic {
        spread: "push".into(),
        fanout: 1,
        clock: "rounds".into(),
        stop: "never".into(),
        repetitions: 2,
        rounds_to_100: Rounds::over(vec![18.0, 19.0]),
        copies_per_node: 7.96,
        theory: EpidemicTheory {
            rounds_to_100: Some(17.8735),
            rounds_formula: Some("log2 N + ln N + 1".into()),
            ..EpidemicTheory::default()
        },
        ..Epidemic::default()
    }));
    assert!(text.contains("push, fanout 1, clock rounds, stop never, 2 repetitions"), "{text}");
    assert_eq!(row(&text, "all knew"), ["18.50", "0.5000", "0.7071", "19.00", "2", "17.87"]);
    assert_eq!(row(&text, "50 % of the nodes knew"), ["–", "–", "–", "–", "0", "–"]);
    assert_eq!(row(&text, "until the last knew"), ["7.960", "0", "–"]);
    assert!(text.contains("log2 N + ln N + 1") && !text.contains("e^-traffic"));
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    for word in ["Bandwidth", "Detection", "measured 0"] {
        assert!(!text.contains(word), "{text}");
    }
}

#[test]
fn small_residues_keep_their_digits() {
    let text = comparison(&result(Epidemic {
        residue: 4.0e-6,
        k: Some(3),
        standard_errors: StandardErrors { residue: 1.0e-7, ..StandardErrors::default() },
        theory: EpidemicTheory { residue_of_traffic: Some(0.0022), ..EpidemicTheory::default() },
        ..Epidemic::default()
    }));
    assert_eq!(row(&text, "residue "), ["4.0e-6", "1.0e-7", "–"]);
    assert_eq!(row(&text, "residue, e^-traffic beside it"), ["4.0e-6", "1.0e-7", "0.0022"]);
    assert!(text.contains(", k 3,"));
}
