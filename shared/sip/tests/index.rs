//! The index of RFCs in `README.md`: each file that it names exists, and each source cites its RFC.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs::read_to_string;
use std::path::Path;

/// What stands in backquotes.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The numbers of the RFCs, without the sections.
fn rfcs(cell: &str) -> impl Iterator<Item = &str> {
    let words = cell.split([' ', ',']);
    words.filter(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[test]
fn the_index_tells_the_truth() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read_me = read_to_string(crate_root.join("README.md")).unwrap();
    let (_, index) = read_me.split_once("## Which RFC is where").unwrap();
    let rows = index.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut wrong = Vec::new();
    let mut files = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", numbers, _, sources, tests, ""] = cells[..] else {
            panic!("{row}");
        };
        assert!(rfcs(numbers).next().is_some(), "{row}");
        assert!(named(tests).next().is_some(), "{row}");
        let mut cited = String::new();
        for file in named(sources).chain(named(tests)) {
            match read_to_string(crate_root.join(file)) {
                Ok(text) if file.starts_with("src/") => cited.push_str(&text),
                Ok(_) => {}
                Err(_) => wrong.push(format!("{file} is not there")),
            }
            files += 1;
        }
        let has_sources = named(sources).next().is_some();
        for number in rfcs(numbers).filter(|_| has_sources) {
            if !cited.contains(&format!("RFC {number}")) {
                wrong.push(format!("nothing in {sources} cites RFC {number}"));
            }
        }
    }
    assert!(files > 50, "{files}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
