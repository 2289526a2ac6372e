use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sidetone::config::{Switch, Tls};
use sidetone::{Arguments, Config, Gateway};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

/// What is not there by then will never be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The demo on free ports, with its data in `dir`.
pub(crate) fn demo(dir: &TempDir) -> Config {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut config = Config {
        listen: any,
        data: dir.path().join("data"),
        switch: Switch::demo(),
        tls: Tls::Off,
        ..Config::default()
    };
    config.media.listen = Some(any);
    config.media.advertise = vec![any.ip()];
    config
}

/// Gives a configuration the people and accounts of the demo: alice has 101.
pub(crate) fn with_people(config: &mut Config) {
    let arguments = Arguments {
        demo: true,
        ..Arguments::default()
    };
    let demo = Config::load(arguments, []).unwrap();
    (config.people, config.accounts) = (demo.people, demo.accounts);
}

/// A gateway and the folder that it needs.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) dir: TempDir,
}

impl Running {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = demo(&dir);
        change(&mut config);
        let gateway = Gateway::start(config).await.unwrap();
        Self { gateway, dir }
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.gateway.addr()).await.unwrap()
    }

    /// One request over plain HTTP.
    pub(crate) async fn ask(&self, head: &str) -> Answer {
        ask(self.tcp().await, head).await
    }

    /// One request with a JSON body.
    pub(crate) async fn send(&self, head: &str, body: &Value) -> Answer {
        send(self.tcp().await, head, body).await
    }

    /// A handshake for SIP.
    pub(crate) fn handshake(&self) -> Request {
        let url = format!("ws://{}/sip", self.gateway.addr());
        let mut request = url.into_client_request().unwrap();
        let sip = "sip".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", sip);
        request
    }
}

/// An HTTP answer, to look into.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// All of it, as it came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

/// Sends `head` (a request line and perhaps headers, parted by `\n`) and reads to the end.
pub(crate) async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> Answer {
    exchange(stream, head, "").await
}

/// The same with a JSON body.
pub(crate) async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &Value,
) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let head = format!("{head}\nContent-Type: application/json\nContent-Length: {length}");
    exchange(stream, &head, &body).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &str,
) -> Answer {
    let (line, rest) = head.split_once('\n').unwrap_or((head, ""));
    let mut request = format!("{line} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n");
    for header in rest.lines() {
        request += header;
        request += "\r\n";
    }
    request += "\r\n";
    request += body;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let all = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes));
    all.await.expect("the answer did not end").unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("no end of the head");
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}
