#![no_main]

#[path = "../../crates/node/tests/fuzz/operations.rs"]
mod operations;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| operations::operations(bytes));
