//! Where settings come from: an argument counts more than a variable, a variable more than the
//! file. Every value remembers where it was written, so that an error can say so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{ConfigError, Problem};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In the file, on this line.
    File(PathBuf, usize),
    /// In this environment variable.
    Variable(String),
    /// On the command line.
    Argument(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
        }
    }
}

#[derive(Clone, Debug)]
enum Value {
    One(Zeroizing<String>),
    Many(Vec<String>),
    /// A kind of value that no key has.
    Odd(&'static str),
}

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    source: Source,
}

/// All that was written, by dotted key. Entries of an array of tables have their number in the
/// key: `extension.0.name`.
#[derive(Default)]
pub(super) struct Layers {
    file: BTreeMap<String, Entry>,
    variables: BTreeMap<String, Zeroizing<String>>,
    arguments: BTreeMap<String, String>,
    known: BTreeSet<String>,
    pub(super) problems: Vec<Problem>,
    /// What works, but had better be otherwise.
    pub(super) warnings: Vec<Problem>,
}

const PREFIX: &str = "SIDETONE_";
/// Variables that mean something else: the file's own name, and the build's.
const NOT_KEYS: [&str; 2] = ["SIDETONE_CONFIG", "SIDETONE_DIST"];

impl Layers {
    pub(super) fn new(
        variables: impl IntoIterator<Item = (String, String)>,
        arguments: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let is_ours = |name: &str| name.starts_with(PREFIX) && !NOT_KEYS.contains(&name);
        let ours = variables.into_iter().filter(|(name, _)| is_ours(name));
        let ours = ours.map(|(name, value)| (name, Zeroizing::new(value)));
        let arguments = arguments
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Self {
            variables: ours.collect(),
            arguments: arguments.collect(),
            ..Self::default()
        }
    }

