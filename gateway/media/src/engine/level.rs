//! Sockets that the system tells of as long as something is left to read. A packet of a call most
//! likely is the only one: to ask whether another follows would take a twentieth of what it does.

use std::io;

use mio::net::UdpSocket;
use mio::{Registry, Token};

/// Whether the system tells again of what was left.
pub(super) const TELLS_AGAIN: bool = cfg!(target_os = "linux");

/// Watches `socket`, by level where the system can.
///
/// # Errors
/// When the system can watch no more.
#[cfg(target_os = "linux")]
pub(super) fn watch(registry: &Registry, socket: &mut UdpSocket, token: Token) -> io::Result<()> {
    use rustix::event::epoll::{EventData, EventFlags, add};

    let data = EventData::new_u64(token.0 as u64);
    Ok(add(registry, &*socket, data, EventFlags::IN)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn watch(registry: &Registry, socket: &mut UdpSocket, token: Token) -> io::Result<()> {
    registry.register(socket, token, mio::Interest::READABLE)
}
