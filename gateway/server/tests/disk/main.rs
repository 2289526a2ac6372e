//! A gateway whose disk is full: a small one of its own, that nobody else sees.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../calls/phone.rs"]
mod phone;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use phone::{Heard, Phone, audio};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

const PASSWORD: &str = "the same for all";

/// Four extensions and three people.
fn config() -> String {
    let mut config = "
listen = '127.0.0.1:0'
data = 'data'
[media]
listen = '127.0.0.1:0'
[switch]
domain = 'demo.local'
[bridge]
listen = '127.0.0.1:0'
[[upstream]]
name = 'office'
domain = 'office.example'
uri = 'sip:127.0.0.1:9;transport=udp'
"
    .to_owned();
    for number in ["101", "102", "103", "104"] {
        config += &format!(
            "[[extension]]\nnumber = '{number}'\nname = '{number}'\nsecret = 'demo-{number}'\n"
        );
    }
    let hash = hash();
    for (name, user) in [("alice", "101"), ("bob", "102"), ("carol", "103")] {
        config += &format!("[[person]]\nname = '{name}'\npassword = '{hash}'\n");
        config += &format!("[[account]]\nperson = '{name}'\nuser = '{user}'\n");
    }
    config
}

/// What the configuration keeps of the password.
fn hash() -> String {
    let mut hashing = Command::new(env!("CARGO_BIN_EXE_sidetone"))
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = hashing.stdin.take().unwrap();
    writeln!(typed, "{PASSWORD}").unwrap();
    drop(typed);
    let output = hashing.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A shell whose folder is a disk of 1 MiB; it runs `$GATEWAY` as often as the test has it do.
struct Disk {
    shell: Child,
    said: BufReader<std::process::ChildStdout>,
    log: Arc<Mutex<Vec<String>>>,
    /// The disk, seen from outside.
    root: PathBuf,
    _folder: TempDir,
}

impl Disk {
    fn run(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "mount -t tmpfs -o size=1m,mode=700 tmpfs \"$0\" && cd \"$0\" && {{ {script}\n}}"
        );
        let mut command = Command::new("unshare");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIDETONE_")) {
            command.env_remove(name);
        }
        let mut shell = command
            .args(["--mount", "sh", "-c", &script])
            .arg(folder.path())
            .env("CONFIG", config())
            .env("GATEWAY", env!("CARGO_BIN_EXE_sidetone"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(shell.stderr.take().unwrap()).lines();
        let heard = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.for_each(|line| heard.lock().unwrap().push(line.unwrap()))
        });
        let root = PathBuf::from(format!("/proc/{}/root", shell.id()));
        Self {
            root: root.join(folder.path().strip_prefix("/").unwrap()),
            said: BufReader::new(shell.stdout.take().unwrap()),
            shell,
            log,
            _folder: folder,
        }
    }

    /// The next line on standard output that has this.
    fn says(&mut self, part: &str) -> String {
        let mut lines = String::new();
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            assert!(read > 0, "it never said {part}: {lines}{:?}", self.log());
            if line.contains(part) {
                return line;
            }
            lines += &line;
        }
    }

    /// Where the gateway that is started next serves.
    fn address(&mut self) -> SocketAddr {
        let line = self.says("http://localhost:");
        let (_, port) = line.trim().rsplit_once(':').unwrap();
        SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What of the log has this, once there is any.
    fn logs(&self, part: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut lines = self.log();
            lines.retain(|line| line.contains(part));
            if !lines.is_empty() {
                return lines;
            }
            assert!(
                Instant::now() < deadline,
                "{part} is not in {:?}",
                self.log()
            );
            std::thread::yield_now();
        }
    }

    fn has_not_panicked(&self) {
        assert!(
            !self.log().join("\n").contains("panicked"),
            "{:?}",
            self.log()
        );
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.root.join("filler")).unwrap();
        loop {
            match filler.write_all(&[0; 512]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn clear(&self) {
        fs::remove_file(self.root.join("filler")).unwrap();
    }

    /// Ends the gateway without a word.
    fn kill(&self) {
        let shell = self.shell.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let killed = Command::new("kill").args(["-9", children.trim()]).status();
        assert!(killed.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let shell = self.shell.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let _ = self.shell.kill();
        for child in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-9", child]).status();
        }
        let _ = self.shell.wait();
    }
}

/// The status, the cookie if one is set, and the body.
fn ask(at: SocketAddr, head: &str, body: &str) -> (u16, Option<String>, String) {
    let (line, rest) = head.split_once('\n').unwrap_or((head, ""));
    let mut request = format!("{line} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n");
    for header in rest.lines() {
        request += &format!("{header}\r\n");
    }
    let length = body.len();
    request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.map(|set| format!("Cookie: {}", set.split(';').next().unwrap()));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, cookie, body.to_owned())
}

