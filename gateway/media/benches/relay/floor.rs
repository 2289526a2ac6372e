//! The least: a thread that reads each datagram and sends it on as it is. It is told which socket to
//! read, once for each burst, so that it neither polls nor sleeps between two packets.

use std::net::UdpSocket;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};

use super::cores::Time;
use super::load::{Line, Load};
use super::{CALLS, Contender};

pub(crate) fn contender() -> Contender<'static> {
    let (mut lines, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let [there, back] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut line = Line::new();
        line.set_relay([&there, &back].map(|socket| socket.local_addr().unwrap()));
        there.connect(line.browser_address()).unwrap();
        back.connect(line.pbx_address()).unwrap();
        relayed.extend([there, back]);
        lines.push(line);
    }
    let (told, sockets) = channel();
    let thread = std::thread::Builder::new().name("floor".to_owned());
    thread.spawn(move || forward(&sockets, &relayed)).unwrap();
    let tell = move |sent: Range<usize>| told.send(sent).unwrap();
    let mut lines = lines.into_iter();
    Contender::new(
        "floor: receive, send",
        Load::telling(Box::new(tell)),
        Box::new(move || lines.next().unwrap()),
        Box::new(|| Time::of("self", Some("floor"))),
    )
}

/// The sockets of a call follow each other.
fn forward(sockets: &Receiver<Range<usize>>, relayed: &[UdpSocket]) {
    let mut buffer = [0; 2048];
    while let Ok(sent) = sockets.recv() {
        for index in sent {
            let length = relayed[index].recv(&mut buffer).unwrap();
            relayed[index ^ 1].send(&buffer[..length]).unwrap();
        }
    }
}
