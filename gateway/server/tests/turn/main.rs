//! The gateway's credentials at a real TURN server: coturn, asked by coturn's own client.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use sidetone::config::{IceCredentials, IceServer};
use sidetone::{Arguments, Config, Gateway};
use sidetone_sip::auth::Secret;

const SECRET: &str = "known to both";

/// coturn, ended with the test.
struct Coturn {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Coturn {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let mut process = Command::new("turnserver")
            .args([
                "-n",
                "--no-tls",
                "--no-dtls",
                "--no-cli",
                "--log-file=stdout",
            ])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .args(["--allow-loopback-peers", "--realm=sidetone.test"])
            .args([
                "--use-auth-secret",
                &format!("--static-auth-secret={SECRET}"),
            ])
            .arg(format!("--listening-port={port}"))
            .arg(format!(
                "--userdb={}",
                folder.path().join("users").display()
            ))
            .arg(format!("--pidfile={}", folder.path().join("pid").display()))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It says nothing when it is up, but takes connections then.
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(process.try_wait().unwrap().is_none(), "coturn ended");
            assert!(Instant::now() < deadline, "coturn takes no connections");
            std::thread::yield_now();
        }
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    /// Whether its client gets an allocation, and data through it.
    fn allocates(&self, username: &str, password: &str) -> bool {
        let client = Command::new("turnutils_uclient")
            .args(["-y", "-c", "-n", "2", "-m", "1"])
            .args(["-u", username, "-w", password])
            .args(["-p", &self.port.to_string(), "127.0.0.1"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        client.status.success()
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the gateway tells a browser: user name and password.
async fn credentials(lifetime: Duration) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let demo = Arguments {
        demo: true,
        ..Arguments::default()
    };
    let mut config = Config {
        listen: any,
        data: dir.path().join("data"),
        ice_servers: vec![IceServer {
            urls: vec!["turn:127.0.0.1".to_owned()],
            credentials: IceCredentials::Shared {
                secret: Secret::new(SECRET),
                lifetime,
            },
        }],
        ..Config::load(demo, []).unwrap()
    };
    config.media.listen = Some(any);
    let gateway = Gateway::start(config).await.unwrap();
    let addr = gateway.addr();
    let asking = tokio::task::spawn_blocking(move || {
        let name = r#"{"name": "alice", "password": "alice-demo"}"#;
        let signed_in = ask(addr, "POST /api/v1/session", "", name);
        let (_, cookie) = signed_in.split_once("set-cookie: ").unwrap();
        let cookie = cookie.split(';').next().unwrap();
        ask(
            addr,
            "GET /api/v1/ice-servers",
            &format!("Cookie: {cookie}\r\n"),
            "",
        )
    });
    let answer = asking.await.unwrap();
    gateway.shutdown().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("cache-control: no-store"), "{head}");
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(told["lifetime"], lifetime.as_secs());
    let server = &told["ice_servers"][0];
    let text = |field: &str| server[field].as_str().unwrap().to_owned();
    (text("username"), text("credential"))
}

fn ask(addr: SocketAddr, line: &str, header: &str, json: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let length = json.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n{header}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs coturn"]
async fn coturn_takes_them_until_they_expire() {
    let coturn = Coturn::start();
    let (username, password) = credentials(Duration::from_secs(600)).await;
    assert!(coturn.allocates(&username, &password));
    let (_, of_another) = credentials(Duration::from_secs(600)).await;
    assert!(
        !coturn.allocates(&username, &of_another),
        "a wrong password"
    );
    let (expired, password) = credentials(Duration::ZERO).await;
    let (end, _) = expired.split_once(':').unwrap();
    let end: u64 = end.parse().unwrap();
    while UNIX_EPOCH.elapsed().unwrap().as_secs() <= end {
        tokio::task::yield_now().await;
    }
    assert!(!coturn.allocates(&expired, &password), "it is too late");
}
