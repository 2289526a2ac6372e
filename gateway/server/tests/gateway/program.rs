//! The program itself.

use std::path::Path;
#[cfg(unix)]
use std::process::{Child, Stdio};
use std::process::{Command, Output};

pub(crate) fn sidetone(dir: &Path) -> Command {
    prepared(Command::new(env!("CARGO_BIN_EXE_sidetone")), dir)
}

/// The same within limits, as the shell's `ulimit` takes them.
#[cfg(unix)]
pub(crate) fn sidetone_within(ulimit: &str, dir: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {ulimit}; exec \"$0\" \"$@\"")]);
    shell.arg(env!("CARGO_BIN_EXE_sidetone"));
    prepared(shell, dir)
}

/// The demo on free ports; what it says is there to be read.
#[cfg(unix)]
pub(crate) fn serve_demo(mut command: Command) -> Child {
    command
        .args(["serve", "--demo", "--listen", "127.0.0.1:0"])
        .env("SIDETONE_MEDIA_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Tells it to stop, which it does as it should.
#[cfg(unix)]
pub(crate) fn stop(child: &mut Child) {
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    assert!(child.wait().unwrap().success());
}

fn prepared(mut command: Command, dir: &Path) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIDETONE_")) {
        command.env_remove(name);
    }
    command.current_dir(dir);
    command
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn check_config_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.toml"), "listen = '127.0.0.1:0'").unwrap();
    std::fs::write(dir.path().join("bad.toml"), "listen = 'here'").unwrap();
    let check = |file: &str| {
        let arguments = ["check-config", "--config", file];
        sidetone(dir.path()).args(arguments).output().unwrap()
    };
    let good = check("good.toml");
    assert!(good.status.success());
    assert_eq!(good.stdout, b"The configuration is right.\n");
    let bad = check("bad.toml");
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        stderr(&bad).starts_with("bad.toml:1: `listen` is \"here\""),
        "{}",
        stderr(&bad)
    );
    let by_variable = sidetone(dir.path())
        .arg("check-config")
        .env("SIDETONE_CONFIG", "bad.toml")
        .output()
        .unwrap();
    assert_eq!(by_variable.status.code(), Some(2));
    // Nothing but the two files: checking opens nothing.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn check_config_warns_of_a_low_limit_of_open_files() {
    let dir = tempfile::tempdir().unwrap();
    let check = |ulimit| {
        let output = sidetone_within(ulimit, dir.path())
            .arg("check-config")
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let low = check("-n 1000");
    let expected = "The configuration is right.\n\
                    But this process may have only 1000 files open, and each connection is one: ";
    assert!(low.starts_with(expected), "{low}");
    // What can be raised is no reason to warn.
    assert_eq!(check("-Sn 1000"), "The configuration is right.\n");
}

#[test]
fn check_config_tries_the_upstreams() {
    let dir = tempfile::tempdir().unwrap();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let upstream = |name: &str, uri: &str| {
        format!("[[upstream]]\nname = '{name}'\ndomain = '{name}.example'\nuri = '{uri}'\n")
    };
    let check = |toml: String| {
        std::fs::write(dir.path().join("sidetone.toml"), toml).unwrap();
        let arguments = ["check-config", "--config", "sidetone.toml"];
        sidetone(dir.path()).args(arguments).output().unwrap()
    };
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = asked.lines();
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for line in lines.filter(|line| kept.iter().any(|name| line.starts_with(name))) {
            answer += &format!("{line}\r\n");
        }
        answer += "Content-Length: 0\r\n\r\n";
        socket.send_to(answer.as_bytes(), from).unwrap();
    });
    let good = check(upstream("office", &format!("sip:{addr};transport=udp")));
    answering.join().unwrap();
    let words = std::str::from_utf8(&good.stdout).unwrap();
    assert!(words.contains("Upstream office: reached\n"), "{words}");
    assert!(
        words.contains("answers OPTIONS with 200 OK after "),
        "{words}"
    );
    assert!(good.status.success());
    let bad = check(upstream("away", "sip:pbx.invalid"));
    let words = std::str::from_utf8(&bad.stdout).unwrap();
    assert!(words.contains("Upstream away: NOT reached\n"), "{words}");
    assert_eq!(bad.status.code(), Some(1));
}

#[test]
fn a_start_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "file/data"];
    let output = sidetone(dir.path()).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = stderr(&output);
    assert!(
        words.contains("Sidetone can't start: the data folder file/data"),
        "{words}"
    );
}

#[cfg(unix)]
#[test]
fn it_says_where_it_is_and_stops_when_it_is_told() {
    use std::io::{BufRead, BufReader, Read};
    let dir = tempfile::tempdir().unwrap();
    let mut child = serve_demo(sidetone(dir.path()));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = String::new();
    while !told.contains("Ctrl-C stops it.") {
        told += &lines.next().expect("it ended").unwrap();
        told += "\n";
    }
    assert!(told.contains("http://localhost:"), "{told}");
    assert!(told.contains("105  Admin  password demo-105"), "{told}");
    assert!(
        told.contains("Or by name: alice, password alice-demo"),
        "{told}"
    );
    stop(&mut child);
    let mut log = String::new();
    child.stderr.unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("shutting down"), "{log}");
    assert!(!log.contains("demo-10"), "a password is in the log: {log}");
    assert!(dir.path().join("data/sidetone.sqlite").is_file());
}
