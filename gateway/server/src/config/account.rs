//! `[[person]]` and `[[account]]`: who signs in at the gateway, and what they may use there.

use sidetone_edge::UpstreamConfig;
use sidetone_sip::auth::Secret;

use super::extension::NUMBER;
use super::layers::{Layers, Source};
use super::read::{name, number, parsed};
use super::secret::{Secrets, Written};
use super::{Account, PasswordHash, Person, Problem, Switch};
use crate::seal::Whose;

const NAME: &str = "a name of at most 64 characters";
const PASSWORD: &str = "what `sidetone hash-password` prints";
const SECRET: &str = "the SIP password (at most 256 characters) or what `sidetone seal` prints";
const REALM: &str = "the realm in which the PBX asks for the password";

pub(super) fn read(
    layers: &mut Layers,
    secrets: &Secrets,
    switch: &Switch,
    upstreams: &[UpstreamConfig],
) -> (Vec<Person>, Vec<Account>) {
    let (mut people, mut accounts) = match switch.demo {
        true => demo(switch),
        false => (Vec::new(), Vec::new()),
    };
    read_people(layers, &mut people);
    // Of people that were refused it is not known whose an account is.
    let whole = layers.problems.is_empty();
    let places = Places {
        switch,
        upstreams,
        people: whole.then_some(&people[..]),
    };
    read_accounts(layers, secrets, &places, &mut accounts);
    (people, accounts)
}

/// The demo's extensions as people: Alice signs in as `alice` with `alice-demo`.
fn demo(switch: &Switch) -> (Vec<Person>, Vec<Account>) {
    let extensions = switch.extensions.iter();
    let both = extensions.filter_map(|extension| {
        let name = extension.name.to_lowercase();
        let password = Secret::new(format!("{name}-demo"));
        let person = Person {
            password: PasswordHash::of_public(&password).ok()?,
            name: name.clone(),
        };
        let account = Account {
            upstream: None,
            user: extension.number.clone(),
            domain: switch.domain.clone(),
            secret: extension.secret.clone(),
            realm: Some(switch.domain.clone()),
            person: name,
            label: extension.name.clone(),
        };
        Some((person, account))
    });
    both.unzip()
}

fn read_people(layers: &mut Layers, people: &mut Vec<Person>) {
    let numbered = layers.numbered("person");
    if numbered.is_empty() {
        read_person(layers, 0, None);
    }
    for (index, start) in numbered {
        let Some(person) = read_person(layers, index, Some(&start)) else {
            continue;
        };
        if people.iter().any(|other| other.name == person.name) {
            let text = format!("{start}: there is another person of this name");
            layers.problems.push(Problem(text));
            continue;
        }
        people.push(person);
    }
}

fn read_person(layers: &mut Layers, index: usize, start: Option<&Source>) -> Option<Person> {
    let before = layers.problems.len();
    let key = |field: &str| format!("person.{index}.{field}");
    let name = layers.one(&key("name"), NAME, name);
    let password = layers.one(&key("password"), PASSWORD, parsed::<PasswordHash>);
    let start = start?;
    if layers.problems.len() == before {
        let missing = [("name", name.is_none()), ("password", password.is_none())];
        for (field, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
            let text = format!("{start}: this `[[person]]` has no `{field}`");
            layers.problems.push(Problem(text));
        }
    }
    Some(Person {
        name: name?,
        password: password?,
    })
}

/// What accounts refer to.
struct Places<'a> {
    switch: &'a Switch,
    upstreams: &'a [UpstreamConfig],
    people: Option<&'a [Person]>,
}

/// An account as it was written.
struct Draft {
    upstream: Option<String>,
    user: Option<String>,
    secret: Option<(Written, Source)>,
    realm: Option<String>,
    person: Option<String>,
    label: Option<String>,
}

