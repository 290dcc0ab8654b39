//! A matrix of runs: its files, and how it goes on after it was killed.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const FILE: &str = r#"
name = "many"
repetitions = 2
[workload]
writes_per_second = 2.0
[phases]
warm_up = "1s"
measure = "4s"
[matrix]
nodes = [10, 20]
"node.dissemination" = ["push", "pull"]
"#;

fn rumormill(home: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumormill"));
    command.current_dir(home).args(arguments.split(' '));
    command
}

fn output(home: &Path, arguments: &str) -> Output {
    rumormill(home, arguments).output().expect("the binary runs")
}

/// The results below a directory, by the directory that each is in.
fn results(home: &Path) -> BTreeMap<String, Vec<u8>> {
    let index = fs::read_to_string(home.join("out/index.json")).expect("there is an index");
    let index: Value = serde_json::from_str(&index).expect("the index is whole");
    let runs = index["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 8);
    let read = |run: &Value| {
        let directory = run["directory"].as_str().expect("a name").to_owned();
        Some((directory.clone(), fs::read(home.join("out").join(directory).join("result.json")).ok()?))
    };
    runs.iter().filter_map(read).collect()
}

#[test]
fn every_cell_has_a_result_of_its_own_and_repetitions_alternate() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let home = home.path();
    fs::write(home.join("many.toml"), FILE).expect("writable");
    let run = output(home, "run many.toml --on sim --out out --json --quiet");
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let index: Value = serde_json::from_slice(&run.stdout).expect("the index and nothing else");
    let of = |run: &Value, key: &str| run[key].as_str().expect("a text").to_owned();
    let runs = index["runs"].as_array().expect("a list");
    let cells: Vec<_> = runs.iter().map(|run| of(run, "cell")).collect();
    assert_eq!(cells[..4], cells[4..], "A B C D, A B C D");
    assert_eq!(cells[1], "cluster.nodes=10, node.dissemination=pull");
    let seeds: Vec<_> = runs.iter().map(|run| run["seed"].as_u64().expect("a number")).collect();
    assert!(
        seeds[..4].iter().all(|seed| *seed == 1)
            && seeds[4..].iter().all(|seed| *seed == seeds[4] && *seed != 1)
    );
    for run in runs {
        let path = home.join("out").join(of(run, "directory"));
        let result: Value = serde_json::from_slice(&fs::read(path.join("result.json")).expect("it is there"))
            .expect("a result");
        assert_eq!(result["seed"], run["seed"]);
        let nodes = if of(run, "cell").contains("nodes=10") { 10 } else { 20 };
        assert_eq!(result["variants"][0]["nodes"], nodes);
        let own = path.join("scenario.toml");
        let again = format!("run {} --on sim --json --quiet --out again --overwrite", own.display());
        let again: Value = serde_json::from_slice(&output(home, &again).stdout).expect("a result");
        assert_eq!(
            again["variants"][0]["event_hash"], result["variants"][0]["event_hash"],
            "the run repeats"
        );
    }
    let summary = fs::read_to_string(home.join("out/summary.txt")).expect("there is a summary");
    assert!(
        summary.contains("nodes  dissemination  runs") && summary.matches("valid").count() >= 4,
        "{summary}"
    );
}

#[cfg(unix)]
#[test]
fn a_killed_matrix_keeps_what_was_finished_and_resumes_with_the_rest() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let home = home.path();
    fs::write(home.join("many.toml"), FILE.replace("\"4s\"", "\"60s\"").replace("[10, 20]", "[60, 80]"))
        .expect("writable");
    let mut run = rumormill(home, "run many.toml --on sim --out out --quiet")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let begun = Instant::now();
    while !home.join("out/index.json").exists() || results(home).len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(120), "no run has finished");
        thread::sleep(Duration::from_millis(5));
    }
    run.kill().expect("it runs");
    run.wait().expect("it was begun");
    let finished = results(home);
    assert!((2..8).contains(&finished.len()), "{}", finished.len());
    for result in finished.values() {
        let result: Value = serde_json::from_slice(result).expect("it is whole");
        assert_eq!(result["verdict"]["status"], "valid");
    }

    let other =
        output(home, "run many.toml --on sim --out out --resume --set node.fanout=2 --set cluster.seeds=2");
    assert_eq!(other.status.code(), Some(2));
    let sentence = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(sentence.contains("node.fanout is 3 there and 2 here"), "{sentence}");
    assert!(sentence.contains("cluster.seeds is 3 there and 2 here"), "{sentence}");
    let other = output(home, "run many.toml --on sim --fidelity quic --out out --resume");
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("--fidelity quic"));
    let refused = output(home, "run many.toml --on sim --out out");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--resume"));

    let resumed = output(home, "run many.toml --on sim --out out --resume");
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert_eq!(said.matches("finished before").count(), finished.len(), "{said}");
    assert!(said.contains("left in all"), "{said}");
    let all = results(home);
    assert_eq!(all.len(), 8);
    assert!(finished.iter().all(|(directory, result)| all[directory] == *result), "what was finished stays");
}
