use super::*;

const EXAMPLE: &str = include_str!("../../sidetone.example.toml");

fn load(toml: &str, variables: &[(&str, &str)], arguments: Arguments) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sidetone.toml");
    std::fs::write(&path, toml).unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Some(path.clone());
    Config::load(
        Arguments {
            config,
            ..arguments
        },
        variables,
    )
    .map_err(|error| {
        let text = error.to_string();
        text.replace(path.to_str().unwrap(), "sidetone.toml")
    })
}

fn from_toml(toml: &str) -> Result<Config, String> {
    load(toml, &[], Arguments::default())
}

fn from_variables(variables: &[(&str, &str)]) -> Result<Config, String> {
    load("", variables, Arguments::default())
}

#[test]
fn the_example_says_what_holds_when_nothing_is_said() {
    let example = from_toml(EXAMPLE).unwrap();
    let default = Config::default();
    assert_eq!(example.switch.extensions.len(), 1);
    assert_eq!(example.media.listen, Some(Media::USUAL));
    assert_eq!(example.bridge.listen, Some(BridgePort::USUAL));
    let [office] = &example.upstreams[..] else {
        panic!("not one upstream");
    };
    let short = "[[upstream]]\nname = 'office'\ndomain = 'office.example'\n\
                 uri = 'sip:pbx.office.example;transport=udp'";
    assert_eq!(&from_toml(short).unwrap().upstreams[0], office);
    assert_eq!(example.people.len(), 1);
    assert_eq!(example.accounts.len(), 2);
    let same = Config {
        upstreams: Vec::new(),
        people: Vec::new(),
        accounts: Vec::new(),
        warnings: Vec::new(),
        bridge: default.bridge.clone(),
        switch: Switch {
            extensions: Vec::new(),
            ..example.switch
        },
        media: Media {
            listen: None,
            ..example.media
        },
        ..example
    };
    assert_eq!(format!("{same:?}"), format!("{default:?}"));
    assert_eq!(
        format!("{:?}", from_toml("").unwrap()),
        format!("{default:?}")
    );
}

#[test]
fn the_example_has_every_key() {
    let mut layers = layers::Layers::new([], []);
    Config::read(&mut layers);
    let mut section = String::new();
    let mut written = vec![];
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some((key, _)) = line.split_once('=') {
            let key = key.trim();
            if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                written.push(format!("{section}{key}"));
            }
        }
    }
    for key in layers.known() {
        assert!(written.contains(key), "`{key}` is not in the example");
    }
}

#[test]
fn a_variable_counts_more_than_the_file_and_an_argument_more_than_both() {
    let file = "listen = '127.0.0.1:1'\ndata = 'file'\norigins = ['https://file.example']";
    let variables = [
        ("SIDETONE_LISTEN", "127.0.0.1:2"),
        ("SIDETONE_DATA", "variable"),
        ("SIDETONE_ORIGINS", "https://a.example, https://b.example"),
    ];
    let arguments = Arguments {
        listen: Some("127.0.0.1:3".into()),
        ..Arguments::default()
    };
    let config = load(file, &variables, arguments).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.data, PathBuf::from("variable"));
    assert_eq!(config.origins.len(), 2);
}

