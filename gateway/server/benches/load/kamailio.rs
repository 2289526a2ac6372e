//! Kamailio with its module for WebSockets, and rtpengine in userspace, where they are installed.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{Process, free_port};
use super::server::Server;
use super::sip::DOMAIN;

/// Kamailio as a registrar; `None` where it is not installed.
pub(crate) fn registrar(name: &'static str) -> Option<Server> {
    // Neither is sent anything.
    let nobody = free_port();
    start(name, nobody, nobody, Vec::new())
}

/// Kamailio and rtpengine on the way to a PBX; `None` where one of them is not installed.
pub(crate) fn with_rtpengine(name: &'static str, pbx: SocketAddr) -> Option<Server> {
    let control = free_port();
    let mut command = Command::new("rtpengine");
    command
        .args(["--foreground", "--table=-1", "--config-file=none"])
        .args(["--log-stderr", "--log-level=2", "--delete-delay=0"])
        // None that the system may give to others: rtpengine takes them away, were it its own
        // control port or Kamailio's.
        .args([
            "--interface=127.0.0.1",
            "--port-min=10000",
            "--port-max=19999",
        ])
        .arg(format!("--listen-ng={control}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let relay = Process::start(&mut command)?;
    // Kamailio does without a relay that isn't there when it starts.
    await_pong(control);
    start(name, pbx, control, vec![relay])
}

/// Waits until an rtpengine answers there.
fn await_pong(control: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let pause = Duration::from_millis(50);
    socket.set_read_timeout(Some(pause)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut answer = [0; 64];
    loop {
        socket.send_to(b"1 d7:command4:pinge", control).unwrap();
        match socket.recv(&mut answer) {
            Ok(length) if answer[..length].ends_with(b"4:ponge") => return,
            _ => assert!(Instant::now() < deadline, "rtpengine doesn't answer"),
        }
    }
}

fn start(
    name: &'static str,
    pbx: SocketAddr,
    rtpengine: SocketAddr,
    mut processes: Vec<Process>,
) -> Option<Server> {
    let (ws, udp) = (free_port(), free_port());
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("kamailio.cfg");
    let mut text = include_str!("kamailio.cfg").to_owned();
    let addresses = [
        ("ws", ws),
        ("udp", udp),
        ("pbx", pbx),
        ("rtpengine", rtpengine),
    ];
    for (word, address) in addresses {
        text = text.replace(&format!("{{{word}}}"), &address.to_string());
    }
    text = text.replace("{domain}", DOMAIN);
    std::fs::write(&config, text).unwrap();
    let mut check = Command::new("kamailio");
    let check = check.arg("-c").arg("-f").arg(&config).output().ok()?;
    if !check.status.success() {
        // Debian has its module for WebSockets in a package of its own.
        println!("{name}: {}", String::from_utf8_lossy(&check.stderr));
        return None;
    }
    let mut command = Command::new("kamailio");
    command
        // In the foreground, and with memory for all that may come.
        .args(["-DD", "-E", "-m", "512", "-M", "32", "-Y"])
        .arg(data.path())
        .arg("-f")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command)?;
    process.await_port(ws);
    processes.push(process);
    Some(Server::new(name, ws, "/", processes).keeping(data))
}
