//! What the engine does when there are no more files; in a process of its own, which has none then.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sidetone_media::{Media, MediaConfig};
use socket2::{Domain, Socket, Type};

/// Longer than any packet: whoever is heard to say so is shown the door.
const NONSENSE: [u8; 2] = [0xff; 2];

#[tokio::test]
async fn whoever_connects_while_there_are_no_more_files_is_taken_once_there_are() {
    let config = MediaConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertise: Vec::new(),
        relay_ports: MediaConfig::RELAY_PORTS,
    };
    let media = Media::start(config).await.unwrap();
    let mut stream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let neighbour = UdpSocket::bind("127.0.0.1:0").unwrap();
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..limit
    };

    setrlimit(Resource::Nofile, none).unwrap();
    stream.connect(&media.local_addr().into()).unwrap();
    // What came before that has been looked at by the time it is counted.
    neighbour.send_to(&NONSENSE, media.local_addr()).unwrap();
    while media.counters().received == 0 {
        thread::yield_now();
    }
    setrlimit(Resource::Nofile, limit).unwrap();

    stream.write_all(&NONSENSE).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it is heard");
}