#[test]
fn every_kind_of_value_is_understood() {
    let config = from_variables(&[
        ("SIDETONE_TLS_CERT", "/a.pem"),
        ("SIDETONE_TLS_KEY", "/b.pem"),
        ("SIDETONE_MEDIA_LISTEN", "[::]:0"),
        ("SIDETONE_MEDIA_RELAY_PORTS", "30000-30009"),
        ("SIDETONE_MEDIA_ADVERTISE", "192.0.2.1,2001:db8::1"),
        ("SIDETONE_SWITCH_DOMAIN", "Office.Example"),
        ("SIDETONE_SWITCH_ALIASES", "a.example"),
        ("SIDETONE_SWITCH_NO_ANSWER", "45s"),
        ("SIDETONE_SIP_PING_INTERVAL", "500ms"),
        ("SIDETONE_SIP_PONG_TIMEOUT", "2m"),
        ("SIDETONE_SIP_MAX_MESSAGE", "4096"),
        ("SIDETONE_LOG_FORMAT", "json"),
        ("SIDETONE_LOG_FILTER", "warn,sidetone_edge=debug"),
        ("SIDETONE_EXTENSION_201_SECRET", "correct horse"),
        ("SIDETONE_EXTENSION_201_NAME", "Ann"),
        ("SIDETONE_EXTENSION_202_SECRET", "battery staple"),
    ])
    .unwrap();
    let cert = PathBuf::from("/a.pem");
    let key = PathBuf::from("/b.pem");
    assert_eq!(config.tls, Tls::Files { cert, key });
    assert_eq!(config.media.advertise.len(), 2);
    assert_eq!(config.media.relay_ports, 30_000..=30_009);
    assert_eq!(config.switch.domain, "office.example");
    assert_eq!(config.switch.no_answer.as_secs(), 45);
    assert_eq!(config.sip.ping_interval.as_millis(), 500);
    assert_eq!(config.sip.pong_timeout.as_secs(), 120);
    assert_eq!(config.log.format, LogFormat::Json);
    let people: Vec<_> = config
        .switch
        .extensions
        .iter()
        .map(|e| (&*e.number, &*e.name))
        .collect();
    assert_eq!(people, [("201", "Ann"), ("202", "202")]);
}

#[test]
fn a_variable_completes_an_extension_of_the_file() {
    let file = "[[extension]]\nnumber = '201'\nname = 'Ann'";
    let secret = ("SIDETONE_EXTENSION_201_SECRET", "correct horse");
    let config = load(file, &[secret], Arguments::default()).unwrap();
    let expected = Extension {
        number: "201".into(),
        name: "Ann".into(),
        secret: Secret::new("correct horse"),
    };
    assert_eq!(config.switch.extensions, [expected]);
}

#[test]
fn the_demo_is_five_people() {
    let arguments = Arguments {
        demo: true,
        ..Arguments::default()
    };
    let config = load("", &[], arguments).unwrap();
    assert!(config.switch.demo);
    assert_eq!(
        (&*config.switch.tenant, &*config.switch.domain),
        ("demo", "demo.local")
    );
    let people = config.switch.extensions.iter();
    let people: Vec<_> = people
        .map(|e| format!("{} {} {}", e.number, e.name, e.secret.reveal()))
        .collect();
    assert_eq!(
        people,
        [
            "101 Alice demo-101",
            "102 Bob demo-102",
            "103 Carol demo-103",
            "104 Dave demo-104",
            "105 Admin demo-105",
        ]
    );
}

