//! Parsers in a process of Node, which is told in a line what to do and says in a line how long it took.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Node {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Node {
    /// Starts it; `wasm` is the folder of our own module.
    pub(crate) fn start(wasm: &OsStr) -> Self {
        let here = env!("CARGO_MANIFEST_DIR");
        let mut child = Command::new("node")
            .arg(format!("{here}/../../e2e/bench/parsers.mjs"))
            .arg(format!("{here}/benches/messages"))
            .arg(wasm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let to = child.stdin.take().expect("it was piped");
        let from = BufReader::new(child.stdout.take().expect("it was piped"));
        Self { child, to, from }
    }

    /// Microseconds per call.
    pub(crate) fn micros(&mut self, calls: u32, message: &str, parser: &str) -> f64 {
        writeln!(self.to, "{calls} {message} {parser}").expect("node listens");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("node answers");
        line.trim().parse().expect("node answers with a number")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nothing depends on how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
