//! Inputs that the fuzzer found worth keeping (`fuzz/corpus`), each through the entry point that found it.
#![allow(clippy::disallowed_methods, reason = "the corpus lies in files")]

#[path = "fuzz/decode.rs"]
mod decode;
#[path = "fuzz/operations.rs"]
mod operations;

use std::{fs, path::Path};

use allocation_counter::measure;

/// What any of these short inputs may make a node or a reader hold at once: tables by number grow to 10 MiB where the last
/// number there may be is named, and are copied as they grow.
const BYTES_AT_MOST: u64 = 64 << 20;

/// The corpus of a target: every file of it.
fn replay(target: &str, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("the corpus is a part of the repository");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        println!("{}", path.display());
        let input = fs::read(&path).expect("a file of the corpus can be read");
        let most = measure(|| entry(&input)).bytes_max;
        assert!(most <= BYTES_AT_MOST, "{most} bytes for {} of input", input.len());
        replayed += 1;
    }
    assert!(replayed >= 20, "{replayed} inputs in {}", folder.display());
}

#[test]
fn messages_of_the_corpus_are_refused_or_read() {
    replay("decode", decode::decode);
}

#[test]
fn a_node_stands_every_sequence_of_the_corpus() {
    replay("operations", operations::operations);
}
