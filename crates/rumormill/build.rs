//! Tells the binary which commit it is built from. Never fails: what cannot be found out is "unknown".

use std::{path::Path, process::Command};

/// What the binary is made of, from this crate's directory.
const SOURCES: [&str; 3] = ["..", "../../Cargo.toml", "../../Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let commit = commit().unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=RUMORMILL_COMMIT={commit}");
}

/// The commit that is checked out, if this file belongs to it: an unpacked release may lie inside a checkout of
/// something else. It ends in `-dirty` when the sources are not those of the commit.
fn commit() -> Option<String> {
    output("git", &["ls-files", "--error-unmatch", "Cargo.toml"])?;
    // HEAD changes when another branch is checked out, its log with every commit. Cargo would run this script
    // every time for a file that does not exist.
    for file in ["HEAD", "logs/HEAD"] {
        rerun_if_changed(&output("git", &["rev-parse", "--git-path", file])?);
    }
    SOURCES.into_iter().for_each(rerun_if_changed);
    let commit = output("git", &["rev-parse", "HEAD"])?;
    let changes = output("git", &[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    Some(if changes.is_empty() { commit } else { commit + "-dirty" })
}

fn rerun_if_changed(path: &str) {
    if Path::new(path).exists() {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What a program prints, if it runs and succeeds. Build scripts run in their crate's directory.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
