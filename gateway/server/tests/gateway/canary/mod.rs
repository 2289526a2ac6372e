//! A secret is planted in the gateway, used, and looked for in everything that leaves the process.
//!
//! Whether the search can find anything is shown by planting the same word where it may be seen.

mod gateway;
mod haystack;
mod visit;

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::net::UdpSocket;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use self::gateway::Gateway;
use self::haystack::{Haystack, canary};
use self::visit::Visit;
use crate::program::sidetone;

/// What the test puts where.
struct Planted<'a> {
    secret: &'a str,
    extension_name: &'a str,
    label: &'a str,
    reason: &'a str,
}

fn write_config(dir: &Path, pbx: &UdpSocket, planted: &Planted<'_>) {
    let run = |args: &[&str], input: &str| {
        use std::io::Write;
        let mut child = sidetone(dir)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{input}").unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let seal = |place: &[&str]| {
        let args = [&["seal", "--key-file", "sidetone.key"], place].concat();
        run(&args, planted.secret)
    };
    let pbx = pbx.local_addr().unwrap();
    let toml = format!(
        "key_file = 'sidetone.key'\n\
         [switch]\ndomain = 'own.example'\n\
         [[extension]]\nnumber = '301'\nname = '{}'\nsecret = '{}'\n\
         [[upstream]]\nname = 'office'\ndomain = 'office.example'\n\
         uri = 'sip:{pbx};transport=udp'\nkeep_alive = 'off'\n\
         [[person]]\nname = 'ann'\npassword = '{}'\n\
         [[account]]\nupstream = 'office'\nuser = '201'\nsecret = '{}'\nperson = 'ann'\n\
         label = '{}'\n\
         [[account]]\nuser = '301'\nperson = 'ann'\n\
         [[ice_server]]\nurls = ['turn:turn.invalid']\nsecret = '{}'\n",
        planted.extension_name,
        seal(&["--user", "301"]),
        run(&["hash-password"], "the password of ann"),
        seal(&["--upstream", "office", "--user", "201"]),
        planted.label,
        seal(&["--ice-server", "turn:turn.invalid"]),
    );
    std::fs::write(dir.join("sidetone.toml"), toml).unwrap();
}

/// Signs in, registers at the switch and at a PBX with secrets that stay in the gateway, and
/// collects all that comes out meanwhile.
async fn use_everything(planted: &Planted<'_>) -> Haystack {
    let dir = tempfile::tempdir().unwrap();
    let pbx = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    write_config(dir.path(), &pbx, planted);
    let mut found = Haystack::default();
    found.add(
        "the configuration",
        std::fs::read(dir.path().join("sidetone.toml")).unwrap(),
    );
    let gateway = Gateway::start(dir.path());
    let mut session = Visit {
        gateway: &gateway,
        cookie: "X-Nobody: 1".to_owned(),
        found: &mut found,
    };
    session.ask("GET /").await;
    session.ask("GET /api/v1/about").await;
    let body = json!({"name": "ann", "password": "the password of ann"});
    let answer = session.send("POST /api/v1/session", &body).await;
    assert_eq!(answer.status, 200);
    let set = answer.header("set-cookie").unwrap();
    session.cookie = format!("Cookie: {}", set.split(';').next().unwrap());
    session.ask("GET /api/v1/session").await;
    let servers = session.ask("GET /api/v1/ice-servers").await.json();
    assert!(
        servers["ice_servers"][0]["credential"].is_string(),
        "{servers}"
    );
    let ticket = session
        .send("POST /api/v1/session/ticket", &json!({}))
        .await;
    let ticket = ticket.json()["ticket"].as_str().unwrap().to_owned();
    let mut request = format!("ws://{}/sip", gateway.addr)
        .into_client_request()
        .unwrap();
    let protocols = format!("sip, ticket.{ticket}").parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocols);
    let (mut browser, _) = connect_async(request).await.unwrap();
    session
        .register(&mut browser, "301", "own.example", None, planted)
        .await;
    session
        .register(&mut browser, "201", "office.example", Some(&pbx), planted)
        .await;
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        "/api/v1/accounts",
    ] {
        session.ask(&format!("GET {path}")).await;
    }
    let cookie = session.cookie.clone();
    after_the_crash(gateway, dir.path(), &mut found);
    let log = found
        .0
        .iter()
        .find(|(place, _)| place == "the log")
        .unwrap();
    let log = String::from_utf8_lossy(&log.1);
    assert!(
        log.contains("TRACE") && log.contains("somebody signed in"),
        "{log}"
    );
    for token in [
        &*ticket,
        cookie.split('=').next_back().unwrap(),
        "the password of ann",
    ] {
        assert!(!log.contains(token), "what opens a session is in the log");
    }
    found
}

#[cfg(unix)]
fn after_the_crash(gateway: Gateway, dir: &Path, found: &mut Haystack) {
    use std::os::unix::process::ExitStatusExt;
    #[cfg(target_os = "linux")]
    {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.child.id()));
        let limits = limits.unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{words:?}");
    }
    let (status, said) = gateway.crash();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
    found.add("the log", said);
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let place = path.strip_prefix(dir).unwrap().display().to_string();
                found.add(&place, std::fs::read(&path).unwrap());
            }
        }
    }
    let names: Vec<&str> = found.0.iter().map(|(place, _)| place.as_str()).collect();
    assert!(names.contains(&"data/sidetone.sqlite"), "{names:?}");
}

#[tokio::test]
async fn a_secret_appears_nowhere() {
    let word = canary();
    let found = use_everything(&Planted {
        secret: &word,
        extension_name: "Ann",
        label: "Office",
        reason: "OK",
    })
    .await;
    let places: Vec<&str> = found.0.iter().map(|(place, _)| place.as_str()).collect();
    assert!(places.len() > 15, "{places:?}");
    assert_eq!(found.places_of(&word), Vec::<&str>::new());
}

/// The same search finds the same kind of word wherever it does leave the gateway.
#[tokio::test]
async fn what_is_not_kept_secret_is_found() {
    let [name, label, reason] = [canary(), canary(), canary()];
    let found = use_everything(&Planted {
        secret: &canary(),
        extension_name: &name,
        label: &label,
        reason: &reason,
    })
    .await;
    let name = found.places_of(&name);
    let in_database = |place: &&str| place.starts_with("data/sidetone.sqlite");
    assert!(name.iter().any(in_database), "{name:?}");
    for place in [
        "HTTP GET /api/v1/session",
        "HTTP POST /api/v1/session",
        "sidetone.toml",
    ] {
        assert!(name.contains(&place), "{name:?}");
        assert!(found.places_of(&label).contains(&place));
    }
    assert_eq!(found.places_of(&reason), ["the WebSocket", "the log"]);
}
