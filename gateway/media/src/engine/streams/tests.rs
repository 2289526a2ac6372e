use std::net::TcpStream as Client;

use mio::{Events, Poll};

use super::*;

const FIRST: usize = 10;
const LISTENER: Token = Token(0);

struct Fixture {
    poll: Poll,
    streams: Streams,
    now: Instant,
    client: Client,
    token: Token,
    from: SocketAddr,
}

impl Fixture {
    fn new() -> Self {
        let mut poll = Poll::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut streams = Streams::new(listener, poll.registry(), LISTENER, FIRST).unwrap();
        let client = Client::connect(streams.listener.local_addr().unwrap()).unwrap();
        let from = client.local_addr().unwrap();
        let now = Instant::now();
        while streams.by_address.is_empty() {
            poll.poll(&mut Events::with_capacity(8), None).unwrap();
            streams.accept(now, poll.registry());
        }
        Self {
            poll,
            streams,
            now,
            client,
            token: Token(FIRST),
            from,
        }
    }

    /// The next packet, waited for.
    fn read(&mut self) -> Result<Vec<u8>, Frame> {
        let mut buffer = [0; 100];
        loop {
            match self.streams.read(self.token, &mut buffer) {
                Frame::Packet(length) => return Ok(buffer[..length].to_vec()),
                Frame::Pending => {
                    let mut events = Events::with_capacity(8);
                    self.poll.poll(&mut events, None).unwrap();
                }
                closed @ Frame::Closed => return Err(closed),
            }
        }
    }
}

#[test]
fn packets_come_whole_however_they_are_cut() {
    let mut fixture = Fixture::new();
    let bytes = b"\0\x05hello\0\0\0\x03you\0\x01!";
    for byte in bytes {
        fixture.client.write_all(&[*byte]).unwrap();
    }
    for expected in [&b"hello"[..], b"", b"you", b"!"] {
        assert_eq!(fixture.read().unwrap(), expected);
    }
}

#[test]
fn packets_go_with_their_length_and_wait_for_the_network() {
    let mut fixture = Fixture::new();
    let mut sent = 0_usize;
    // Until neither the network nor we take more.
    while fixture
        .streams
        .send(fixture.from, &[(sent % 251) as u8; 1000])
    {
        sent += 1;
    }
    let unsent = fixture.streams.streams[&fixture.token].unsent.len();
    assert!(
        unsent > MAX_UNSENT - 1002 && unsent <= MAX_UNSENT + 2,
        "{unsent}"
    );
    let mut packet = [0; 1002];
    for n in 0..sent {
        // What is read makes room.
        fixture.streams.on_writable(fixture.token);
        fixture.client.read_exact(&mut packet).unwrap();
        assert_eq!(packet[..2], [3, 232]);
        assert!(packet[2..].iter().all(|byte| *byte == (n % 251) as u8));
    }
    assert!(
        !fixture
            .streams
            .send("127.0.0.1:9".parse().unwrap(), b"nobody")
    );
}

#[test]
fn a_packet_longer_than_any_of_a_call_ends_the_stream() {
    let mut fixture = Fixture::new();
    fixture.client.write_all(&[0, 101]).unwrap();
    assert_eq!(fixture.read(), Err(Frame::Closed));
    assert!(fixture.streams.by_address.is_empty());
    assert_eq!(fixture.client.read(&mut [0; 1]).unwrap(), 0, "closed");
}

#[test]
fn the_end_of_a_stream_is_told_once_and_forgotten() {
    let mut fixture = Fixture::new();
    fixture.client.write_all(b"\0\x02ok\0").unwrap();
    fixture.client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(fixture.read().unwrap(), b"ok");
    assert_eq!(fixture.read(), Err(Frame::Closed));
    assert_eq!(fixture.streams.address(fixture.token), None);
    assert!(fixture.streams.streams.is_empty());
}

#[test]
fn of_many_strangers_the_oldest_give_way() {
    let mut fixture = Fixture::new();
    fixture.streams.on_known(fixture.from);
    let to = fixture.streams.listener.local_addr().unwrap();
    // One after the other, lest the queue of the system overflow.
    let clients: Vec<Client> = (1..=MAX_STRANGERS + 2)
        .map(|number| {
            let client = Client::connect(to).unwrap();
            while fixture.streams.next <= FIRST + number {
                let mut events = Events::with_capacity(8);
                fixture.poll.poll(&mut events, None).unwrap();
                fixture.streams.accept(fixture.now, fixture.poll.registry());
            }
            client
        })
        .collect();
    let is_open = |number: usize| fixture.streams.address(Token(FIRST + number)).is_some();
    assert!(is_open(0), "it is known");
    let open = (1..=clients.len()).filter(|number| is_open(*number));
    assert_eq!(
        open.collect::<Vec<_>>(),
        (3..=clients.len()).collect::<Vec<_>>()
    );
}

#[test]
fn strangers_are_closed_and_others_stay() {
    for is_known in [false, true] {
        let mut fixture = Fixture::new();
        if is_known {
            fixture.streams.on_known(fixture.from);
        }
        let due = fixture.streams.poll_timeout().unwrap();
        assert_eq!(due, fixture.now + STRANGER);
        let registry = fixture.poll.registry();
        let soon = due - Duration::from_millis(1);
        fixture.streams.handle_timeout(soon, registry);
        assert!(fixture.streams.address(fixture.token).is_some());
        fixture.streams.handle_timeout(due, registry);
        assert_eq!(fixture.streams.address(fixture.token).is_some(), is_known);
        assert_eq!(fixture.streams.poll_timeout(), None);
    }
}
