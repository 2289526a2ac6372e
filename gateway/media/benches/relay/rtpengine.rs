//! rtpengine as a process of its own, in userspace, told of calls by its ng protocol.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::Contender;
use super::cores::Time;
use super::load::{Identity, Line, Load};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) struct Daemon {
    child: Child,
    control: UdpSocket,
    /// One cookie twice would get the first answer again.
    asked: std::cell::Cell<u32>,
    identity: Identity,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let to = socket().local_addr().unwrap();
        let child = Command::new("rtpengine")
            .args([
                "--foreground",
                "--table=-1",
                "--log-stderr",
                "--log-level=2",
            ])
            .args(["--config-file=none", "--interface=127.0.0.1"])
            .args(["--port-min=10000", "--port-max=19999"])
            // Its calls last while it is the others' turn.
            .args(["--timeout=3600", "--silent-timeout=3600"])
            // It has one core, and is quicker there with one thread.
            .arg("--num-threads=1")
            .arg(format!("--listen-ng={to}"))
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // Nobody else is heard: some relay may still say hello to a port that is used again.
        let control = socket();
        control.connect(to).unwrap();
        let daemon = Self {
            child,
            control,
            asked: std::cell::Cell::new(0),
            identity: Identity::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while daemon.try_ask("ping", &[]).is_none() {
            assert!(Instant::now() < deadline, "rtpengine does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(daemon)
    }

    pub(crate) fn contender(&self, name: &'static str, dtls: bool) -> Contender<'_> {
        let pid = self.child.id().to_string();
        let mut calls = 0;
        let dial = move || {
            calls += 1;
            self.call(calls, dtls)
        };
        let time = move || Time::of(&pid, None);
        Contender {
            process: Some(Pid::from_child(&self.child)),
            ..Contender::new(name, Load::default(), Box::new(dial), Box::new(time))
        }
    }

    fn call(&self, number: usize, dtls: bool) -> Line {
        let mut line = Line::new();
        let describe = |port: u16, media: &str, lines: &str| {
            format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio {port} {media} 0\r\na=sendrecv\r\n{lines}"
            )
        };
        let (web, secure) = match dtls {
            true => (
                "UDP/TLS/RTP/SAVPF",
                format!(
                    "a=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:{}\r\n",
                    self.identity.fingerprint
                ),
            ),
            false => ("RTP/AVP", String::new()),
        };
        let id = format!("{number}-{dtls}");
        let offer = describe(line.browser_address().port(), web, &secure);
        let for_pbx = self.ask(
            "offer",
            &[
                ("call-id", &id),
                ("from-tag", "browser"),
                ("sdp", &offer),
                ("transport-protocol", "RTP/AVP"),
                ("ICE", "remove"),
            ],
        );
        let answer = describe(line.pbx_address().port(), "RTP/AVP", "");
        let for_browser = self.ask(
            "answer",
            &[
                ("call-id", &id),
                ("from-tag", "browser"),
                ("to-tag", "pbx"),
                ("sdp", &answer),
                ("transport-protocol", web),
                ("ICE", "remove"),
            ],
        );
        line.set_relay([port(&for_browser), port(&for_pbx)]);
        if dtls {
            // It says hello itself, unless it is told to be passive.
            line.shake_hands(&self.identity, for_browser.contains("a=setup:passive"));
        }
        line
    }

    fn ask(&self, command: &str, pairs: &[(&str, &str)]) -> String {
        let answer = self.try_ask(command, pairs).expect("an answer");
        let (_, sdp) = answer
            .split_once("3:sdp")
            .unwrap_or_else(|| panic!("{answer}"));
        let (length, sdp) = sdp.split_once(':').unwrap();
        sdp[..length.parse().unwrap()].to_owned()
    }

    fn try_ask(&self, command: &str, pairs: &[(&str, &str)]) -> Option<String> {
        let text = |text: &str| format!("{}:{text}", text.len());
        self.asked.set(self.asked.get() + 1);
        let cookie = self.asked.get();
        let mut question = format!("{cookie} d{}{}", text("command"), text(command));
        for (key, value) in pairs {
            question += &text(key);
            question += &text(value);
        }
        question += "e";
        // An earlier answer that came too late.
        self.control.set_nonblocking(true).unwrap();
        let mut buffer = [0; 8192];
        while self.control.recv(&mut buffer).is_ok() {}
        self.control.set_nonblocking(false).unwrap();
        self.control.send(question.as_bytes()).ok()?;
        let length = self.control.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

fn port(sdp: &str) -> SocketAddr {
    let line = sdp.lines().find_map(|line| line.strip_prefix("m=audio "));
    let port = line.unwrap().split(' ').next().unwrap();
    SocketAddr::new(HERE, port.parse().unwrap())
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((HERE, 0)).unwrap();
    let patience = Duration::from_millis(200);
    socket.set_read_timeout(Some(patience)).unwrap();
    socket
}
