//! What a run leaves behind, and what is made of it again.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

fn rumormill(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .current_dir(home)
        .args(arguments)
        .output()
        .expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let content = fs::read(entry.path()).expect("a file");
            (entry.file_name().into_string().expect("text"), content)
        })
        .collect()
}

/// Where it differs, `rumormill report bench-results/2026-11-26-compare-10000-sim --picture docs/compare-10000.svg` draws it anew.
#[test]
fn the_picture_in_the_readme_is_that_of_the_kept_result() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let kept = root.join("bench-results/2026-11-26-compare-10000-sim");
    let (code, said) = rumormill(home.path(), &["report", &kept.display().to_string(), "--picture", "p.svg"]);
    assert_eq!((code, said.as_str()), (Some(0), "Made p.svg\n"));
    let drawn = fs::read_to_string(home.path().join("p.svg")).expect("it was made");
    let committed = fs::read_to_string(root.join("docs/compare-10000.svg")).expect("it is committed");
    assert!(drawn == committed, "docs/compare-10000.svg is not what the kept result gives");
    let (_, rest) = drawn.split_once("aria-label=\"").expect("words for those who cannot see it");
    let (words, _) = rest.split_once('"').expect("they end");
    let readme = fs::read_to_string(root.join("README.md")).expect("it is there");
    let image = format!("![{words}](docs/compare-10000.svg)");
    assert!(readme.contains(&image), "README should show {image}");
}

#[test]
fn a_run_without_writes_has_no_picture() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let run = [
        "run",
        "--preset",
        "idle",
        "--on",
        "sim",
        "--nodes",
        "5",
        "--seconds",
        "2",
        "--quiet",
        "--out",
        "idle",
    ];
    assert_eq!(rumormill(home.path(), &run).0, Some(0));
    let (code, said) = rumormill(home.path(), &["report", "idle", "--picture", "p.svg"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("--picture: the run has no bytes or no curve of convergence")
            && said.lines().count() == 1
    );
    assert!(!home.path().join("p.svg").exists());
}

#[test]
fn a_run_leaves_its_files_and_report_makes_the_same_again() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let run = [
        "run",
        "--preset",
        "writes",
        "--on",
        "sim",
        "--nodes",
        "60",
        "--seconds",
        "5",
        "--quiet",
        "--out",
        "r",
    ];
    let more = [
        "--set",
        "phases.warm_up=1s",
        "--set",
        "workload.writes_per_second=4",
        "--set",
        "node.dissemination=push",
    ];
    let (code, said) = rumormill(home.path(), &[&run[..], &more[..]].concat());
    assert_eq!(code, Some(0), "{said}");
    let first = files(&home.path().join("r"));
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "convergence.csv",
            "delta.convergence.hgrm",
            "delta.hlog",
            "metrics.prom",
            "report.html",
            "result.json",
            "result.md",
            "scenario.toml",
            "series.csv"
        ]
    );
    let page = String::from_utf8(first["report.html"].clone()).expect("text");
    assert!(page.contains("in theory: flood over a random graph of degree 8"), "no theory");
    for name in ["report.html", "result.md", "metrics.prom", "delta.convergence.hgrm"] {
        fs::remove_file(home.path().join("r").join(name)).expect("it is there");
    }
    let (code, said) = rumormill(home.path(), &["report", "r"]);
    assert!(code == Some(0) && !said.contains("Left out"), "{said}");
    assert!(files(&home.path().join("r")) == first, "the files are not those that the run left");
}

#[test]
fn of_an_old_result_is_made_what_can_be_made() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench-results/2026-11-24-compare-100/result.json");
    fs::copy(old, home.path().join("result.json")).expect("a result of before there was a report");
    let (code, said) = rumormill(home.path(), &["report", "."]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("Left out: full.hlog is not there") && said.contains("series.csv is not there"),
        "{said}"
    );
    let made = files(home.path());
    assert_eq!(made.keys().collect::<Vec<_>>(), ["metrics.prom", "report.html", "result.json", "result.md"]);
}

#[test]
fn what_is_no_result_is_refused_in_a_sentence() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let refused = |expected: &str| {
        let (code, said) = rumormill(home.path(), &["report", "r"]);
        assert!(code == Some(2) && said.contains(expected) && said.lines().count() == 1, "{said}");
    };
    refused("r/result.json is no result that can be read: it is not there");
    fs::create_dir(home.path().join("r")).expect("writable");
    fs::write(home.path().join("r/result.json"), "{}").expect("writable");
    refused("missing field");
    fs::remove_file(home.path().join("r/result.json")).expect("it is there");
    fs::create_dir(home.path().join("r/result.json")).expect("writable");
    refused("it is not a file");
}

#[test]
fn the_schema_is_printed() {
    let (code, schema) = rumormill(Path::new("."), &["schema"]);
    let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
    assert_eq!((code, &schema["type"]), (Some(0), &"object".into()));
    assert!(
        schema["$defs"]["Variant"]["properties"]["peak_rss_bytes"].is_object(),
        "flattened keys are there"
    );
}