#[test]
fn mistakes_of_the_file_are_named_with_their_line() {
    for (toml, expected) in [
        (
            "\nlisten = 8080",
            "sidetone.toml:2: `listen` is \"8080\", but should be an address and a port, \
             such as 127.0.0.1:8080",
        ),
        (
            "lisen = '127.0.0.1:1'",
            "sidetone.toml:1: unknown key `lisen`; did you mean `listen`?",
        ),
        (
            "[sip]\n\nflow = 1",
            "sidetone.toml:3: unknown key `sip.flow`; did you mean `sip.flows`?",
        ),
        ("zzz = 1", "sidetone.toml:1: unknown key `zzz`"),
        ("[zzz]\nyyy = 1", "sidetone.toml:2: unknown key `zzz.yyy`"),
        (
            "data = 1979-05-27",
            "sidetone.toml:1: `data` is datetime, but should be a folder",
        ),
        (
            "origins = ['https://a.example/']",
            "sidetone.toml:1: `origins` is [\"https://a.example/\"], but should be origins, \
             such as https://phone.example",
        ),
        (
            "origins = [1.5]",
            "sidetone.toml:1: `origins` is a list of something else, but should be origins, \
             such as https://phone.example",
        ),
        (
            "listen = ['127.0.0.1:1']",
            "sidetone.toml:1: `listen` is [\"127.0.0.1:1\"], but should be an address and a \
             port, such as 127.0.0.1:8080",
        ),
        (
            "demo = 'yes'",
            "sidetone.toml:1: `demo` is \"yes\", but should be true or false",
        ),
        (
            "[tls]\nmode = 'on'",
            "sidetone.toml:2: `tls.mode` is \"on\", but should be \"off\", \"self-signed\" or \
             \"files\"",
        ),
        (
            "[tls]\ncert = 'a'",
            "`tls.key` is missing: TLS with files needs both `tls.cert` and `tls.key`",
        ),
        (
            "[tls]\nmode = 'files'",
            "`tls.cert` is missing: TLS with files needs both `tls.cert` and `tls.key`",
        ),
        (
            "[media]\nrelay_ports = '2000'",
            "sidetone.toml:2: `media.relay_ports` is \"2000\", but should be a range of ports above \
             1023, such as 20000-29999",
        ),
        (
            "[sip]\nping_interval = 25",
            "sidetone.toml:2: `sip.ping_interval` is \"25\", but should be a time, such as \
             500ms, 25s or 2m",
        ),
        (
            "[sip]\nqueue = 0",
            "sidetone.toml:2: `sip.queue` is \"0\", but should be a whole number above 0",
        ),
        (
            "[sip]\nmax_message = 99999999",
            "sidetone.toml:2: `sip.max_message` is \"99999999\", but should be a number of bytes \
             from 4096 to 1048576",
        ),
        (
            "[log]\nfilter = 'loud=='",
            "sidetone.toml:2: `log.filter` is \"loud==\", but should be levels, such as info or \
             warn,sidetone_edge=debug",
        ),
        (
            "[switch]\ndomain = 'a b'",
            "sidetone.toml:2: `switch.domain` is \"a b\", but should be a host name, such as \
             office.example",
        ),
        ("a = = 1", "sidetone.toml:1: this is not TOML: "),
    ] {
        let error = from_toml(toml).unwrap_err();
        let is_prefix = expected.ends_with(' ');
        assert!(
            error == expected || is_prefix && error.starts_with(expected),
            "{error}"
        );
    }
}

#[test]
fn mistakes_in_extensions_are_named_and_no_secret_is_repeated() {
    let number = "number = '201'";
    for (toml, expected) in [
        (
            format!("[[extension]]\n{number}"),
            "sidetone.toml:2: extension 201 has no `secret`: give it a password of at least 8 \
             characters",
        ),
        (
            format!("[[extension]]\n{number}\nsecret = 'hunter2'"),
            "sidetone.toml:3: `extension.secret` is not usable, but should be a password of at \
             least 8 characters",
        ),
        (
            "[[extension]]\nsecret = 'correct horse'".to_owned(),
            "sidetone.toml:2: this `[[extension]]` has no `number`",
        ),
        (
            "[[extension]]\nnumber = '2 1'\nsecret = 'correct horse'".to_owned(),
            "sidetone.toml:2: `extension.number` is \"2 1\", but should be letters, digits, or \
             any of . _ - * (at most 32)",
        ),
        (
            format!("[[extension]]\n{number}\nsecrt = 'correct horse'\nsecret = 'correct horse'"),
            "sidetone.toml:3: unknown key `extension.secrt`; did you mean `extension.secret`?",
        ),
        (
            format!(
                "[[extension]]\n{number}\nsecret = 'correct horse'\n\
                 [[extension]]\n{number}\nsecret = 'battery staple'"
            ),
            "sidetone.toml:5: extension 201 is there twice; the first is at sidetone.toml:2",
        ),
        (
            format!("demo = true\n[[extension]]\n{number}\nsecret = 'correct horse'"),
            "sidetone.toml:1: the demo brings its own domain and people, but sidetone.toml:3 \
             names others: leave out one of the two",
        ),
    ] {
        assert_eq!(from_toml(&toml).unwrap_err(), expected, "{toml}");
    }
}

