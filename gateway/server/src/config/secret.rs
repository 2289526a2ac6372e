//! Secrets in the configuration: sealed, or in plain text.

use sidetone_sip::auth::Secret;

use super::Problem;
use super::layers::{Layers, Source};
use super::read::path;
use crate::seal::{Sealed, SealingKey, Whose};

/// A secret as it was written.
pub(super) enum Written {
    Plain(Secret),
    Sealed(Sealed),
}

impl Written {
    /// Reads one. `is_ok` judges those in plain text.
    pub(super) fn parse(text: &str, is_ok: impl Fn(&str) -> bool) -> Option<Self> {
        if Sealed::is_meant(text) {
            return Sealed::parse(text).map(Self::Sealed);
        }
        is_ok(text).then(|| Self::Plain(Secret::new(text)))
    }
}

/// What opens secrets.
pub(super) struct Secrets {
    key: Key,
    /// Where the key is, for the command that seals.
    file: String,
}

enum Key {
    /// None was named.
    None,
    Is(Box<SealingKey>),
    /// It was named, but is none; that has been told.
    Bad,
}

/// Where the key is kept if nothing is said.
const USUAL_FILE: &str = "sidetone.key";

impl Secrets {
    pub(super) fn read(layers: &mut Layers) -> Self {
        let file = layers.one_with_source("key_file", "a file with a key", path);
        let shown = file.as_ref().map(|(file, _)| file.display().to_string());
        let read = match (layers.variable_only("SIDETONE_KEY"), file) {
            (Some(text), _) => Some(
                SealingKey::parse(&text).map_err(|why| format!("variable SIDETONE_KEY: {why}")),
            ),
            (None, Some((file, source))) => Some(SealingKey::read(&file).map_err(|why| {
                let file = file.display();
                format!("{source}: the key {file} can't be used: {why}")
            })),
            (None, None) => None,
        };
        let key = match read {
            None => Key::None,
            Some(Ok(key)) => Key::Is(Box::new(key)),
            Some(Err(why)) => {
                layers.problems.push(Problem(why));
                Key::Bad
            }
        };
        let file = shown.unwrap_or_else(|| USUAL_FILE.to_owned());
        Self { key, file }
    }

    /// The secret itself; `None` if it can't be opened, which is told.
    pub(super) fn reveal(
        &self,
        layers: &mut Layers,
        whose: Whose<'_>,
        (written, source): (Written, Source),
    ) -> Option<Secret> {
        let command = format!("sidetone seal --key-file {} {whose}", self.file);
        let sealed = match written {
            Written::Plain(secret) => {
                if matches!(source, Source::File(..)) {
                    layers.warnings.push(Problem(format!(
                        "{source}: this secret stands in plain text. Seal it: `{command}` asks for \
                         it and prints what to write here"
                    )));
                }
                return Some(secret);
            }
            Written::Sealed(sealed) => sealed,
        };
        let refused = match &self.key {
            Key::Is(key) => match key.open(whose, &sealed) {
                Ok(secret) => return Some(secret),
                Err(why) => format!(
                    "{source}: this secret can't be opened: {why}. Seal it again with `{command}`"
                ),
            },
            Key::None => format!(
                "{source}: this secret is sealed, but there is no key to open it: name its file \
                 with `key_file`, or give the key itself in the variable SIDETONE_KEY"
            ),
            // The configuration is refused already.
            Key::Bad => return Some(Secret::new(String::new())),
        };
        layers.problems.push(Problem(refused));
        None
    }
}
