//! Bad input is one sentence on standard error and exit code 2, and leaves nothing behind.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn rumormill(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumormill"));
    command.current_dir(home).args(arguments).output().expect("the binary runs")
}

/// Every entry below a directory.
fn entries(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(entries(&path));
        }
    }
    found.sort();
    found
}

/// The sentence with which the arguments are refused.
fn refusal(home: &Path, arguments: &[&str]) -> String {
    let before = entries(home);
    let output = rumormill(home, arguments);
    let sentence = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {sentence}");
    assert_eq!(sentence.lines().count(), 1, "{arguments:?}: {sentence}");
    assert!(sentence.starts_with("rumormill: ") && sentence.ends_with('\n'), "{arguments:?}: {sentence}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(entries(home), before, "{arguments:?}");
    sentence
}

fn refused(arguments: &[&str], parts: &[&str]) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let sentence = refusal(home.path(), arguments);
    for part in parts {
        assert!(sentence.contains(part), "{arguments:?}: {sentence} lacks {part}");
    }
}

#[test]
fn numbers_that_cannot_be() {
    refused(&["compare", "--nodes", "-3"], &["--nodes -3", "cluster.nodes", "a whole number from 2"]);
    refused(&["compare", "--nodes", "0"], &["--nodes 0", "a whole number from 2"]);
    refused(&["compare", "--nodes", "abc"], &["--nodes abc", "a whole number from 2"]);
    refused(&["compare", "--nodes", ""], &["--nodes", "a whole number from 2"]);
    refused(&["compare", "--nodes"], &["--nodes", "value is required"]);
    refused(&["compare", "--seconds", "0"], &["--seconds 0", "phases.measure"]);
    refused(&["compare", "--seconds", "-1"], &["--seconds -1", "a number of seconds"]);
    refused(&["compare", "--seconds", "NaN"], &["--seconds NaN", "a number of seconds"]);
    refused(&["run", "--preset", "idle", "--seed", "1.5"], &["--seed 1.5", "a whole number from 0"]);
}

#[test]
fn worlds_that_are_not_there() {
    refused(&["compare", "--on", "mars"], &["mars", "--on", "local"]);
    refused(&["run", "--preset", "idle", "--on", "fleet"], &["--agents is missing"]);
}

#[test]
fn arguments_that_are_not_there() {
    refused(&["compare", "--nodse", "3"], &["--nodse", "--nodes"]);
    refused(&["comapre"], &["comapre", "compare"]);
    refused(&[], &["compare or run"]);
    refused(&["compare", "surplus.toml"], &["surplus.toml", "cannot read"]);
    refused(&["run"], &["SCENARIO.toml", "--preset"]);
    refused(&["run", "a.toml", "--preset", "idle"], &["cannot be used with"]);
    refused(&["run", "--list", "--preset", "idle"], &["cannot be used with"]);
    refused(&["run", "--preset", "idle", "--forec"], &["--forec", "--force"]);
    refused(&["compare", "--list"], &["--list"]);
}

#[test]
fn scenarios_that_cannot_be() {
    refused(&["run", "missing.toml"], &["missing.toml", "cannot read"]);
    refused(&["run", "."], &["cannot read"]);
    refused(&["run", "--preset", "idel"], &["idel", "idle"]);
    refused(&["run", "--preset", "idle", "--set", "node.fanuot=4"], &["node.fanuot", "node.fanout"]);
    refused(&["run", "--preset", "idle", "--set", "node.fanout"], &["key=value"]);
    refused(&["run", "--preset", "split-brian"], &["split-brian", "split-brain"]);
    refused(
        &["run", "--preset", "idle", "--repetitions", "0"],
        &["--repetitions 0", "a whole number from 1"],
    );
    refused(
        &["run", "--preset", "idle", "--set", "matrix.node.fanuot=[1]"],
        &["matrix.node.fanuot", "node.fanout"],
    );
    refused(&["run", "--preset", "idle", "--resume"], &["--out"]);
    refused(&["run", "--preset", "crash", "--seconds", "3"], &["fault.at is 5s", "phases.measure"]);
    refused(&["compare", "--set", "node.state=full"], &["node.state", "compare"]);
    refused(&["run", "--preset", "idle", "--print", "--set", "node.partners=3"], &["node.partners", "even"]);
    refused(&["compare", "--set", "name=two\nlines"], &["name is"]);
    refused(&["compare", "--set", "x\ny=1"], &["unknown key"]);
}