#[test]
fn upstreams_are_read() {
    let toml = "[[upstream]]\nname = 'a'\ndomain = 'A.example'\nuri = 'sips:a.example'\n\
                outbound_proxy = 'sip:p.example;transport=tcp'\nmedia = 'relay'\n\
                tls_ca = '/ca.pem'\nsrtp = 'sdes'\nsymmetric_rtp = true\nguests = true\n\
                keep_alive = 'off'\n\
                [[upstream]]\nname = 'b'\ndomain = 'b.example'\nuri = 'wss://b.example/ws'\n\
                [bridge]\nlisten = '[::]:0'\nadvertise = '192.0.2.7'";
    let config = from_toml(toml).unwrap();
    let [a, b] = &config.upstreams[..] else {
        panic!("not two: {:?}", config.upstreams);
    };
    assert_eq!((&*a.name, &*a.domain), ("a", "a.example"));
    assert_eq!(a.target.to_string(), "sips:a.example");
    assert_eq!(a.next_hop().to_string(), "sip:p.example;transport=tcp");
    assert_eq!(a.media, sidetone_edge::MediaMode::Relay);
    assert_eq!(a.tls_ca, Some(PathBuf::from("/ca.pem")));
    assert_eq!(a.srtp, sidetone_edge::Srtp::Sdes);
    assert!(a.symmetric_rtp && a.guests && a.keep_alive.is_zero());
    assert_eq!(b.next_hop(), &b.target);
    assert_eq!(b.media, sidetone_edge::MediaMode::Auto);
    assert_eq!(config.bridge.listen, "[::]:0".parse().ok());
    assert_eq!(config.bridge.advertise, "192.0.2.7".parse().ok());
}

#[test]
fn mistakes_in_upstreams_are_named() {
    let good = "[[upstream]]\nname = 'a'\ndomain = 'a.example'\nuri = 'sip:a.example'";
    for (toml, expected) in [
        (
            "[[upstream]]\nname = 'a'\nuri = 'sip:a.example'".to_owned(),
            "sidetone.toml:2: this `[[upstream]]` has no `domain`",
        ),
        (
            good.replace("sip:a.example", "a.example"),
            "sidetone.toml:4: `upstream.uri` is \"a.example\", but should be a SIP URI, such as \
             sip:pbx.example;transport=udp (udp, tcp, tls, ws, wss), sips:pbx.example or \
             wss://pbx.example:8089/ws",
        ),
        (
            format!("{good}\nmedia = 'both'"),
            "sidetone.toml:5: `upstream.media` is \"both\", but should be \"direct\", \"relay\" or \
             \"auto\"",
        ),
        (
            format!("{good}\nsrtp = true"),
            "sidetone.toml:5: `upstream.srtp` is \"true\", but should be \"none\" or \"sdes\"",
        ),
        (
            format!("{good}\nkeep_alive = 20"),
            "sidetone.toml:5: `upstream.keep_alive` is \"20\", but should be a time, such as 20s, \
             or \"off\"",
        ),
        (
            format!("{good}\nouttbound_proxy = 'sip:p.example'"),
            "sidetone.toml:5: unknown key `upstream.outtbound_proxy`; did you mean \
             `upstream.outbound_proxy`?",
        ),
        (
            format!("{good}\n{}", good.replace("name = 'a'", "name = 'b'")),
            "sidetone.toml:7: the `domain` \"a.example\" is that of another `[[upstream]]`; the \
             first is at sidetone.toml:3",
        ),
        (
            "[bridge]\nlisten = 5070".to_owned(),
            "sidetone.toml:2: `bridge.listen` is \"5070\", but should be an address and a port, \
             such as 0.0.0.0:5070",
        ),
    ] {
        assert_eq!(from_toml(&toml).unwrap_err(), expected, "{toml}");
    }
}

