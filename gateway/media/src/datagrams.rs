//! Datagrams, by system calls without the C library: it makes each of them a point where a thread may
//! be cancelled, for which every packet would pay twice.

use std::io;
use std::net::SocketAddr;

use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// The next one, of which no more is taken than `buffer` holds: its length, and where it is from.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::WouldBlock`] when there is none.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let space = buffer.len();
    let (_, length, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::empty())?;
    let from = from.ok_or(Errno::AFNOSUPPORT)?;
    Ok((length.min(space), from.try_into()?))
}

/// To whom `socket` is connected.
///
/// # Errors
/// Those of the system.
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

/// # Errors
/// Those of the system.
pub(crate) fn send_to(socket: impl AsFd, to: SocketAddr, bytes: &[u8]) -> io::Result<usize> {
    let flags = SendFlags::NOSIGNAL;
    Ok(rustix::net::sendto(socket, bytes, flags, &to)?)
}
