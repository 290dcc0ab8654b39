//! Tells the crate which commit and compiler it is built from. Never fails: what cannot be found out is "unknown".

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=RUMORMILL_COMMIT={}", commit().unwrap_or_else(unknown));
    println!("cargo::rustc-env=RUMORMILL_RUSTC={}", compiler().unwrap_or_else(unknown));
    println!(
        "cargo::rustc-env=RUMORMILL_OPTIMISED={}",
        env::var("OPT_LEVEL").is_ok_and(|level| level != "0")
    );
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The commit that is checked out, if this file belongs to it: an unpacked release may lie inside a checkout of
/// something else.
fn commit() -> Option<String> {
    output("git", &["ls-files", "--error-unmatch", "Cargo.toml"])?;
    // HEAD changes when another branch is checked out, its log with every commit. Cargo would run this script
    // every time for a file that does not exist.
    for file in ["HEAD", "logs/HEAD"] {
        let path = output("git", &["rev-parse", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    output("git", &["rev-parse", "HEAD"])
}

fn compiler() -> Option<String> {
    output(&env::var("RUSTC").ok()?, &["--version"])
}

/// What a program prints, if it runs and succeeds. Build scripts run in their crate's directory.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
