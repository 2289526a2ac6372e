//! Messages as we, `rsip` 0.4 and `sipx-sip` 1.0.1 (with its `validate`) understand them. Where one
//! reads a message otherwise, the RFC says who is right: the table is `disagreements.md`, made and
//! checked here, so that a change of anybody's mind fails the test. `SIDETONE_WRITE=1` writes it anew.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod cases;
mod peers;
mod rsips;

use std::fmt::Write;

use cases::{CASES, Case};
use peers::{Facts, ours, sipxs};
use rsips::rsips;

/// How another parser's reading compares with ours.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// It reads the same, or refuses it as well.
    Same,
    /// It reads something else.
    Other,
    /// It refuses what we read.
    Refuses,
    /// It reads what we refuse.
    Reads,
}

impl Reading {
    fn of(theirs: Option<&Facts>, ours: Option<&Facts>) -> Self {
        match (theirs, ours) {
            (None, Some(_)) => Self::Refuses,
            (Some(_), None) => Self::Reads,
            _ if theirs == ours => Self::Same,
            _ => Self::Other,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Same => "as we do",
            Self::Other => "reads otherwise",
            Self::Refuses => "refuses",
            Self::Reads => "reads",
        }
    }
}

const HEAD: &str = "\
# Where parsers disagree

Made by `main.rs`, which compares our reading of each message with those of `rsip` 0.4 and
`sipx-sip` 1.0.1. Messages that all three read alike, or all refuse, are not listed. RFC sections are
those of RFC 3261 if nothing else is said.

| the message | we | rsip | sipx-sip | the RFC |
|---|---|---|---|---|
";

#[test]
fn each_disagreement_is_settled() {
    let mut table = HEAD.to_owned();
    let mut unsettled = Vec::new();
    let mut alike = 0;
    for case in CASES {
        let frame = case.frame();
        let ours = ours(&frame);
        assert_eq!(ours.is_some(), case.is_read, "{}: {ours:?}", case.name);
        let [rsip, sipx] = [rsips(&frame), sipxs(&frame)]
            .map(|theirs| Reading::of(theirs.as_ref(), ours.as_ref()));
        let all_agree = [rsip, sipx] == [Reading::Same; 2];
        if all_agree != case.ruling.is_empty() {
            unsettled.push(format!(
                "{}: rsip {}, sipx {}",
                case.name,
                rsip.word(),
                sipx.word()
            ));
        }
        if all_agree {
            alike += 1;
            continue;
        }
        let Case {
            name,
            is_read,
            ruling,
            ..
        } = case;
        let we = if *is_read { "read it" } else { "refuse it" };
        writeln!(
            table,
            "| {name} | {we} | {} | {} | {ruling} |",
            rsip.word(),
            sipx.word()
        )
        .unwrap();
    }
    writeln!(
        table,
        "\nOf {} messages {alike} are understood alike by all.",
        CASES.len()
    )
    .unwrap();
    assert!(unsettled.is_empty(), "{}", unsettled.join("\n"));
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/differential/disagreements.md"
    );
    if std::env::var_os("SIDETONE_WRITE").is_some() {
        std::fs::write(file, &table).unwrap();
    }
    let is_told = std::fs::read_to_string(file).unwrap() == table;
    assert!(is_told, "{file} is old: SIDETONE_WRITE=1 writes it anew");
}
