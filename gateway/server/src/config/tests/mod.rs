mod accounts;
mod servers;

use super::*;

const EXAMPLE: &str = include_str!("../../../sidetone.example.toml");

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

/// Bits that are the key of the tests.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

fn sealed_for(whose: crate::seal::Whose<'_>, secret: &str) -> String {
    let key = crate::seal::SealingKey::parse(KEY).unwrap();
    key.seal(whose, &Secret::new(secret)).unwrap().to_string()
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
            "[media]\nlisten = '0.0.0.0:10080'",
            "sidetone.toml:2: `media.listen` is \"0.0.0.0:10080\", but should be an address and a UDP \
             port that browsers don't block, such as 0.0.0.0:40000",
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
