#![no_main]

#[path = "../../crates/node/tests/fuzz/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decode::decode(bytes));
