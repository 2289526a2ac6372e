//! Which tests failed, picked from what their runners printed: of a log of thousands of lines, these are
//! the ones that whoever reads the end of it needs.

/// Lines of a browser test's own report that follow its name: the error, what was awaited, where.
const REASON: usize = 12;

/// The names of the tests that failed, with what Playwright says of each.
pub(crate) fn failures(output: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut reason = 0;
    for line in output.lines() {
        let text = line.trim_start();
        if is_name(text) {
            reason = if is_numbered(text) { REASON } else { 0 };
            let text = text.trim_end_matches(['─', ' ']);
            if !found.iter().any(|other| other == text) {
                found.push(text.to_owned());
            }
        } else if reason > 0 && !text.is_empty() {
            reason -= 1;
            found.push(format!("    {text}"));
        }
    }
    found
}

/// `FAIL [ 0.1s] crate test` (nextest), `test name ... FAILED` (cargo), `test name ... FAIL` (wasm-bindgen).
fn is_name(text: &str) -> bool {
    let cargo = text.starts_with("test ") && (text.ends_with("FAILED") || text.ends_with("FAIL"));
    let nextest = ["FAIL [", "TIMEOUT [", "SIGABRT [", "SIGSEGV ["]
        .iter()
        .any(|start| text.starts_with(start));
    cargo || nextest || is_numbered(text)
}

/// `1) [project] › tests/calls.spec.ts:18:1 › both hear each other ───` (Playwright).
fn is_numbered(text: &str) -> bool {
    text.split_once(") [").is_some_and(|(number, rest)| {
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && rest.contains(" › ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_failed_in_each_runner() {
        let nextest = "        PASS [   0.004s] sidetone-sip a::b\n        FAIL [   0.013s] sidetone-sip a::c\n\
                       ────────────\n     Summary [   0.2s] 2 tests run: 1 passed, 1 failed, 0 skipped\n\
                               FAIL [   0.013s] sidetone-sip a::c\n";
        assert_eq!(failures(nextest), ["FAIL [   0.013s] sidetone-sip a::c"]);
        let cargo =
            "test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed";
        assert_eq!(failures(cargo), ["test a::c ... FAILED"]);
        assert_eq!(
            failures("test a::c ... FAIL\ntest a::d ... ok"),
            ["test a::c ... FAIL"]
        );
    }

    #[test]
    fn says_why_a_browser_test_failed() {
        let playwright = "  ✘  2 [browser tests] › tests/a.spec.ts:3:1 › it rings (10.1s)\n\n\
                          \x20 1) [browser tests] › tests/a.spec.ts:3:1 › it rings ─────\n\n\
                          \x20   Error: expect(locator).toBeVisible() failed\n\n\
                          \x20   Locator: getByRole('alert')\n";
        assert_eq!(
            failures(playwright),
            [
                "1) [browser tests] › tests/a.spec.ts:3:1 › it rings",
                "    Error: expect(locator).toBeVisible() failed",
                "    Locator: getByRole('alert')",
            ]
        );
    }

    #[test]
    fn finds_nothing_where_all_passed() {
        assert!(
            failures("test a ... ok\ntest result: ok. 1 passed; 0 failed\n  1 passed (2s)")
                .is_empty()
        );
    }
}
