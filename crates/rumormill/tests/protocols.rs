//! Protocols side by side in virtual time, through the command line.

use std::process::Command;

use serde_json::Value;

/// The variants of the result that these arguments give.
fn variants(arguments: &[&str]) -> Vec<Value> {
    let out = tempfile::tempdir().expect("a temporary directory");
    let path = out.path().join("run");
    let run = Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .args(arguments)
        .args(["--on", "sim", "--json", "--quiet", "--out"])
        .arg(&path)
        .output()
        .expect("the program runs");
    let result: Value = serde_json::from_slice(&run.stdout).expect("a result as JSON");
    assert_eq!(run.status.code(), Some(0), "{}", result["verdict"]);
    result["variants"].as_array().expect("a list of variants").clone()
}

#[test]
fn a_coordinators_death_ends_what_it_coordinated_and_nothing_else() {
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/coordinator-death.toml");
    let variants = variants(&["compare", scenario, "--protocols", "central,all-to-all,rumormill"]);
    let of = |variant: &Value, block: &str, key: &str| variant[block][key].as_u64().expect("a count");
    for variant in &variants {
        let undetected = of(variant, "detection", "undetected");
        let unconverged = of(variant, "convergence", "unconverged_writes");
        if variant["name"] == "central" {
            // Each member finds out about the coordinator itself, and about nobody after it.
            assert_eq!(undetected, 3);
            assert!(unconverged > 20, "{unconverged}");
        } else {
            assert_eq!((undetected, unconverged), (0, 0), "{}", variant["name"]);
        }
    }
    assert_eq!(variants.len(), 3);
}

#[test]
fn all_to_all_checks_everyone_by_everyone_and_gossip_one_by_each() {
    let checks = |nodes: &str, protocol: &str| {
        let run = ["run", "--preset", "idle", "--seconds", "10", "--nodes", nodes, "--protocol", protocol];
        variants(&run)[0]["checks_per_period"].as_f64().expect("a number")
    };
    assert_eq!(checks("100", "all-to-all"), 100.0 * 99.0);
    assert_eq!(checks("40", "all-to-all"), 40.0 * 39.0);
    assert_eq!(checks("40", "central"), 39.0);
    assert_eq!(checks("40", "rumormill"), 40.0);
}