fn read_accounts(
    layers: &mut Layers,
    secrets: &Secrets,
    places: &Places<'_>,
    accounts: &mut Vec<Account>,
) {
    let numbered = layers.numbered("account");
    if numbered.is_empty() {
        Draft::read(layers, 0);
    }
    for (index, start) in numbered {
        let before = layers.problems.len();
        let draft = Draft::read(layers, index);
        if layers.problems.len() > before {
            continue;
        }
        let account = match draft.place(places) {
            Ok((draft, place)) => draft.finish(layers, secrets, place),
            Err(why) => Err(why),
        };
        let account = account.and_then(|account| {
            let same = |other: &Account| {
                (&other.upstream, &other.user) == (&account.upstream, &account.user)
            };
            match accounts.iter().any(same) {
                true => Err("is the second of this user there: leave out one of the two".into()),
                false => Ok(account),
            }
        });
        match account {
            Ok(account) => accounts.push(account),
            Err(why) => {
                let text = format!("{start}: this `[[account]]` {why}");
                layers.problems.push(Problem(text));
            }
        }
    }
}

impl Draft {
    fn read(layers: &mut Layers, index: usize) -> Self {
        let key = |field: &str| format!("account.{index}.{field}");
        let is_secret = |text: &str| {
            (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        };
        let secret = |text: &str| Written::parse(text, is_secret);
        Self {
            upstream: layers.one(&key("upstream"), "the name of an `[[upstream]]`", name),
            user: layers.one(&key("user"), NUMBER, number),
            secret: layers.one_with_source(&key("secret"), SECRET, secret),
            realm: layers.one(&key("realm"), REALM, name),
            person: layers.one(&key("person"), "the name of a `[[person]]`", name),
            label: layers.one(&key("label"), NAME, name),
        }
    }

    /// Finds what it refers to.
    fn place(self, places: &Places<'_>) -> Result<(Self, Place), String> {
        let missing = [
            ("user", self.user.is_none()),
            ("person", self.person.is_none()),
        ];
        if let Some((field, _)) = missing.iter().find(|(_, is_missing)| *is_missing) {
            return Err(format!("has no `{field}`"));
        }
        if let Some(people) = places.people
            && !people
                .iter()
                .any(|person| Some(&person.name) == self.person.as_ref())
        {
            let person = self.person.unwrap_or_default();
            return Err(format!(
                "is for \"{person}\", but there is no such `[[person]]`"
            ));
        }
        let Some(upstream) = &self.upstream else {
            return self.at_switch(places.switch);
        };
        let mut upstreams = places.upstreams.iter();
        match upstreams.find(|known| known.name == *upstream) {
            Some(known) => {
                let place = Place {
                    domain: known.domain.clone(),
                    own: None,
                };
                Ok((self, place))
            }
            None => Err(format!(
                "is at \"{upstream}\", but there is no such `[[upstream]]`"
            )),
        }
    }

    fn at_switch(self, switch: &Switch) -> Result<(Self, Place), String> {
        let mut extensions = switch.extensions.iter();
        let found = extensions.find(|extension| Some(&extension.number) == self.user.as_ref());
        let Some(extension) = found else {
            let user = self.user.unwrap_or_default();
            return Err(format!(
                "names no `upstream`, so it is at the embedded switch, but there is no \
                 `[[extension]]` {user}"
            ));
        };
        if self.secret.is_some() || self.realm.is_some() {
            return Err(
                "is at the embedded switch, which knows `secret` and `realm` already: leave them \
                 out"
                .to_owned(),
            );
        }
        let place = Place {
            domain: switch.domain.clone(),
            own: Some((extension.secret.clone(), extension.name.clone())),
        };
        Ok((self, place))
    }

    fn finish(
        self,
        layers: &mut Layers,
        secrets: &Secrets,
        place: Place,
    ) -> Result<Account, String> {
        let user = self.user.unwrap_or_default();
        let address = || format!("{user}@{}", place.domain);
        let (secret, label, realm) = match (place.own, self.secret) {
            (Some((secret, name)), _) => (secret, name, Some(place.domain.clone())),
            (None, Some(written)) => {
                let whose = Whose::Account {
                    upstream: self.upstream.as_deref(),
                    user: &user,
                };
                let secret = secrets.reveal(layers, whose, written);
                (secret.unwrap_or(Secret::new("")), address(), self.realm)
            }
            (None, None) => {
                return Err(format!("has no `secret`: give it {SECRET}"));
            }
        };
        Ok(Account {
            upstream: self.upstream,
            label: self.label.unwrap_or(label),
            domain: place.domain,
            person: self.person.unwrap_or_default(),
            user,
            secret,
            realm,
        })
    }
}

/// Where an account is.
struct Place {
    domain: String,
    /// The secret and the name that the switch has already.
    own: Option<(Secret, String)>,
}
