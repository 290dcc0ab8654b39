//! Tells the crate which compiler it is built with, and how. Never fails: what cannot be found out is "unknown".

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=RUMORMILL_RUSTC={}", compiler().unwrap_or_else(|| "unknown".to_owned()));
    println!(
        "cargo::rustc-env=RUMORMILL_OPTIMISED={}",
        env::var("OPT_LEVEL").is_ok_and(|level| level != "0")
    );
}

fn compiler() -> Option<String> {
    output(&env::var("RUSTC").ok()?, &["--version"])
}

/// What a program prints, if it runs and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