    pub(super) fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let table = DeTable::parse(&text).map_err(|error| ConfigError::NotToml {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(&text, span.start)),
            message: error.message().to_owned(),
        })?;
        self.flatten("", table.get_ref(), &|offset| {
            Source::File(path.to_owned(), line_of(&text, offset))
        });
        Ok(())
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>, source: &dyn Fn(usize) -> Source) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => self.flatten(&format!("{key}."), inner, source),
                DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                    for (number, item) in items.iter().enumerate() {
                        if let DeValue::Table(inner) = item.get_ref() {
                            self.flatten(&format!("{key}.{number}."), inner, source);
                        }
                    }
                }
                other => {
                    let source = source(name.span().start);
                    let value = value_of(other);
                    self.file.insert(key, Entry { value, source });
                }
            }
        }
    }

    /// The value of a key, made by `parse`. A value that `parse` refuses becomes a problem, which
    /// says that `expected` should be there.
    pub(super) fn one<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.one_with_source(key, expected, parse)
            .map(|(value, _)| value)
    }

    pub(super) fn one_with_source<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<(T, Source)> {
        let Entry { value, source } = self.take(key)?;
        let parsed = match &value {
            Value::One(text) => parse(text),
            Value::Many(_) | Value::Odd(_) => None,
        };
        if parsed.is_none() {
            self.refuse(key, source.clone(), &value, expected);
        }
        parsed.map(|parsed| (parsed, source))
    }

    /// A variable that may not stand in the file.
    pub(super) fn variable_only(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.variables.remove(name)
    }

    /// Like [`Self::one`] for a key with several values; in a variable commas part them.
    pub(super) fn many<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(Entry { value, source }) = self.take(key) else {
            return Vec::new();
        };
        let parsed: Option<Vec<T>> = match &value {
            Value::One(text) => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                parts.map(&parse).collect()
            }
            Value::Many(texts) => texts.iter().map(|text| parse(text)).collect(),
            Value::Odd(_) => None,
        };
        if parsed.is_none() {
            self.refuse(key, source, &value, expected);
        }
        parsed.unwrap_or_default()
    }

    /// Takes a key's value from all layers; the uppermost counts.
    fn take(&mut self, key: &str) -> Option<Entry> {
        self.known.insert(plain(key));
        let in_file = self.file.remove(key);
        let name = variable(key);
        let in_variable = self.variables.remove(&name).map(|text| Entry {
            value: Value::One(text),
            source: Source::Variable(name),
        });
        let on_line = self.arguments.remove(key).map(|text| Entry {
            value: Value::One(Zeroizing::new(text)),
            source: Source::Argument(format!("--{}", key.split('.').next().unwrap_or(key))),
        });
        on_line.or(in_variable).or(in_file)
    }

    fn refuse(&mut self, key: &str, source: Source, value: &Value, expected: &str) {
        let shown = match value {
            // A secret is not repeated, be it ever so wrong.
            _ if key.ends_with("secret") || key.ends_with("password") => "not usable".to_owned(),
            Value::One(text) => format!("{:?}", text.as_str()),
            Value::Many(texts) => format!("{texts:?}"),
            Value::Odd(kind) => (*kind).to_owned(),
        };
        self.problems.push(Problem(format!(
            "{source}: `{}` is {shown}, but should be {expected}",
            plain(key)
        )));
    }

    /// The numbers of an array of tables, and where each begins.
    pub(super) fn numbered(&self, name: &str) -> BTreeMap<usize, Source> {
        let mut numbers = BTreeMap::new();
        let prefix = format!("{name}.");
        for (key, entry) in &self.file {
            let number = key
                .strip_prefix(&prefix)
                .and_then(|rest| rest.split('.').next());
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                numbers
                    .entry(number)
                    .or_insert_with(|| entry.source.clone());
            }
        }
        numbers
    }

    /// The numbers in all variables `SIDETONE_<NAME>_<number>_<ENDING>`, for any of the endings.
    pub(super) fn numbered_variables(&self, name: &str, endings: &[&str]) -> BTreeSet<String> {
        let prefix = variable(name) + "_";
        let middle = |variable: &String| {
            let rest = variable.strip_prefix(&prefix)?;
            let ends = endings.iter();
            let found = ends
                .filter_map(|end| rest.strip_suffix(end)?.strip_suffix('_'))
                .next();
            found
                .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
                .map(str::to_owned)
        };
        self.variables.keys().filter_map(middle).collect()
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> impl Iterator<Item = &String> {
        self.known.iter()
    }

    /// Whatever nobody took is a mistake of the writer.
    pub(super) fn refuse_the_rest(&mut self) {
        for (key, entry) in std::mem::take(&mut self.file) {
            let hint = suggestion(&plain(&key), self.known.iter().map(String::as_str));
            let source = entry.source;
            let key = plain(&key);
            self.problems.push(Problem(match hint {
                Some(hint) => format!("{source}: unknown key `{key}`; did you mean `{hint}`?"),
                None => format!("{source}: unknown key `{key}`"),
            }));
        }
        let variables: Vec<String> = self.known.iter().map(|key| variable(key)).collect();
        for (name, _) in std::mem::take(&mut self.variables) {
            // Others put variables of this prefix there too (Kubernetes does for a service named
            // so): only what looks like a slip is one.
            if let Some(hint) = suggestion(&name, variables.iter().map(String::as_str)) {
                self.problems.push(Problem(format!(
                    "unknown variable {name}; did you mean {hint}?"
                )));
            }
        }
    }
}

fn value_of(value: &DeValue<'_>) -> Value {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(items) => items
            .iter()
            .map(|item| text(item.get_ref()))
            .collect::<Option<_>>()
            .map_or(Value::Odd("a list of something else"), Value::Many),
        scalar => match text(scalar) {
            Some(text) => Value::One(Zeroizing::new(text)),
            None => Value::Odd(scalar.type_str()),
        },
    }
}

/// A key as it stands in the documentation, without the numbers of tables.
fn plain(key: &str) -> String {
    let parts = key.split('.').filter(|part| part.parse::<usize>().is_err());
    parts.collect::<Vec<_>>().join(".")
}

/// The variable that stands for a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// The nearest of `candidates`, if it is near enough to be what was meant.
fn suggestion<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + written.len() / 6)
        .map(|(_, candidate)| candidate)
}
