//! PBXs behind the gateway, and servers for ICE.

use super::*;

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

#[test]
fn secrets_of_ice_servers_may_be_sealed() {
    let urls = ["turn:a.example", "turns:a.example?transport=tcp"].map(str::to_owned);
    let server = |user| crate::seal::Whose::IceServer { urls: &urls, user };
    let toml = |keys: &str| {
        format!(
            "[[ice_server]]\nurls = ['turn:a.example', 'turns:a.example?transport=tcp']\n{keys}"
        )
    };
    let with_key = |keys: &str| load(&toml(keys), &[("SIDETONE_KEY", KEY)], Arguments::default());
    let sealed = sealed_for(server(None), "hush");
    let config = with_key(&format!("secret = '{sealed}'")).unwrap();
    assert_eq!(config.warnings, []);
    let expected = IceCredentials::Shared {
        secret: Secret::new("hush"),
        lifetime: Duration::from_secs(3600),
    };
    assert_eq!(config.ice_servers[0].credentials, expected);
    let of_user = sealed_for(server(Some("me")), "hush");
    let config = with_key(&format!("username = 'me'\npassword = '{of_user}'")).unwrap();
    let expected = IceCredentials::Fixed {
        username: "me".to_owned(),
        password: Secret::new("hush"),
    };
    assert_eq!(config.ice_servers[0].credentials, expected);
    let command = "`sidetone seal --key-file sidetone.key --ice-server \
                   'turn:a.example,turns:a.example?transport=tcp'`";
    let plain = from_toml(&toml("secret = 'hush'")).unwrap();
    let warnings: Vec<_> = plain.warnings.iter().map(ToString::to_string).collect();
    let [warning] = &warnings[..] else {
        panic!("not one: {warnings:?}");
    };
    let start = "sidetone.toml:3: this secret stands in plain text. Seal it: ";
    assert!(warning.contains(&format!("{start}{command}")), "{warning}");
    // What two machines share is not to be told to browsers.
    let misplaced = with_key(&format!("username = 'me'\npassword = '{sealed}'"));
    for (outcome, expected) in [
        (
            from_toml(&toml(&format!("secret = '{sealed}'"))),
            "sidetone.toml:3: this secret is sealed, but there is no key to open it".to_owned(),
        ),
        (
            with_key(&format!("secret = '{of_user}'")),
            format!(
                "sidetone.toml:3: this secret can't be opened: it was sealed with another key, for \
                 another account or server, or has been changed. Seal it again with {command}"
            ),
        ),
        (misplaced, "--user me`".to_owned()),
    ] {
        let error = outcome.unwrap_err();
        assert!(error.contains(&expected), "{error}");
    }
}
