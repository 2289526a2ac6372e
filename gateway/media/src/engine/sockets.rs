//! The two sockets of one port: that of datagrams and the one streams come to.

use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, UdpSocket};

/// So many ports are tried where any will do.
const TRIES: usize = 16;

/// Binds `address`; where it leaves the port open, one that nobody has for streams either.
///
/// # Errors
/// When nobody can have the datagrams; of the listener within.
pub(super) fn bind(address: SocketAddr) -> io::Result<(UdpSocket, io::Result<TcpListener>)> {
    bind_with(address, TcpListener::bind)
}

fn bind_with<T>(
    address: SocketAddr,
    mut listen: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<(UdpSocket, io::Result<T>)> {
    let mut others = if address.port() == 0 { TRIES - 1 } else { 0 };
    loop {
        let socket = UdpSocket::bind(address)?;
        match listen(socket.local_addr()?) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && others > 0 => others -= 1,
            listener => return Ok((socket, listener)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    /// Listens where `taken` ports have refused before.
    fn behind(
        taken: usize,
        tried: &mut Vec<SocketAddr>,
    ) -> impl FnMut(SocketAddr) -> io::Result<()> {
        move |address| {
            tried.push(address);
            if tried.len() > taken {
                return Ok(());
            }
            Err(io::ErrorKind::AddrInUse.into())
        }
    }

    #[test]
    fn any_port_is_one_that_is_free_for_both() {
        let mut tried = Vec::new();
        let (socket, listener) = bind_with(ANY.parse().unwrap(), behind(2, &mut tried)).unwrap();
        assert!(listener.is_ok());
        assert_eq!(tried.len(), 3);
        assert_eq!(tried[2], socket.local_addr().unwrap());
    }

    #[test]
    fn where_all_are_taken_for_streams_datagrams_remain() {
        let mut tried = Vec::new();
        let (_, listener) = bind_with(ANY.parse().unwrap(), behind(99, &mut tried)).unwrap();
        assert_eq!(listener.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(tried.len(), TRIES);
    }

    #[test]
    fn a_port_that_is_asked_for_is_not_exchanged() {
        let (held, _) = bind(ANY.parse().unwrap()).unwrap();
        let wanted = held.local_addr().unwrap();
        drop(held);
        let mut tried = Vec::new();
        let (_, listener) = bind_with(wanted, behind(1, &mut tried)).unwrap();
        assert_eq!(listener.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(tried, [wanted]);
    }

    #[test]
    fn what_ails_the_listener_otherwise_is_told_at_once() {
        let mut tries = 0;
        let refuse = |_| -> io::Result<()> {
            tries += 1;
            Err(io::ErrorKind::PermissionDenied.into())
        };
        let (_, listener) = bind_with(ANY.parse().unwrap(), refuse).unwrap();
        assert_eq!(
            listener.unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
        assert_eq!(tries, 1);
    }
}
