//! The gateway as a process that crashes in the end, and all that it said.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::net::TcpStream;

use crate::program::sidetone;

/// The program, and all that it says.
pub(super) struct Gateway {
    pub(super) child: Child,
    pub(super) addr: String,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Gateway {
    pub(super) fn start(dir: &Path) -> Self {
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

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(&self.addr).await.unwrap()
    }

    /// Ends as a program does that has a fault, which is when systems keep its memory.
    #[cfg(unix)]
    pub(super) fn crash(mut self) -> (std::process::ExitStatus, String) {
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
