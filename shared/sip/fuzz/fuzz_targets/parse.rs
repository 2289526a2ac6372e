//! Bytes into the reader, see `judge`.
#![no_main]

#[path = "../../tests/judge/mod.rs"]
mod judge;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| judge::judge(frame));
