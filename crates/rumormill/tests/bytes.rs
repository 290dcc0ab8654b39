//! The gate of bytes: what small clusters send, cause by cause, is exactly what `bytes.txt` says. In virtual time a run
//! repeats to the byte, so that a single byte more in each delta shows.
//!
//! Where a change is meant, write the file anew and look at the difference:
//!
//! ```text
//! RUMORMILL_REMAKE_BYTES=1 cargo test -p rumormill --test bytes
//! git diff crates/rumormill/tests/bytes.txt
//! ```

use std::{env, fs, process::Command};

use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bytes.txt");

/// Writes and a crash with full state beside deltas; a boot; news and writes among anyone.
const RUNS: [&str; 3] = [
    "compare --nodes 50 --seconds 20",
    "run --preset join --nodes 50 --seconds 5",
    "run --preset writes --nodes 50 --seconds 10 --set node.peers=uniform --set node.dissemination=push-pull",
];

#[test]
fn clusters_send_the_bytes_that_were_committed() {
    let sent: String = RUNS.into_iter().map(measured).collect();
    if env::var_os("RUMORMILL_REMAKE_BYTES").is_some() {
        fs::write(FILE, &sent).expect("the file can be written");
    }
    let committed = fs::read_to_string(FILE).expect("the figures are committed");
    let (was, is): (Vec<_>, Vec<_>) = (committed.lines().collect(), sent.lines().collect());
    let gone = was.iter().filter(|line| !is.contains(line)).map(|line| format!("- {line}\n"));
    let come = is.iter().filter(|line| !was.contains(line)).map(|line| format!("+ {line}\n"));
    let changed: String = gone.chain(come).collect();
    assert!(
        committed == sent,
        "other bytes are sent than before, per node and second:\n{changed}If that is meant: \
         RUMORMILL_REMAKE_BYTES=1 cargo test -p rumormill --test bytes"
    );
}

/// A line for each variant, and for the bytes of each cause and layer of it, and of its boot.
fn measured(arguments: &str) -> String {
    let out = tempfile::tempdir().expect("a temporary directory");
    let run = Command::new(env!("CARGO_BIN_EXE_rumormill"))
        .args(arguments.split(' '))
        .args(["--on", "sim", "--seed", "1", "--json", "--quiet", "--out"])
        .arg(out.path().join("run"))
        .output()
        .expect("the program runs");
    let result: Value = serde_json::from_slice(&run.stdout).expect("a result as JSON");
    let mut lines = String::new();
    for variant in result["variants"].as_array().expect("a list of variants") {
        let name = variant["name"].as_str().expect("a name");
        lines += &format!("{arguments}: {name}\n");
        let bandwidth = &variant["bandwidth"];
        for (heading, table) in [
            ("layer", &bandwidth["layers_bytes_per_node_per_second"]),
            ("cause", &bandwidth["by_cause_bytes_per_node_per_second"]),
        ] {
            for (key, bytes) in table.as_object().expect("a table") {
                let bytes = bytes.as_f64().expect("a figure");
                // What others never say is no change of theirs.
                if bytes != 0.0 {
                    lines += &format!("    {heading} {key} {bytes:.4}\n");
                }
            }
        }
        if let Some(bytes) = variant["boot"]["wire_bytes"].as_u64() {
            lines += &format!("    boot {bytes}\n");
        }
    }
    lines
}
