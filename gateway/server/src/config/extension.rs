//! `[[extension]]`: the people of the embedded switch.

use std::collections::BTreeMap;

use sidetone_sip::auth::Secret;

use super::layers::{Layers, Source, variable};
use super::read::{name, number};
use super::secret::{Secrets, Written};
use super::{Extension, Problem};
use crate::seal::Whose;

pub(super) const NUMBER: &str = "letters, digits, or any of . _ - * (at most 32)";
const NAME: &str = "a name of at most 64 characters";
const SECRET: &str = "a password of at least 8 characters";

fn secret(text: &str) -> Option<Written> {
    Written::parse(text, |plain| plain.chars().count() >= 8)
}

/// By number. In the file they are `[[extension]]` tables; of a variable the number is part of
/// the name: `SIDETONE_EXTENSION_101_SECRET`.
pub(super) fn read(
    layers: &mut Layers,
    secrets: &Secrets,
) -> BTreeMap<String, (Extension, Source)> {
    let mut found: BTreeMap<String, (Extension, Source)> = BTreeMap::new();
    for (index, start) in layers.numbered("extension") {
        let Some((extension, source)) = read_table(layers, secrets, index, &start) else {
            continue;
        };
        let number = extension.number.clone();
        if let Some((_, first)) = found.get(&number) {
            let text =
                format!("{source}: extension {number} is there twice; the first is at {first}");
            layers.problems.push(Problem(text));
            continue;
        }
        found.insert(number, (extension, source));
    }
    for number in layers.numbered_variables("extension", &["NAME", "SECRET"]) {
        let before = layers.problems.len();
        let name = one(layers, &number, "name", NAME, name).map(|(name, _)| name);
        let secret = secret_of(layers, secrets, &number, None);
        let source = Source::Variable(variable(&format!("extension.{number}.secret")));
        if let Some(secret) = secret {
            let extension = extension(&number, name, secret);
            found.insert(number, (extension, source));
        } else if layers.problems.len() == before {
            let text = format!("{source} is missing: extension {number} needs {SECRET}");
            layers.problems.push(Problem(text));
        }
    }
    found
}

fn read_table(
    layers: &mut Layers,
    secrets: &Secrets,
    index: usize,
    start: &Source,
) -> Option<(Extension, Source)> {
    let key = |field: &str| format!("extension.{index}.{field}");
    let before = layers.problems.len();
    let number = layers.one_with_source(&key("number"), NUMBER, number);
    let name = layers.one(&key("name"), NAME, self::name);
    let in_file = layers.one_with_source(&key("secret"), SECRET, secret);
    let Some((number, source)) = number else {
        if layers.problems.len() == before {
            let text = format!("{start}: this `[[extension]]` has no `number`");
            layers.problems.push(Problem(text));
        }
        return None;
    };
    let own_name = one(layers, &number, "name", NAME, self::name).map(|(name, _)| name);
    let secret = secret_of(layers, secrets, &number, in_file);
    if secret.is_none() && layers.problems.len() == before {
        let text = format!("{source}: extension {number} has no `secret`: give it {SECRET}");
        layers.problems.push(Problem(text));
    }
    Some((extension(&number, own_name.or(name), secret?), source))
}

/// The secret that a variable gives, or else the one in the file.
fn secret_of(
    layers: &mut Layers,
    secrets: &Secrets,
    number: &str,
    in_file: Option<(Written, Source)>,
) -> Option<Secret> {
    let written = one(layers, number, "secret", SECRET, secret).or(in_file)?;
    let whose = Whose::Account {
        upstream: None,
        user: number,
    };
    secrets.reveal(layers, whose, written)
}

fn extension(number: &str, name: Option<String>, secret: Secret) -> Extension {
    Extension {
        number: number.to_owned(),
        name: name.unwrap_or_else(|| number.to_owned()),
        secret,
    }
}

fn one<T>(
    layers: &mut Layers,
    number: &str,
    field: &str,
    rule: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<(T, Source)> {
    layers.one_with_source(&format!("extension.{number}.{field}"), rule, parse)
}
