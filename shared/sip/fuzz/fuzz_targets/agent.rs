//! Lists of operations into two agents, see `world`.
#![no_main]

#[path = "../../tests/world/mod.rs"]
mod world;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    // What is longer shows nothing that is not found sooner.
    if script.len() <= 1 + 3 * 200 {
        world::live(script);
    }
});