#[test]
fn mistakes_in_variables_are_named() {
    for (variables, expected) in [
        (
            [("SIDETONE_LISTEN", "here")],
            "variable SIDETONE_LISTEN: `listen` is \"here\", but should be an address and a \
             port, such as 127.0.0.1:8080",
        ),
        (
            [("SIDETONE_LISTNE", "127.0.0.1:1")],
            "unknown variable SIDETONE_LISTNE; did you mean SIDETONE_LISTEN?",
        ),
        (
            [("SIDETONE_EXTENSION_201_NAME", "Ann")],
            "variable SIDETONE_EXTENSION_201_SECRET is missing: extension 201 needs a password \
             of at least 8 characters",
        ),
        (
            [("SIDETONE_EXTENSION_201_SECRET", "hunter2")],
            "variable SIDETONE_EXTENSION_201_SECRET: `extension.secret` is not usable, but \
             should be a password of at least 8 characters",
        ),
    ] {
        assert_eq!(from_variables(&variables).unwrap_err(), expected);
    }
    // What others put there is not ours to judge.
    for name in [
        "SIDETONE_DIST",
        "SIDETONE_CONFIG",
        "SIDETONE_SERVICE_PORT_HTTP",
        "OTHER",
    ] {
        assert!(from_variables(&[(name, "x")]).is_ok(), "{name}");
    }
}

#[test]
fn mistakes_in_arguments_are_named() {
    let arguments = Arguments {
        tls: Some("on".into()),
        ..Arguments::default()
    };
    let error = load("", &[], arguments).unwrap_err();
    assert!(
        error.starts_with("argument --tls: `tls.mode` is \"on\""),
        "{error}"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let error = from_toml("listen = 1\ndemo = 2\nzzz = 3").unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let config = Some(PathBuf::from("/nonexistent/sidetone.toml"));
    let arguments = Arguments {
        config,
        ..Arguments::default()
    };
    let error = Config::load(arguments, []).unwrap_err().to_string();
    assert!(error.starts_with("the configuration /nonexistent/sidetone.toml can't be read: "));
}

const OFFICE: &str = "[[upstream]]\nname = 'office'\ndomain = 'office.example'\n\
                      uri = 'sip:office.example'\n";
const ANN: &str = "[[person]]\nname = 'ann'\n\
                   password = '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$2fZqDOX0Tq8vyHZcAiqCRA'\n";

/// Bits that are the key of the tests.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

fn sealed(upstream: Option<&str>, user: &str, secret: &str) -> String {
    let whose = crate::seal::Whose { upstream, user };
    let key = crate::seal::SealingKey::parse(KEY).unwrap();
    key.seal(whose, &Secret::new(secret)).unwrap().to_string()
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
                    for another upstream or user, or has been changed. Seal it again with `sidetone \
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

#[test]
fn ice_servers_have_the_credentials_that_their_kind_needs() {
    let read = |keys: &str| from_toml(&format!("[[ice_server]]\n{keys}"));
    let one = |keys: &str| read(keys).unwrap().ice_servers.remove(0).credentials;
    assert_eq!(one("urls = ['stun:a.example']"), IceCredentials::None);
    let turn = "urls = ['turn:[2001:db8::1]:3478?transport=tcp', 'turns:a.example']\n";
    assert_eq!(
        one(&format!("{turn}secret = 'hush'")),
        IceCredentials::Shared {
            secret: Secret::new("hush"),
            lifetime: Duration::from_secs(3600),
        }
    );
    assert_eq!(
        one(&format!("{turn}username = 'me'\npassword = 'hush'")),
        IceCredentials::Fixed {
            username: "me".to_owned(),
            password: Secret::new("hush"),
        }
    );
    for (keys, expected) in [
        ("lifetime = '60m'", "no `urls`"),
        (turn, "needs a `secret`, or `username` and `password`"),
        (&format!("{turn}username = 'me'"), "needs a `secret`"),
        (
            &format!("{turn}username = 'me'\nsecret = 'x'"),
            "needs a `secret`",
        ),
        (
            "urls = ['stun:a.example']\nsecret = 'hush'",
            "takes no credentials",
        ),
        ("urls = ['http://a.example']", "should be URLs"),
        ("urls = ['turn:a.example?transport=sctp']", "should be URLs"),
        (&format!("{turn}secret = 'hush'\nlifetime = '5s'"), "a time"),
        (
            &format!("{turn}username = 'me'\npassword = ['hush']"),
            "not usable",
        ),
    ] {
        let error = read(keys).unwrap_err();
        assert!(error.contains(expected), "{keys}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
