//! Any interleaving of commands of two users and of what happens to the messages between them
//! keeps the invariants: no breach of contract, no request answered in two ways, offers and
//! answers in turn, every session with one end, and nothing left over.
#![cfg(not(target_arch = "wasm32"))]

mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        // The same interleavings in every run.
        rng_seed: RngSeed::Fixed(3261),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_ends_well(kind in any::<u8>(), operations in vec(any::<[u8; 3]>(), 0..120)) {
        let mut script = vec![kind];
        script.extend(operations.into_iter().flatten());
        world::live(&script);
    }
}

/// What the fuzzer starts from, and what it found.
#[test]
fn the_seeds_end_well() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/agent");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).expect("seeds are kept") {
        let script = std::fs::read(seed.expect("a seed").path()).expect("a file");
        world::live(&script);
        count += 1;
    }
    assert!(count > 10, "only {count} seeds");
}
