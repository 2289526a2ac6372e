//! A secret is planted in the gateway, used, and looked for in everything that leaves the process.
//!
//! Whether the search can find anything is shown by planting the same word where it may be seen.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::StreamExt;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use sidetone_sip::auth::{Question, Secret, hex};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{Method, Response, Status};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::program::sidetone;
use crate::sign_in::{authorization, challenge_of, question, register};
use crate::support::{Answer, PATIENCE, ask, send};
use crate::upstream::{Browser, asked, say};

/// A word that is nowhere by chance.
fn canary() -> String {
    let mut bits = [0; 18];
    SystemRandom::new().fill(&mut bits).unwrap();
    // It begins and ends with a letter, and is the same in JSON, TOML and URLs.
    format!("c{}y", hex(&bits))
}

/// Everything that left the gateway, by where it did.
#[derive(Default)]
struct Haystack(Vec<(String, Vec<u8>)>);

impl Haystack {
    fn add(&mut self, place: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.to_owned(), bytes.into()));
    }

    /// Where the word is, in any of the forms in which it could be recognised.
    fn places_of(&self, word: &str) -> Vec<&str> {
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

/// The program, and all that it says.
struct Gateway {
    child: Child,
    addr: String,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Gateway {
    fn start(dir: &Path) -> Self {
        let mut child = sidetone(dir)
            .args(["serve", "--config", "sidetone.toml"])
            .env("SIDETONE_LISTEN", "127.0.0.1:0")
            .env("SIDETONE_MEDIA_LISTEN", "127.0.0.1:0")
            .env("SIDETONE_BRIDGE_LISTEN", "127.0.0.1:0")
            .env("SIDETONE_LOG_FILTER", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<String>>::default();
        let read = |stream: Box<dyn std::io::Read + Send>| {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines() {
                    writeln!(said.lock().unwrap(), "{}", line.unwrap()).unwrap();
                }
            })
        };
        let stderr = read(Box::new(child.stderr.take().unwrap()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut addr = None;
        while addr.is_none() {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended: {}", said.lock().unwrap());
            let host = line.trim().strip_prefix("http://localhost:");
            addr = host.map(|port| format!("127.0.0.1:{port}"));
            said.lock().unwrap().push_str(&line);
        }
        let readers = vec![stderr, read(Box::new(stdout))];
        Self {
            child,
            addr: addr.unwrap(),
            said,
            readers,
        }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(&self.addr).await.unwrap()
    }

    /// Ends as a program does that has a fault, which is when systems keep its memory.
    #[cfg(unix)]
    fn crash(mut self) -> (std::process::ExitStatus, String) {
        let kill = Command::new("kill")
            .args(["-ABRT", &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let status = self.child.wait().unwrap();
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        let said = self.said.lock().unwrap().clone();
        (status, said)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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

/// A browser of the person.
struct Visit<'a> {
    gateway: &'a Gateway,
    cookie: String,
    found: &'a mut Haystack,
}

impl Visit<'_> {
    async fn ask(&mut self, head: &str) -> Answer {
        let cookie = &self.cookie;
        let answer = ask(self.gateway.tcp().await, &format!("{head}\n{cookie}")).await;
        self.found.add(&format!("HTTP {head}"), answer.bytes());
        answer
    }

    async fn send(&mut self, head: &str, body: &Value) -> Answer {
        let cookie = &self.cookie;
        let all = format!("{head}\n{cookie}");
        let answer = send(self.gateway.tcp().await, &all, body).await;
        self.found.add(&format!("HTTP {head}"), answer.bytes());
        answer
    }

    /// The next final response, as it came and as it reads.
    async fn hear(&mut self, browser: &mut Browser, status: u16) -> Response {
        loop {
            let frame = tokio::time::timeout(PATIENCE, browser.next()).await;
            let frame = frame.expect("nothing came").unwrap().unwrap();
            let Frame::Text(text) = frame else { continue };
            self.found.add("the WebSocket", text.as_bytes().to_vec());
            let response = crate::upstream::response(text.as_bytes());
            if response.status != Status::TRYING {
                assert_eq!(response.status.code(), status, "{text}");
                return response;
            }
        }
    }

    async fn register(
        &mut self,
        browser: &mut Browser,
        user: &str,
        domain: &str,
        pbx: Option<&UdpSocket>,
        planted: &Planted<'_>,
    ) {
        say(browser, &register(user, domain, 1, ""), "").await;
        if let Some(pbx) = pbx {
            let (request, gateway) = asked(pbx, Method::Register).await;
            let mut refusal = Response::to(&request, Status::UNAUTHORIZED, Some("r"));
            let challenge = "Digest realm=\"asterisk\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
            refusal
                .headers
                .push_raw(HeaderName::WwwAuthenticate, challenge);
            pbx.send_to(&refusal.to_bytes(), gateway).await.unwrap();
        }
        let challenge = challenge_of(&self.hear(browser, 401).await);
        let uri = format!("sip:{domain}");
        let head = format!("POST /api/v1/accounts/{user}@{domain}/response");
        let asked_for = question(&challenge, "REGISTER", &uri);
        let answer = self.send(&head, &asked_for).await;
        let response = answer.json()["response"].as_str().unwrap().to_owned();
        let expected = Question::new(&challenge, user, &Method::Register, &uri, &[], "c1", 1);
        let expected = expected.unwrap().response(&Secret::new(planted.secret));
        assert_eq!(
            *response, *expected,
            "the secret that is looked for was not used"
        );
        let header = authorization(&challenge, user, &Method::Register, &uri, &response);
        say(browser, &register(user, domain, 2, &header), "").await;
        if let Some(pbx) = pbx {
            let (request, gateway) = asked(pbx, Method::Register).await;
            let mut ok = Response::to(&request, Status::OK, Some("r"));
            ok.reason = planted.reason.into();
            ok.headers.contact = request.headers.contact.clone();
            ok.headers.push_raw(HeaderName::Expires, "600");
            pbx.send_to(&ok.to_bytes(), gateway).await.unwrap();
        }
        self.hear(browser, 200).await;
    }
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
    // And in every form.
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
