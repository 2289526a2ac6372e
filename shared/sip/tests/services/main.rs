//! What several phones do together, in all weathers: the transfers of RFC 5589 and the services of
//! RFC 5359. After each nothing is left over.

#![allow(clippy::unwrap_used, reason = "tests")]

mod features;
mod town;
mod transfers;

use town::{Town, Weather};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A script plays one service through; it names the calls that are still up at its end by ending
/// them.
type Script = (&'static str, fn(&mut Town));

fn play(scripts: &[Script], weathers: &[Weather]) {
    for (name, script) in scripts {
        for weather in weathers {
            let mut town = Town::in_weather(name, *weather);
            script(&mut town);
            town.finish();
        }
    }
}

fn weathers(loss: u64, seeds: std::ops::Range<u64>) -> Vec<Weather> {
    seeds
        .map(|seed| Weather {
            seed,
            loss,
            duplication: 10,
            jitter: 300,
        })
        .collect()
}

const ALL: [&[Script]; 2] = [transfers::SCRIPTS, features::SCRIPTS];

#[test]
fn in_fair_weather() {
    for scripts in ALL {
        play(scripts, &[Weather::FAIR]);
    }
}

#[test]
fn with_repetitions_and_out_of_order() {
    for scripts in ALL {
        play(scripts, &weathers(0, 0..20));
    }
}

#[test]
fn with_a_tenth_lost() {
    for scripts in ALL {
        play(scripts, &weathers(10, 20..60));
    }
}

#[test]
fn with_a_third_lost() {
    for scripts in ALL {
        play(scripts, &weathers(30, 460..500));
    }
}
