//! The model of the literature from the command line: its figures, its files, and what it refuses.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn run(home: &Path, options: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumormill"));
    let arguments = format!("run {options} --quiet");
    command.current_dir(home).args(arguments.split_whitespace()).output().expect("the binary runs")
}

fn measured(home: &Path, options: &str) -> Value {
    let output = run(home, &format!("--preset epidemic --nodes 1000 --json {options}"));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("standard output is the result and nothing else")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn push_and_push_pull_take_the_rounds_of_the_exact_chain() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (spread, exactly) in [("push", 18.038), ("push-pull", 9.151)] {
        let options = format!("--set spread={spread} --set repetitions=400 --out {spread}");
        let result = measured(home.path(), &options);
        assert_eq!((&result["world"], &result["verdict"]["status"]), (&"sim".into(), &"valid".into()));
        let variant = &result["variants"][0];
        let epidemic = &variant["epidemic"];
        assert_eq!(epidemic["repetitions"], 400);
        let rounds = &epidemic["rounds_to_100"];
        let off = (number(&rounds["mean"]) - exactly).abs();
        assert!(off < 4.0 * number(&rounds["standard_error"]), "{spread}: {rounds}");
        assert!((number(&epidemic["theory"]["rounds_to_100"]) - exactly).abs() < 0.2);
        assert_eq!(number(&epidemic["residue"]), 0.0);
        assert_eq!(epidemic["copies_per_node"], epidemic["traffic"]);
        assert_eq!(variant.get("bandwidth"), None, "there is no cluster to measure");
    }
}

#[test]
fn rumor_mongering_leaves_a_residue_and_says_how_many_reached_what() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let options = "--set stop=feedback-counter --set k=2 --set repetitions=300 --out result";
    let result = measured(home.path(), options);
    let epidemic = &result["variants"][0]["epidemic"];
    let residue = number(&epidemic["residue"]);
    assert!((residue - 0.037).abs() < 0.003, "{residue}");
    assert!((number(&epidemic["traffic"]) - 3.3).abs() < 0.06);
    assert!((number(&epidemic["theory"]["residue_of_traffic"]) - residue).abs() < 0.003);
    assert_eq!(epidemic["rounds_to_50"]["reached"], 300);
    assert_eq!(epidemic["rounds_to_100"]["reached"], 0);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_so_does_the_scenario_left_behind() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let result = |options: &str, out: &str| {
        let output = run(home.path(), &format!("{options} --out {out}"));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read(home.path().join(out).join("result.json")).expect("the result is saved")
    };
    let options =
        "--preset epidemic --nodes 500 --set clock=periodic --set stop=blind-coin --set k=3 --seed 4";
    let first = result(options, "first");
    assert_eq!(first, result(options, "again"));
    assert_eq!(first, result("first/scenario.toml", "file"));
    assert_ne!(first, result(&options.replace("--seed 4", "--seed 5"), "other"));
}

#[test]
fn what_has_no_meaning_for_it_is_refused_in_one_sentence() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (options, part) in [
        ("--preset epidemic --on local", "--on local"),
        ("--preset epidemic --on sim --fidelity quic", "--fidelity"),
        ("--preset epidemic --protocol central", "--protocol central"),
        ("--preset epidemic --seconds 5", "phases.measure"),
        ("--preset epidemic --nodes 10 --set fanout=10", "fanout"),
        ("--preset idle --set fanout=2", "fanout"),
    ] {
        let output = run(home.path(), options);
        let sentence = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{options}: {sentence}");
        assert!(sentence.lines().count() == 1 && sentence.contains(part), "{options}: {sentence}");
    }
    let printed = run(home.path(), "--preset epidemic --on sim --print");
    assert!(String::from_utf8_lossy(&printed.stdout).contains("spread = \"push\""));
}
