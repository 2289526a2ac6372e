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

/// Operations around challenges, keepers of secrets and publications, which a fair choice among
/// all seldom brings together.
fn of_accounts() -> impl Strategy<Value = [u8; 3]> {
    let kinds: &[u8] = &[
        0x01, 0x02, 0x03, 0x05, 0x06, 0x09, 0x0d, 0x12, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x64, 0x64,
        0x65, 0x65, 0x65, 0x66, 0x66, 0x68, 0x69, 0x6a, 0x6b, 0x6c,
    ];
    let kind = prop::sample::select(kinds);
    (kind, any::<bool>(), any::<u8>(), any::<u8>()).prop_map(|(kind, is_b, which, amount)| {
        let side = if is_b { 0x80 } else { 0 };
        [kind | side, which, amount]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        rng_seed: RngSeed::Fixed(7616),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_challenged_ends_well(kind in any::<u8>(), operations in vec(of_accounts(), 0..120)) {
        let mut script = vec![kind];
        script.extend(operations.into_iter().flatten());
        world::live(&script);
    }
}

/// Operations of calls that are passed on: transfers, redirections, replacements.
fn of_transfers() -> impl Strategy<Value = [u8; 3]> {
    let kinds: &[u8] = &[
        0x01, 0x02, 0x02, 0x03, 0x04, 0x05, 0x06, 0x09, 0x09, 0x0a, 0x0c, 0x0d, 0x0e, 0x0f, 0x12,
        0x14, 0x16, 0x60, 0x74, 0x74, 0x74, 0x75, 0x75, 0x75, 0x76, 0x76, 0x77,
    ];
    let kind = prop::sample::select(kinds);
    (kind, any::<bool>(), 0_u8..5, any::<u8>()).prop_map(|(kind, is_b, which, amount)| {
        let side = if is_b { 0x80 } else { 0 };
        [kind | side, which, amount]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: RngSeed::Fixed(5589),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_passed_on_ends_well(kind in any::<u8>(), operations in vec(of_transfers(), 0..120)) {
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
