//! Inputs that the fuzzer found worth keeping (`fuzz/corpus`), each through the entry point that found it.
#![allow(clippy::disallowed_methods, reason = "the corpus lies in files")]

#[path = "fuzz/frames.rs"]
mod frames;

use std::{fs, path::Path};

/// The corpus of a target: every file of it.
fn replay(target: &str, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("the corpus is a part of the repository");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        println!("{}", path.display());
        entry(&fs::read(&path).expect("a file of the corpus can be read"));
        replayed += 1;
    }
    assert!(replayed >= 20, "{replayed} inputs in {}", folder.display());
}

#[test]
fn streams_of_the_corpus_are_read_alike_however_they_are_cut() {
    replay("frames", frames::frames);
}