fn sign_in(at: SocketAddr, name: &str) -> String {
    let body = format!(r#"{{"name": "{name}", "password": "{PASSWORD}"}}"#);
    let (status, cookie, body) = ask(at, "POST /api/v1/session", &body);
    assert_eq!(status, 200, "{body}");
    cookie.expect("no cookie")
}

/// Who has this cookie; `null` if nobody.
fn who(at: SocketAddr, cookie: &str) -> String {
    ask(at, &format!("GET /api/v1/session\n{cookie}"), "").2
}

async fn talk(at: SocketAddr, from: &str, to: &str) -> (Phone, Phone, sidetone_sip::SessionId) {
    let mut caller = Phone::sign_in(at, from).await;
    let mut called = Phone::sign_in(at, to).await;
    let call = caller.call(to, audio("offer")).await;
    assert!(matches!(called.hear().await, Heard::Incoming { .. }));
    called.answer("answer").await;
    let accepted = Heard::Accepted(audio("answer").bytes);
    assert_eq!(caller.hear().await, accepted);
    assert_eq!(called.hear().await, Heard::Confirmed);
    (caller, called, call)
}

async fn hang_up(caller: &mut Phone, called: &mut Phone, call: sidetone_sip::SessionId) {
    caller.hang_up(call).await;
    assert!(matches!(
        called.hear().await,
        Heard::Ended { status: None, .. }
    ));
}

const SERVE: &str = r#""$GATEWAY" serve --config sidetone.toml"#;

#[test]
#[ignore = "needs a file system of its own"]
fn a_start_without_room_says_so_and_a_start_with_room_is_as_if_nothing_had_been() {
    let fill = "cat /dev/zero > filler 2> /dev/null";
    let mut disk = Disk::run(&format!(
        "printf '%s' \"$CONFIG\" > sidetone.toml
         {fill}; {SERVE}; echo \"ended with $?\"
         rm filler; {SERVE}; {fill}; {SERVE}; echo \"ended with $?\"
         rm filler; {SERVE}"
    ));
    for _ in 0..2 {
        disk.says("ended with 1");
        let words = disk.logs("Sidetone can't start: ").join("\n");
        assert!(words.contains("no room left on the disk of "), "{words}");
        let at = disk.address();
        assert_eq!(ask(at, "GET /readyz", "").2, "ready\n");
        disk.has_not_panicked();
        disk.log.lock().unwrap().clear();
        disk.kill();
    }
}

#[tokio::test]
#[ignore = "needs a file system of its own"]
async fn whoever_is_there_or_comes_is_served_and_all_is_written_when_there_is_room() {
    let mut disk = Disk::run(&format!(
        "printf '%s' \"$CONFIG\" > sidetone.toml; {SERVE}; {SERVE}"
    ));
    let at = disk.address();
    let alice = sign_in(at, "alice");
    let (mut one, mut other, call) = talk(at, "101", "102").await;
    disk.fill();

    // Who comes now.
    let bob = sign_in(at, "bob");
    assert!(who(at, &bob).contains("bob"));
    let (status, _, body) = ask(at, &format!("POST /api/v1/session/ticket\n{bob}"), "{}");
    assert_eq!(status, 200, "{body}");
    let (mut third, mut fourth, late) = talk(at, "103", "104").await;
    hang_up(&mut third, &mut fourth, late).await;
    // Who was there.
    assert!(who(at, &alice).contains("alice"));
    hang_up(&mut one, &mut other, call).await;
    let (status, ..) = ask(at, &format!("DELETE /api/v1/session\n{alice}"), "");
    assert_eq!(status, 204);
    assert_eq!(who(at, &alice), "null");
    let carol = sign_in(at, "carol");
    // It says so, and the log but once.
    let (status, _, words) = ask(at, "GET /readyz", "");
    assert_eq!(status, 200);
    assert!(
        words.starts_with("ready, but there is no room left on the disk of "),
        "{words}"
    );
    assert_eq!(disk.logs("no room left on the disk").len(), 1);

    disk.clear();
    assert_eq!(ask(at, "GET /readyz", "").2, "ready\n");
    assert_eq!(disk.logs("the disk has room again").len(), 1);
    disk.has_not_panicked();
    disk.kill();
    let at = disk.address();
    assert!(who(at, &bob).contains("bob"));
    assert!(who(at, &carol).contains("carol"));
    assert_eq!(who(at, &alice), "null");
}
