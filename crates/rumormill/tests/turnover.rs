//! Nodes that come and go, and clocks that are wrong, through the command line in virtual time.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// All at once, on a network that loses packets.
const SCENARIO: &str = r#"
name = "turnover"
[cluster]
nodes = 40
keys_per_node = 2
[network]
latency = "5ms"
loss = 0.01
[workload]
writes_per_second = 2.0
joins_per_second = 0.5
leaves_per_second = 0.3
[phases]
measure = "30s"
cool_down = "60s"
[[fault]]
at = "5s"
kind = "join_storm"
nodes = 15
[[fault]]
at = "8s"
kind = "skew"
for = "10s"
drift = 0.4
nodes = 10
[[fault]]
at = "12s"
kind = "skew"
for = "10s"
drift = -0.4
nodes = 10
[[fault]]
at = "10s"
kind = "crash"
nodes = 2
"#;

fn run(home: &Path, scenario: &str, options: &[&str]) -> Value {
    let file = home.join("scenario.toml");
    fs::write(&file, scenario).expect("writable");
    let out = home.join("out");
    let run = Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .args(["run", file.to_str().expect("a plain path"), "--on", "sim", "--quiet", "--overwrite", "--out"])
        .arg(&out)
        .args(options)
        .output()
        .expect("the binary runs");
    assert!(run.status.success(), "{options:?}: {}", String::from_utf8_lossy(&run.stderr));
    let text = fs::read_to_string(out.join("result.json")).expect("a result");
    serde_json::from_str::<Value>(&text).expect("JSON")["variants"][0].clone()
}

fn count(of: &Value) -> u64 {
    of.as_u64().unwrap_or_else(|| panic!("a count: {of}"))
}

#[test]
fn the_run_is_the_same_on_any_number_of_shards_and_with_either_view() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for (fidelity, ways) in [
        ("message", &[["1", "compact"], ["3", "compact"], ["2", "dense"]][..]),
        ("quic", &[["1", "compact"], ["2", "dense"]]),
    ] {
        let mut hashes = Vec::new();
        for [shards, view] in ways {
            let options = ["--fidelity", fidelity, "--shards", shards, "--view", view];
            let variant = run(home.path(), SCENARIO, &options);
            hashes.push(variant["event_hash"].clone());
            let (turnover, membership) = (&variant["turnover"], &variant["membership"]);
            assert!(count(&turnover["joined"]) > 15 && count(&turnover["left"]) > 3, "{turnover}");
            assert_eq!(count(&membership["unknown_pairs"]) + count(&membership["phantom_pairs"]), 0);
            assert_eq!(
                count(&membership["alive_pairs"]),
                count(&membership["observers"]).pow(2),
                "{membership}"
            );
            assert_eq!(count(&variant["convergence"]["unconverged_writes"]), 0);
            assert_eq!(count(&variant["detection"]["undetected"]), 0);
        }
        assert!(
            hashes.windows(2).all(|two| two[0] == two[1] && two[0].is_string()),
            "{fidelity}: {hashes:?}"
        );
    }
}

/// A storm of as many as there are does in either fidelity what a boot by joining does: all know all within seconds.
#[test]
fn a_storm_heals_in_both_fidelities_and_all_who_came_are_known() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let storm = "name = \"storm\"\n[cluster]\nnodes = 30\n[phases]\nmeasure = \"20s\"\ncool_down = \"60s\"\n[[fault]]\n\
                 at = \"2s\"\nkind = \"join_storm\"\nnodes = 30\n";
    let healed = ["message", "quic"].map(|fidelity| {
        let variant = run(home.path(), storm, &["--fidelity", fidelity]);
        let turnover = &variant["turnover"];
        assert_eq!((count(&turnover["known_us"]["count"]), count(&turnover["knows_us"]["count"])), (30, 30));
        assert_eq!(count(&variant["membership"]["alive_pairs"]), 3_600);
        let healed = count(&variant["faults"][0]["healed_us"]);
        // Both sides must know each other.
        assert!(healed >= count(&turnover["known_us"]["max"]).saturating_sub(1_000), "{turnover}");
        healed
    });
    assert!(healed.iter().all(|&us| us < 15_000_000), "{healed:?}");
}
