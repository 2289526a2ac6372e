//! The words that are planted, and the search for them in whatever form they may have.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use sidetone_sip::auth::hex;

/// A word that is nowhere by chance.
pub(super) fn canary() -> String {
    let mut bits = [0; 18];
    SystemRandom::new().fill(&mut bits).unwrap();
    // It begins and ends with a letter, and is the same in JSON, TOML and URLs.
    format!("c{}y", hex(&bits))
}

/// Everything that left the gateway, by where it did.
#[derive(Default)]
pub(super) struct Haystack(pub(super) Vec<(String, Vec<u8>)>);

impl Haystack {
    pub(super) fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.to_owned(), bytes.into()));
    }

    /// Where the word is, in any of the forms in which it could be recognised.
    pub(super) fn places_of(&self, word: &str) -> Vec<&str> {
        let reversed: String = word.chars().rev().collect();
        let mut forms = vec![
            word.to_owned(),
            word.to_uppercase(),
            reversed,
            hex(word.as_bytes()),
            STANDARD.encode(word),
            URL_SAFE_NO_PAD.encode(word),
        ];
        // Base64 of something longer: the middle of each of the two other alignments.
        for before in ["x", "xx"] {
            let all = STANDARD.encode(format!("{before}{word}"));
            forms.push(all[4..all.len() - 8].to_owned());
        }
        let has = |bytes: &[u8], form: &str| {
            let form = form.as_bytes();
            bytes.windows(form.len()).any(|part| part == form)
        };
        let found = self.0.iter();
        let found = found.filter(|(_, bytes)| forms.iter().any(|form| has(bytes, form)));
        found.map(|(place, _)| place.as_str()).collect()
    }
}

#[test]
fn a_word_is_found_in_every_form() {
    let mut forms = Haystack::default();
    let word = canary();
    forms.add("as it is", format!("say {word}."));
    forms.add("hexadecimal", hex(word.as_bytes()));
    for before in ["", "a", "ab"] {
        forms.add(
            "base64",
            STANDARD.encode(format!("{before}{word}, and more")),
        );
    }
    forms.add("another word", canary());
    assert_eq!(forms.places_of(&word).len(), 5);
}
