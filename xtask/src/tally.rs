//! What passed, failed and was skipped: read from the test runners' own words, added up, shown.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};

use crate::failures::failures;
use crate::step::{Failed, clock};

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// One check that has no tests inside.
    pub(crate) const ONE: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };

    /// Adds up what `cargo test`, nextest and wasm-bindgen's runner say.
    pub(crate) fn read(output: &str) -> Self {
        output.lines().fold(Self::default(), |sum, line| {
            let counts = line.split_once("test result: ").or_else(|| {
                line.split_once("tests run: ")
                    .or_else(|| line.split_once("test run: "))
            });
            sum + counts.map_or(Self::default(), |(_, counts)| Self::read_counts(counts))
        })
    }

    /// `3 passed (1 slow), 1 failed, 0 skipped`, `ok. 3 passed; 1 failed; 2 ignored; …`.
    fn read_counts(counts: &str) -> Self {
        let words: Vec<&str> = counts
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let mut tally = Self::default();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<usize>() else {
                continue;
            };
            match pair[1] {
                "passed" => tally.passed += number,
                "failed" | "timed" => tally.failed += number,
                "ignored" | "skipped" => tally.skipped += number,
                _ => {}
            }
        }
        tally
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

struct Line {
    title: &'static str,
    outcome: &'static str,
    note: String,
    time: Duration,
}

/// All checks of one run.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    /// What failed, by name.
    failures: Vec<String>,
    sum: Tally,
}

impl Report {
    /// Makes one check and notes how it went; answers whether it passed.
    pub(crate) fn check(
        &mut self,
        title: &'static str,
        check: impl FnOnce() -> Result<Tally>,
    ) -> bool {
        let started = Instant::now();
        let result = check();
        let (outcome, tally) = match &result {
            Ok(tally) => ("ok", *tally),
            Err(error) => {
                eprintln!("\n{error:#}\n");
                self.failures.extend(Self::names(error));
                ("FAILED", Self::failure(error))
            }
        };
        let note = match tally {
            Tally::ONE => String::new(),
            Tally {
                passed,
                failed: 0,
                skipped: 0,
            } => format!("{passed} passed"),
            Tally {
                passed,
                failed,
                skipped,
            } => {
                format!("{passed} passed, {failed} failed, {skipped} skipped")
            }
        };
        self.lines.push(Line {
            title,
            outcome,
            note,
            time: started.elapsed(),
        });
        self.sum = self.sum + tally;
        result.is_ok()
    }

    /// Notes a check that could not be made.
    pub(crate) fn skip(&mut self, title: &'static str, why: &str) {
        let note = why.to_owned();
        self.lines.push(Line {
            title,
            outcome: "skipped",
            note,
            time: Duration::ZERO,
        });
        self.sum.skipped += 1;
    }

    /// What a failed check counts: its tests, and itself if no test of it failed.
    fn failure(error: &Error) -> Tally {
        let tests = match (
            error.downcast_ref::<TestsFailed>(),
            error.downcast_ref::<Failed>(),
        ) {
            (Some(tests), _) => tests.0,
            (_, Some(failed)) => Tally::read(&failed.output),
            _ => Tally::default(),
        };
        Tally {
            failed: tests.failed.max(1),
            ..tests
        }
    }

    /// The tests that a failed check names.
    fn names(error: &Error) -> Vec<String> {
        let error = error
            .downcast_ref::<TestsFailed>()
            .map_or(error, |tests| &tests.1);
        error
            .downcast_ref::<Failed>()
            .map_or_else(Vec::new, |failed| failures(&failed.output))
    }

    /// Prints the table, the names of what failed and, as the last line, the sum; answers whether all went well.
    pub(crate) fn finish(self) -> bool {
        println!();
        for Line {
            title,
            outcome,
            note,
            time,
        } in &self.lines
        {
            println!(
                "{outcome:8} {:>6}  {title}{}{note}",
                clock(*time),
                if note.is_empty() { "" } else { ": " }
            );
        }
        if !self.failures.is_empty() {
            println!("\nWhat failed:\n{}", self.failures.join("\n"));
        }
        let Tally {
            passed,
            failed,
            skipped,
        } = self.sum;
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
        failed == 0
    }
}

/// Tests that failed, counted by their runner's report.
#[derive(Debug)]
pub(crate) struct TestsFailed(pub(crate) Tally, pub(crate) Error);

impl fmt::Display for TestsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.fmt(f)
    }
}

impl std::error::Error for TestsFailed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_runner() {
        let tally = |passed, failed, skipped| Tally {
            passed,
            failed,
            skipped,
        };
        let cargo = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                     test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out";
        assert_eq!(Tally::read(cargo), tally(4, 2, 1));
        let nextest =
            "     Summary [   0.013s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped";
        assert_eq!(Tally::read(nextest), tally(4, 1, 2));
        assert_eq!(
            Tally::read("  Summary [ 0.1s] 1 test run: 1 passed, 0 skipped"),
            tally(1, 0, 0)
        );
        assert_eq!(
            Tally::read("error: could not compile `x`; 3 warnings emitted"),
            tally(0, 0, 0)
        );
    }

    #[test]
    fn a_failure_counts_even_without_tests() {
        assert_eq!(Report::failure(&anyhow::anyhow!("no browser")).failed, 1);
    }

    #[test]
    fn a_skipped_check_is_not_a_pass() {
        let mut report = Report::default();
        report.skip("licences", "no tool");
        assert_eq!(
            report.sum,
            Tally {
                passed: 0,
                failed: 0,
                skipped: 1
            }
        );
    }
}
