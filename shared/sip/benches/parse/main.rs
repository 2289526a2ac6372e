//! How long messages take to be read, looked into and printed again, beside other parsers.
//!
//! All take turns: in each round every parser gets the same message some times, and what counts is
//! the median of the rounds' ratios, so that a busy machine slows all alike. `cargo bench -p
//! sidetone-sip --bench parse` compares with `rsip` 0.4; `cargo xtask bench parse` also with JsSIP,
//! SIP.js and ourselves in WebAssembly, all under Node (`e2e/bench/parsers.mjs`).

mod native;
mod node;
mod ours;

use std::process::ExitCode;

/// The variable that names the folder of our module for Node.
const WASM: &str = "SIDETONE_BENCH_WASM";

const MESSAGES: [(&str, &[u8]); 3] = [
    ("invite", include_bytes!("../messages/invite.sip")),
    ("register", include_bytes!("../messages/register.sip")),
    ("ok", include_bytes!("../messages/ok.sip")),
];

/// Who takes part, and how often in each round: for about a millisecond.
const PARSERS: [(&str, u32, Place); 6] = [
    ("lines", 1000, Place::Here(native::lines)),
    ("sidetone", 200, Place::Here(ours::ours)),
    ("sidetone in wasm", 100, Place::InNode),
    ("rsip 0.4", 50, Place::Here(native::rsip)),
    ("JsSIP", 5, Place::InNode),
    ("SIP.js", 1, Place::InNode),
];

/// How many times as fast as another one must at least be.
const MUSTS: [(&str, &str, f64); 3] = [
    ("sidetone", "rsip 0.4", 2.0),
    ("sidetone", "JsSIP", 40.0),
    ("sidetone in wasm", "JsSIP", 15.0),
];

#[derive(Clone, Copy)]
enum Place {
    /// In this process.
    Here(fn(&[u8]) -> Vec<u8>),
    /// In the process of Node.
    InNode,
}

const ROUNDS: usize = 201;
const ROUNDS_TO_WARM_UP: usize = 20;

fn main() -> ExitCode {
    let mut node = std::env::var_os(WASM).map(|wasm| node::Node::start(&wasm));
    let mut slow = Vec::new();
    for (message, bytes) in MESSAGES {
        let taking_part = |place: &Place| matches!(place, Place::Here(_)) || node.is_some();
        let parsers: Vec<_> = PARSERS
            .into_iter()
            .filter(|(_, _, place)| taking_part(place))
            .collect();
        let mut rounds = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS_TO_WARM_UP + ROUNDS {
            let times: Vec<f64> = parsers
                .iter()
                .map(|(name, calls, place)| match (place, &mut node) {
                    (Place::Here(parse), _) => native::micros(*calls, bytes, *parse),
                    (Place::InNode, Some(node)) => node.micros(*calls, message, name),
                    (Place::InNode, None) => f64::NAN,
                })
                .collect();
            if round >= ROUNDS_TO_WARM_UP {
                rounds.push(times);
            }
        }
        let names: Vec<&str> = parsers.iter().map(|(name, ..)| *name).collect();
        report(message, bytes.len(), &names, &rounds);
        slow.extend(too_slow(message, &names, &rounds));
    }
    for complaint in &slow {
        println!("TOO SLOW: {complaint}");
    }
    if slow.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The median; of an even number of values the upper one.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many times as fast as the parser at `slow` that at `fast` is.
fn ratio(rounds: &[Vec<f64>], fast: usize, slow: usize) -> f64 {
    median(rounds.iter().map(|times| times[slow] / times[fast]))
}

fn place(wanted: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|name| *name == wanted)
}

fn report(message: &str, length: usize, names: &[&str], rounds: &[Vec<f64>]) {
    println!("\n{message}, {length} bytes: median of {ROUNDS} rounds");
    let ours = ["sidetone", "sidetone in wasm"].map(|ours| place(ours, names));
    for (index, name) in names.iter().enumerate() {
        let micros = median(rounds.iter().map(|times| times[index]));
        let behind = ours.iter().flatten().filter(|ours| **ours < index);
        let behind: Vec<String> = behind
            .map(|ours| format!("{:.1} × {}", ratio(rounds, *ours, index), names[*ours]))
            .collect();
        println!("  {name:17} {micros:8.2} µs   {}", behind.join(", "));
    }
}

fn too_slow(message: &str, names: &[&str], rounds: &[Vec<f64>]) -> Vec<String> {
    let complaint = |(fast, slow, must): (&str, &str, f64)| {
        let ratio = ratio(rounds, place(fast, names)?, place(slow, names)?);
        let said = format!("{fast} reads {message} {ratio:.1} times as fast as {slow}, not {must}");
        (ratio < must).then_some(said)
    };
    MUSTS.into_iter().filter_map(complaint).collect()
}
