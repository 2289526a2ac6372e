//! Servers as processes, and what the system says of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to come up.
const START: Duration = Duration::from_secs(60);
/// Of the times in `/proc/PID/stat`; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process with its children, which end with it.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// `None` if there is no such program.
    pub(crate) fn start(command: &mut Command) -> Option<Self> {
        command.stdin(Stdio::null());
        match command.spawn() {
            Ok(child) => Some(Self { child }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// The first line that it prints.
    pub(crate) fn first_line(&mut self) -> String {
        let out = self.child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Waits until it takes connections.
    pub(crate) fn await_port(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server at {address} ended: {ended:?}");
            assert!(Instant::now() < deadline, "nobody answers at {address}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Microseconds that it has run, in user space and in the kernel.
    pub(crate) fn cpu(&self) -> f64 {
        let ticks: u64 = self.members().iter().map(|stat| stat.ticks).sum();
        ticks as f64 / TICKS_PER_SECOND * 1e6
    }

    /// Bytes of memory that it has in use.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes.unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// It and its children, and theirs.
    fn members(&self) -> Vec<Stat> {
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let path = entry.ok()?.path().join("stat");
            Stat::parse(&fs::read_to_string(path).ok()?)
        });
        let (mut found, mut others): (Vec<Stat>, Vec<Stat>) =
            all.partition(|stat| stat.id == self.child.id());
        let mut next = 0;
        while let Some(Stat { id: parent, .. }) = found.get(next) {
            let children = others.extract_if(.., |stat| stat.parent == *parent);
            let children: Vec<Stat> = children.collect();
            found.extend(children);
            next += 1;
        }
        found
    }
}

fn signal(name: &str, process: u32) {
    let mut kill = Command::new("kill");
    kill.args(["-s", name, &process.to_string()]);
    // One that is gone needs none.
    let _ = kill.stderr(Stdio::null()).status();
}

impl Drop for Process {
    fn drop(&mut self) {
        let members = self.members();
        signal("TERM", self.child.id());
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            for Stat { id, .. } in members {
                signal("KILL", id);
            }
        }
        let _ = self.child.wait();
    }
}

/// What `/proc/PID/stat` says.
struct Stat {
    id: u32,
    parent: u32,
    /// utime and stime.
    ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name, in parentheses, may hold anything.
        let (start, rest) = text.rsplit_once(") ")?;
        let (id, _) = start.split_once(" (")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            id: id.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks(11)? + ticks(12)?,
        })
    }
}

/// A port that is free for both TCP and UDP just now.
pub(crate) fn free_port() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
