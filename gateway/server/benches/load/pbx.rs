//! A PBX over UDP that answers everything at once.

use std::net::{SocketAddr, UdpSocket};

use super::sip;

/// Starts it; it lives as long as the program.
pub(crate) fn start() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let here = socket.local_addr().unwrap();
    // Bursts must find room.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    let thread = std::thread::Builder::new().name("pbx".to_owned());
    thread.spawn(move || answer(&socket, here)).unwrap();
    here
}

fn answer(socket: &UdpSocket, here: SocketAddr) {
    let contact = format!("sip:answering@{here}");
    let mut buffer = [0; 8192];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let request = std::str::from_utf8(&buffer[..length]).unwrap();
        for response in sip::answers(request, &contact) {
            // A server that has ended needs no answer.
            let _ = socket.send_to(response.as_bytes(), from);
        }
    }
}
