//! A PBX over UDP that answers everything at once.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::sip;

/// How often a 200 to an INVITE is repeated until its ACK comes (RFC 3261 §13.3.1.4).
const REPEAT: Duration = Duration::from_millis(500);

/// Starts it; it lives as long as the program.
pub(crate) fn start() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let here = socket.local_addr().unwrap();
    // Bursts must find room.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket.set_read_timeout(Some(REPEAT)).unwrap();
    let thread = std::thread::Builder::new().name("pbx".to_owned());
    thread.spawn(move || answer(&socket, here)).unwrap();
    here
}

/// A 200 to an INVITE, to whom it went, and when it goes there again.
type Accepted = (String, SocketAddr, Instant);

fn answer(socket: &UdpSocket, here: SocketAddr) {
    let contact = format!("sip:answering@{here}");
    let mut unconfirmed: HashMap<String, Accepted> = HashMap::new();
    let mut look = Instant::now() + REPEAT;
    let mut buffer = [0; 8192];
    loop {
        let now = Instant::now();
        if now >= look {
            look = now + REPEAT / 2;
            let unconfirmed = unconfirmed.values_mut();
            for (response, to, due) in unconfirmed.filter(|(.., due)| *due <= now) {
                *due = now + REPEAT;
                // A server that has ended needs no answer.
                let _ = socket.send_to(response.as_bytes(), *to);
            }
        }
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let request = std::str::from_utf8(&buffer[..length]).unwrap();
        let call = sip::header(request, "Call-ID").unwrap_or_default();
        if request.starts_with("ACK ") || request.starts_with("BYE ") {
            unconfirmed.remove(call);
        }
        for response in sip::answers(request, &contact) {
            let _ = socket.send_to(response.as_bytes(), from);
            if request.starts_with("INVITE ") && sip::status(&response) == 200 {
                unconfirmed.insert(call.to_owned(), (response, from, now + REPEAT));
            }
        }
    }
}