#[test]
fn a_scenario_file_is_named_with_its_fault() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (text, parts) in [
        ("seed = 1\nname = \n", &["line 2"][..]),
        (
            "[network]\nlatncy = \"1ms\"\n",
            &["mine.toml: line 2: unknown key `network.latncy`", "network.latency"],
        ),
        ("[network]\nloss = 1.5\n", &["network.loss is 1.5"]),
        ("[network]\nrate = \"fast\"\n", &["network.rate is \"fast\"", "10mbit"]),
        ("[cluster]\nnodes = \"many\"\n", &["cluster.nodes is \"many\""]),
        ("[[fault]]\nkind = \"crash\"\nnodes = 1\n", &["fault.at is missing"]),
        ("[[fault]]\nat = \"1s\"\nkynd = \"crash\"\n", &["line 3: unknown key `fault.kynd`", "fault.kind"]),
        ("[matrix]\nnodse = [10]\n", &["line 2: unknown key `matrix.nodse`", "cluster.nodes"]),
        ("[matrix]\nnodes = [10, 1]\n", &["line 2: matrix.nodes is 1", "a whole number from 2"]),
        ("[matrix]\nseed = [1, 2]\n", &["line 2: matrix.seed cannot vary", "repetitions"]),
        ("repetitions = 0\n", &["line 1: repetitions is 0"]),
        ("[[fault]]\nat = \"1s\"\nkind = \"burn\"\nnodes = 1\n", &["fault.kind is \"burn\"", "partition"]),
        ("[[fault]]\nat = \"1s\"\nkind = \"pause\"\nnodes = 1\n", &["fault.for is missing"]),
        ("[[fault]]\nat = \"1s\"\nkind = \"crash\"\nnodes = 1\nfor = \"2s\"\n", &["fault.for", "crash"]),
    ] {
        fs::write(home.path().join("mine.toml"), text).expect("writable");
        let sentence = refusal(home.path(), &["run", "mine.toml"]);
        assert!(sentence.contains("mine.toml: "), "{sentence}");
        for part in parts {
            assert!(sentence.contains(part), "{sentence} lacks {part}");
        }
    }
    fs::write(home.path().join("mine.toml"), [0xff, 0xfe]).expect("writable");
    assert!(refusal(home.path(), &["run", "mine.toml"]).contains("cannot read"));
}

#[test]
fn places_where_no_result_can_go() {
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(home.path().join("full")).expect("writable");
    fs::write(home.path().join("full/result.json"), "{}").expect("writable");
    fs::write(home.path().join("file"), "").expect("writable");
    let refusal = |out| refusal(home.path(), &["compare", "--nodes", "3", "--seconds", "3", "--out", out]);
    assert!(refusal("full").contains("--overwrite"));
    assert!(refusal("file").contains("--out file"));
    assert!(refusal("file/below").contains("--out file/below"));
    assert!(refusal("").contains("--out"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_million_nodes_are_refused_with_the_arithmetic() {
    refused(
        &["compare", "--nodes", "1000000"],
        &["cluster.nodes is 1000000", "1,000,064 file descriptors", "nodes fit", "--on sim"],
    );
}

/// 6.7 GB a millisecond are too much for any machine.
#[cfg(target_os = "linux")]
#[test]
fn full_state_that_no_machine_carries_is_refused_with_the_arithmetic() {
    let asked = ["cluster.keys_per_node=1024", "cluster.value_bytes=65536", "node.full_interval=1ms"];
    let mut arguments = vec!["run", "--preset", "idle", "--nodes", "10", "--set", "node.state=full"];
    arguments.extend(asked.iter().flat_map(|setting| ["--set", setting]));
    refused(&arguments, &["10 × 1024 keys of 65536 bytes", "every 1ms", "node.full_interval=", "--force"]);
}

#[test]
fn help_the_version_and_printed_scenarios_are_no_errors() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (arguments, part) in [
        (&["--help"][..], "Examples:"),
        (&["compare", "--help"], "Examples:"),
        (&["run", "--help"], "Examples:"),
        (&["--version"], " (commit "),
        (&["completions", "bash"], "complete -F _rumormill"),
        (&["completions", "zsh"], "#compdef rumormill"),
        (&["completions", "fish"], "complete -c rumormill"),
        (&["diff", "--help"], "Exit codes:"),
    ] {
        let output = rumormill(home.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(part), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}");
    }
    let listed = rumormill(home.path(), &["run", "--list"]);
    assert_eq!((listed.status.code(), listed.stderr.as_slice()), (Some(0), &[][..]));
    let listed = String::from_utf8(listed.stdout).expect("text");
    let names: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for preset in ["idle", "writes", "crash", "join", "compare", "split-brain", "matrix"] {
        assert!(names.contains(&preset), "{listed}");
    }
    for preset in names {
        let first = rumormill(home.path(), &["run", "--preset", preset, "--seed", "7", "--print"]);
        assert_eq!(first.status.code(), Some(0), "{preset}");
        fs::write(home.path().join("printed.toml"), &first.stdout).expect("writable");
        let second = rumormill(home.path(), &["run", "printed.toml", "--print"]);
        assert_eq!(first.stdout, second.stdout, "{preset}");
    }
}
