//! What the gateway costs under load, beside Kamailio (with rtpengine) where it is installed, and
//! what it still does under too much of it.
//!
//! `cargo bench -p sidetone --bench load -- register|signalling|overload`, or `cargo xtask bench` and
//! the same word. Every server is a process of its own, and counted is the processor time that the
//! system says its processes have used, in user space and in the kernel. All take turns within each
//! round, with the same load over loopback. The load is made by code of its own, which shares
//! nothing with the gateway; the floor (floor.rs) moves the same bytes and understands none of them.

// It is a measurement: what fails, fails it.
#![allow(clippy::unwrap_used)]

mod contest;
mod crowd;
mod floor;
mod frames;
mod gateway;
mod kamailio;
mod overload;
mod pbx;
mod phone;
mod process;
mod register;
mod server;
mod signalling;
mod sip;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // cargo adds arguments of its own.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words: Vec<&str> = words
        .into_iter()
        .filter(|word| *word != "--bench")
        .collect();
    let held = match words[..] {
        [floor::ARGUMENT, ref pbx @ ..] => {
            floor::run(pbx.first().map(|pbx| pbx.parse().unwrap()));
            true
        }
        ["register"] => with_many_files(register::run),
        ["signalling"] => with_many_files(signalling::run),
        ["overload"] => with_many_files(overload::run),
        // `cargo bench` for all benches of the workspace.
        [] => {
            println!("Say which: register, signalling or overload.");
            true
        }
        _ => panic!("register, signalling or overload, not {words:?}"),
    };
    match held {
        true => ExitCode::SUCCESS,
        false => {
            println!("\nThat is more than it must be.");
            ExitCode::FAILURE
        }
    }
}

/// Begins anew with as many files as the system allows, for itself and for all that it starts: every
/// socket is one.
fn with_many_files(measure: fn() -> bool) -> bool {
    const DONE: &str = "SIDETONE_BENCH_FILES";
    if std::env::var_os(DONE).is_some() {
        return measure();
    }
    let mut again = Command::new("sh");
    again
        .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(std::env::args().skip(1))
        .env(DONE, "1");
    panic!("{}", again.exec());
}
