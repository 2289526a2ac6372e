//! The gateway itself, as it is shipped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::process::{Process, free_port};
use super::server::Server;
use super::sip::{self, DOMAIN};

/// What stands behind its edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The switch alone, with this many people.
    Switch(usize),
    /// The bridge, but phones register at the switch behind it.
    SwitchBehindBridge(usize),
    /// The bridge and this PBX.
    Pbx(SocketAddr),
}

/// Starts it; logs are as sparse as those of the others.
pub(crate) fn start(name: &'static str, behind: Behind) -> Server {
    start_on(name, behind, None)
}

/// Starts it, on one processor only if that is named.
pub(crate) fn start_on(name: &'static str, behind: Behind, processor: Option<usize>) -> Server {
    let address = free_port();
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("sidetone.toml");
    std::fs::write(&config, settings(behind)).unwrap();
    let program = env!("CARGO_BIN_EXE_sidetone");
    let mut command = match processor {
        Some(processor) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &processor.to_string(), program]);
            command
        }
        None => Command::new(program),
    };
    command
        .args(["serve", "--listen", &address.to_string(), "--config"])
        .arg(&config)
        .arg("--data")
        .arg(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command).expect("cargo has built it");
    process.await_port(address);
    Server::new(name, address, "/sip", vec![process]).keeping(data)
}

fn settings(behind: Behind) -> String {
    let mut text = String::from(
        "[sip]\nflows = 20000\nflows_per_address = 20000\nping_interval = \"10m\"\n\
         [log]\nfilter = \"warn\"\n[media]\nlisten = \"127.0.0.1:0\"\n",
    );
    let upstream = |domain: &str, pbx: SocketAddr| {
        format!(
            "[bridge]\nlisten = \"127.0.0.1:0\"\n[[upstream]]\nname = \"load\"\n\
             domain = \"{domain}\"\nuri = \"sip:{pbx};transport=udp\"\nmedia = \"relay\"\n"
        )
    };
    let people = match behind {
        Behind::Switch(people) => people,
        Behind::SwitchBehindBridge(people) => {
            text += &upstream("elsewhere.test", free_port());
            people
        }
        Behind::Pbx(pbx) => {
            text += &upstream(DOMAIN, pbx);
            return text;
        }
    };
    let _ = writeln!(text, "[switch]\ndomain = \"{DOMAIN}\"");
    for number in 10_000..10_000 + people {
        let secret = sip::secret(&number.to_string());
        let _ = writeln!(
            text,
            "[[extension]]\nnumber = \"{number}\"\nsecret = \"{secret}\""
        );
    }
    text
}
