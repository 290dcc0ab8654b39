#![no_main]

#[path = "../../crates/link/tests/fuzz/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frames::frames(bytes));
