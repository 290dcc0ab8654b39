//! A run that is asked to stop keeps what it had measured, and says that it is not whole.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A run far longer than any test, of which nothing but the interruption is the end.
const LONG: [&str; 8] =
    ["compare", "--nodes", "10", "--seconds", "3600", "--out", "result", "--set=phases.warm_up=100ms"];

fn begin(home: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .current_dir(home)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// Sends the signal as soon as standard error has this phase, and returns the exit code and the result.
fn interrupt_in(phase: &str, signal: &str) -> (Option<i32>, Value) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut run = begin(home.path(), &LONG);
    let mut lines = BufReader::new(run.stderr.take().expect("it is piped")).lines();
    let seen = lines.any(|line| line.expect("text").contains(phase));
    assert!(seen, "the run ended before {phase}");
    let sent = Command::new("kill").args([signal, &run.id().to_string()]).status().expect("there is a kill");
    assert!(sent.success());
    // Whoever writes to a pipe that nobody reads waits for ever.
    let rest: Vec<_> = lines.map(|line| line.expect("text")).collect();
    let code = run.wait().expect("it was begun").code();
    assert!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    let scenario = fs::read_to_string(home.path().join("result/scenario.toml")).expect("it is saved");
    assert!(scenario.contains("nodes = 10"), "{scenario}");
    let result = fs::read(home.path().join("result/result.json")).expect("it is saved");
    (code, serde_json::from_slice(&result).expect("a result"))
}

fn assert_interrupted(verdict: &Value) {
    assert_eq!(verdict["status"], "invalid");
    let reasons = verdict["reasons"].as_array().expect("a list");
    let said = |reason: &Value| reason.as_str().is_some_and(|text| text.contains("interrupted"));
    assert!(reasons.iter().any(said), "{reasons:?}");
}

#[test]
fn what_was_measured_is_kept_and_variants_not_begun_are_left_out() {
    let (code, result) = interrupt_in(": measure", "-INT");
    assert_eq!(code, Some(3));
    assert_interrupted(&result["verdict"]);
    let variants = result["variants"].as_array().expect("a list");
    assert_eq!(variants.len(), 1);
    assert_eq!(variants[0]["name"], "digest");
    assert_interrupted(&variants[0]["verdict"]);
    assert!(variants[0]["measured_seconds"].as_f64().is_some_and(|seconds| seconds < 3_600.0));
}

#[test]
fn a_run_that_is_still_booting_ends_too() {
    let (code, result) = interrupt_in(": boot", "-TERM");
    assert_eq!(code, Some(3));
    assert_interrupted(&result["verdict"]);
    assert_eq!(result["variants"].as_array().map(Vec::len), Some(1));
}
