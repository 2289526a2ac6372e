//! People, their accounts, and secrets at rest.

use super::*;

const OFFICE: &str = "[[upstream]]\nname = 'office'\ndomain = 'office.example'\n\
                      uri = 'sip:office.example'\n";
const ANN: &str = "[[person]]\nname = 'ann'\n\
                   password = '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$2fZqDOX0Tq8vyHZcAiqCRA'\n";

fn sealed(upstream: Option<&str>, user: &str, secret: &str) -> String {
    let whose = crate::seal::Whose::Account { upstream, user };
    sealed_for(whose, secret)
}

#[test]
fn accounts_are_read_and_sealed_secrets_opened() {
    let secret = sealed(Some("office"), "201", "swordfish");
    let own = sealed(None, "301", "correct horse");
    let file = format!(
        "{OFFICE}{ANN}[[extension]]\nnumber = '301'\nname = 'Ann'\nsecret = '{own}'\n\
         [[account]]\nupstream = 'office'\nuser = '201'\nsecret = '{secret}'\nrealm = 'asterisk'\n\
         person = 'ann'\nlabel = 'Front desk'\n\
         [[account]]\nuser = '301'\nperson = 'ann'"
    );
    let config = load(&file, &[("SIDETONE_KEY", KEY)], Arguments::default()).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.people[0].name, "ann");
    let [office, own] = &config.accounts[..] else {
        panic!("not two: {:?}", config.accounts);
    };
    let expected = Account {
        upstream: Some("office".into()),
        user: "201".into(),
        domain: "office.example".into(),
        secret: Secret::new("swordfish"),
        realm: Some("asterisk".into()),
        person: "ann".into(),
        label: "Front desk".into(),
    };
    assert_eq!(office, &expected);
    assert_eq!(office.address(), "201@office.example");
    let expected = Account {
        upstream: None,
        user: "301".into(),
        domain: "sidetone.local".into(),
        secret: Secret::new("correct horse"),
        realm: Some("sidetone.local".into()),
        person: "ann".into(),
        label: "Ann".into(),
    };
    assert_eq!(own, &expected);
    assert!(!format!("{config:?}").contains("horse"));
}

#[test]
fn a_key_may_be_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let own = sealed(None, "301", "correct horse");
    let file = format!(
        "key_file = '{}'\n[[extension]]\nnumber = '301'\nsecret = '{own}'",
        path.display()
    );
    let config = from_toml(&file).unwrap();
    assert_eq!(config.switch.extensions[0].secret.reveal(), "correct horse");
    std::fs::write(&path, "no key").unwrap();
    let error = from_toml(&file).unwrap_err();
    let expected = format!(
        "sidetone.toml:1: the key {} can't be used: it is no key: 32 bytes in base64, as `sidetone \
         seal` makes them",
        path.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_secret_in_plain_text_works_with_a_warning_that_names_the_remedy() {
    let file = format!(
        "{OFFICE}{ANN}[[account]]\nupstream = 'office'\nuser = '201'\nsecret = 'swordfish'\n\
         person = 'ann'"
    );
    let config = from_toml(&file).unwrap();
    assert_eq!(config.accounts[0].secret.reveal(), "swordfish");
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    let [warning] = &warnings[..] else {
        panic!("not one: {warnings:?}");
    };
    assert!(
        warning.ends_with(
            "sidetone.toml:11: this secret stands in plain text. Seal it: `sidetone seal \
             --key-file sidetone.key --upstream office --user 201` asks for it and prints what to \
             write here"
        ),
        "{warning}"
    );
    assert!(!warning.contains("swordfish"));
    // A variable is not at rest.
    let file = file.replace("secret = 'swordfish'\n", "");
    let variable = ("SIDETONE_ACCOUNT_0_SECRET", "swordfish");
    let config = load(&file, &[variable], Arguments::default()).unwrap();
    assert_eq!(config.accounts[0].secret.reveal(), "swordfish");
    assert_eq!(config.warnings, []);
}

#[test]
fn mistakes_in_people_and_accounts_are_named_and_no_secret_is_repeated() {
    let account = "[[account]]\nupstream = 'office'\nuser = '201'\nperson = 'ann'\n";
    let good = format!("{OFFICE}{ANN}{account}secret = 'swordfish'\n");
    let foreign = sealed(Some("office"), "202", "swordfish");
    for (toml, expected) in [
        (
            ANN.replace("argon2id", "argon2i"),
            "sidetone.toml:3: `person.password` is not usable, but should be what `sidetone \
             hash-password` prints",
        ),
        (
            "[[person]]\nname = 'ann'".to_owned(),
            "sidetone.toml:2: this `[[person]]` has no `password`",
        ),
        (
            format!("{ANN}{ANN}"),
            "sidetone.toml:5: there is another person of this name",
        ),
        (
            format!("{OFFICE}{ANN}{account}"),
            "sidetone.toml:11: this `[[account]]` has no `secret`: give it the SIP password (at \
             most 256 characters) or what `sidetone seal` prints",
        ),
        (
            good.replace("person = 'ann'", "person = 'ben'"),
            "sidetone.toml:11: this `[[account]]` is for \"ben\", but there is no such `[[person]]`",
        ),
        (
            good.replace("upstream = 'office'", "upstream = 'branch'"),
            "sidetone.toml:11: this `[[account]]` is at \"branch\", but there is no such \
             `[[upstream]]`",
        ),
        (
            good.replace("upstream = 'office'\n", ""),
            "sidetone.toml:10: this `[[account]]` names no `upstream`, so it is at the embedded \
             switch, but there is no `[[extension]]` 201",
        ),
        (
            format!("{good}{account}secret = 'swordfish'"),
            "sidetone.toml:16: this `[[account]]` is the second of this user there: leave out one \
             of the two",
        ),
        (
            good.replace("swordfish", "sealed:swordfish"),
            "sidetone.toml:12: `account.secret` is not usable, but should be the SIP password (at \
             most 256 characters) or what `sidetone seal` prints",
        ),
        (
            good.replace("swordfish", &foreign),
            "sidetone.toml:12: this secret is sealed, but there is no key to open it: name its \
             file with `key_file`, or give the key itself in the variable SIDETONE_KEY",
        ),
    ] {
        assert_eq!(from_toml(&toml).unwrap_err(), expected, "{toml}");
    }
    let error = load(
        &good.replace("swordfish", &foreign),
        &[("SIDETONE_KEY", KEY)],
        Arguments::default(),
    );
    let expected = "sidetone.toml:12: this secret can't be opened: it was sealed with another key, \
                    for another account or server, or has been changed. Seal it again with `sidetone \
                    seal --key-file sidetone.key --upstream office --user 201`";
    assert_eq!(error.unwrap_err(), expected);
}

#[test]
fn the_people_of_the_demo_have_managed_accounts() {
    let arguments = Arguments {
        demo: true,
        ..Arguments::default()
    };
    let config = load("", &[], arguments).unwrap();
    let accounts = config.accounts.iter();
    let accounts: Vec<_> = accounts
        .map(|account| (&*account.person, account.address()))
        .collect();
    let expected = ["alice", "bob", "carol", "dave", "admin"];
    let expected = expected.iter().zip(101..);
    let expected: Vec<_> = expected
        .map(|(name, number)| (*name, format!("{number}@demo.local")))
        .collect();
    assert_eq!(accounts, expected);
    for person in &config.people {
        let password = Secret::new(format!("{}-demo", person.name));
        assert!(person.password.verify(&password), "{}", person.name);
    }
}
