//! The least: a thread that reads each datagram and sends it on as it is. It is told which socket to
//! read, once for each burst, so that it neither polls nor sleeps between two packets.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};

use super::load::{Line, Load, socket};
use super::{CALLS, Contender, cpu};

pub(crate) fn contender() -> Contender {
    let (mut lines, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let (there, back) = (socket(), socket());
        let line = Line::new([&there, &back].map(|socket| socket.local_addr().unwrap()));
        relayed.push((there, line.pbx_address()));
        relayed.push((back, line.browser_address()));
        lines.push(line);
    }
    let (told, sockets) = channel();
    let thread = std::thread::Builder::new().name("floor".to_owned());
    thread.spawn(move || forward(&sockets, &relayed)).unwrap();
    let tell = move |sent: &[usize]| told.send(sent.to_vec()).unwrap();
    Contender::new(
        "floor: receive, send",
        Load::new(lines).telling(Box::new(tell)),
        Box::new(|| cpu("self", Some("floor"))),
    )
}

fn forward(sockets: &Receiver<Vec<usize>>, relayed: &[(UdpSocket, SocketAddr)]) {
    let mut buffer = [0; 2048];
    while let Ok(sent) = sockets.recv() {
        for index in sent {
            let (socket, to) = &relayed[index];
            let (length, _) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&buffer[..length], *to).unwrap();
        }
    }
}
