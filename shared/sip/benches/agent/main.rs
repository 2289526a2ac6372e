//! How many registrations and calls two agents carry through in memory, and what they keep of them.
//!
//! `cargo bench -p sidetone-sip --bench agent`, or `cargo xtask bench agent`. The floor is to read and
//! write the messages that went over the wire, and nothing else; it takes turns with the work, so that
//! a busy machine slows both. What an agent keeps is what its end gives back to the allocator, which
//! counts; that makes each allocation a little slower than it is in the product.

mod office;

use std::hint::black_box;

use office::{Exchange, Office, Phone, Side};
use peak_alloc::PeakAlloc;
use sidetone_sip::message::{Incoming, Limits, read_frame};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 101;
/// How often in each round.
const TIMES: u32 = 10;
/// How many there are when it is asked what one of them takes.
const KEPT: usize = 1000;

fn main() {
    throughput("registration", Office::register);
    throughput("call", Office::call);
    memory();
    crowd();
}

/// Microseconds per time.
fn micros(mut work: impl FnMut()) -> f64 {
    // The clock of a benchmark is the machine's; nothing of the core asks it.
    #[allow(clippy::disallowed_methods)]
    let start = std::time::Instant::now();
    (0..TIMES).for_each(|_| work());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn throughput(what: &str, work: fn(&mut Office)) {
    let mut office = Office::new();
    work(&mut office);
    let messages = office.take_sent();
    let floor = || {
        for message in &messages {
            let Incoming::Message(message) = read_frame(message, &Limits::default()) else {
                panic!("an agent sent what can't be read");
            };
            black_box(message.to_bytes());
        }
    };
    let (mut times, mut floors, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let time = micros(|| {
            work(&mut office);
            office.take_sent();
        });
        let floor = micros(floor);
        times.push(time);
        floors.push(floor);
        ratios.push(time / floor);
    }
    let (time, floor, ratio) = (median(times), median(floors), median(ratios));
    println!(
        "{what:12} {time:7.1} µs, {:6.0} a second; {ratio:.1} times the floor: \
         {} messages read and written in {floor:.1} µs",
        1e6 / time,
        messages.len()
    );
}

/// The bytes an agent gives back when it goes.
fn held(office: &mut Office, side: Side) -> usize {
    let agent = office.take_agent(side);
    let before = MEMORY.current_usage();
    drop(agent);
    before - MEMORY.current_usage()
}

fn memory() {
    let mut idle = Office::new();
    let [phone, exchange] = [Phone, Exchange].map(|side| held(&mut idle, side));

    let mut registered = Office::new();
    (0..KEPT).for_each(|_| registered.register());
    registered.rest();
    let bytes = (held(&mut registered, Phone) - phone) / KEPT;
    println!("an idle registration takes {bytes} bytes");

    let mut calls = Office::new();
    for _ in 0..KEPT {
        calls.connect();
    }
    calls.rest();
    let caller = (held(&mut calls, Phone) - phone) / KEPT;
    let callee = (held(&mut calls, Exchange) - exchange) / KEPT;
    println!("a call takes {caller} bytes where it was made and {callee} where it was taken");
}

/// Whether a call costs more where there are many.
fn crowd() {
    let (mut alone, mut among_many) = (Office::new(), Office::new());
    for _ in 0..KEPT {
        among_many.connect();
    }
    among_many.rest();
    let ratio = |_| micros(|| among_many.call()) / micros(|| alone.call());
    let ratio = median((0..ROUNDS).map(ratio).collect());
    println!("a call beside {KEPT} others takes {ratio:.2} times as long as one alone");
}
