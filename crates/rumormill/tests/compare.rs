//! The main job, small: three variants of five real nodes.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

#[test]
fn compare_measures_full_delta_and_digest_under_the_same_crash() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let output = Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .current_dir(home.path())
        .args(["compare", "--nodes", "5", "--seconds", "3", "--json", "--quiet", "--out", "result"])
        .args(["--set", "phases.warm_up=1s"])
        .output()
        .expect("the binary runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    let result: Value =
        serde_json::from_slice(&output.stdout).expect("standard output is the result and nothing else");
    // A machine that is busy with other tests may saturate; the code must say so.
    let code = if result["verdict"]["status"] == "valid" { 0 } else { 3 };
    assert_eq!(output.status.code(), Some(code), "{complaint}");
    assert_eq!(complaint, "");

    assert_eq!(
        (&result["schema_version"], &result["world"], &result["seed"]),
        (&1.into(), &"local".into(), &1.into())
    );
    let variants = result["variants"].as_array().expect("a list");
    let names: Vec<_> = variants.iter().map(|variant| variant["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["full", "delta", "digest"]);
    for variant in variants {
        assert_eq!(variant["nodes"], 5);
        assert_eq!(variant["detection"]["failures"], 1);
        let layers = &variant["bandwidth"]["layers_bytes_per_node_per_second"];
        let layer = |name: &str| layers[name].as_f64().expect("a number");
        assert!(
            0.0 < layer("compressed") && layer("compressed") < layer("quic") && layer("quic") < layer("wire")
        );
        let causes = variant["bandwidth"]["by_cause_bytes_per_node_per_second"].as_object().expect("a table");
        let sum: f64 = causes.values().map(|bytes| bytes.as_f64().expect("a number")).sum();
        assert!(
            (sum - layer("wire")).abs() < 1e-6 * sum,
            "causes add up to {sum}, the wire carried {}",
            layer("wire")
        );
    }
    let writes: BTreeSet<_> =
        variants.iter().map(|variant| variant["convergence"]["writes"].as_u64()).collect();
    assert_eq!(writes.len(), 1, "all variants see the same writes");

    let saved = fs::read(home.path().join("result/result.json")).expect("the result is saved");
    assert_eq!(saved, output.stdout);
    let scenario =
        fs::read_to_string(home.path().join("result/scenario.toml")).expect("the scenario is saved");
    assert!(scenario.starts_with("# ") && scenario.contains("nodes = 5"), "{scenario}");
}
