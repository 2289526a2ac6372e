//! Who is measured.

use std::net::SocketAddr;

use tempfile::TempDir;

use super::phone::Phone;
use super::process::Process;

/// A server for WebSockets with SIP; it ends with this.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    address: SocketAddr,
    path: &'static str,
    processes: Vec<Process>,
    /// What they keep; it goes with them.
    _data: Option<TempDir>,
}

impl Server {
    pub(crate) fn new(
        name: &'static str,
        address: SocketAddr,
        path: &'static str,
        processes: Vec<Process>,
    ) -> Self {
        Self {
            name,
            address,
            path,
            processes,
            _data: None,
        }
    }

    pub(crate) fn keeping(self, data: TempDir) -> Self {
        Self {
            _data: Some(data),
            ..self
        }
    }

    /// Phone `number`, connected.
    pub(crate) fn connect(&self, number: usize) -> Phone {
        Phone::connect(self.name, self.address, self.path, number)
    }

    /// Microseconds that its processes have run.
    pub(crate) fn cpu(&self) -> f64 {
        self.processes.iter().map(Process::cpu).sum()
    }

    /// Bytes of memory that its processes have in use.
    pub(crate) fn memory(&self) -> u64 {
        self.processes.iter().map(Process::memory).sum()
    }
}
