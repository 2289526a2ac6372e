//! One phone at the end of a WebSocket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::frames::{self, Frame};
use super::sip::{self, Registration};

/// What takes longer is counted as lost, and fails the measurement.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Phone {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// Whose phone it is.
    server: &'static str,
    pub(crate) user: String,
    pub(crate) registration: Registration,
}

impl Phone {
    /// Phone `number` at the server of this address.
    pub(crate) fn connect(
        server: &'static str,
        address: SocketAddr,
        path: &str,
        number: usize,
    ) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let user = (10_000 + number).to_string();
        let mut phone = Self {
            stream,
            inbox: Vec::new(),
            server,
            registration: Registration::new(user.clone()),
            user,
        };
        phone.shake_hands(address, path);
        phone
    }

    fn shake_hands(&mut self, server: SocketAddr, path: &str) {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: sip\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let end = loop {
            let ends = self.inbox.windows(4).position(|four| four == b"\r\n\r\n");
            match ends {
                Some(end) => break end,
                None => self.read(),
            }
        };
        let response: Vec<u8> = self.inbox.drain(..end + 4).collect();
        let response = String::from_utf8_lossy(&response);
        assert!(response.starts_with("HTTP/1.1 101"), "{response}");
    }

    pub(crate) fn say(&mut self, message: &str) {
        let mut frame = Vec::with_capacity(message.len() + 8);
        frames::write_text(message.as_bytes(), true, &mut frame);
        self.stream.write_all(&frame).unwrap();
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            match frames::take(&mut self.inbox) {
                Some(Frame::Text(text)) => return String::from_utf8(text).unwrap(),
                Some(Frame::Ping) => {
                    let mut pong = Vec::new();
                    frames::write_pong(&mut pong);
                    self.stream.write_all(&pong).unwrap();
                }
                Some(Frame::Pong) => {}
                Some(Frame::Close) => panic!("{} was closed", self.user),
                None => self.read(),
            }
        }
    }

    /// The next final response, which must be a 200.
    pub(crate) fn hear_ok(&mut self) -> String {
        loop {
            let message = self.hear();
            match sip::status(&message) {
                100..=199 => {}
                200 => return message,
                _ => panic!("{} heard {message}", self.user),
            }
        }
    }

    /// Registers, with a digest if one is asked for.
    pub(crate) fn register(&mut self) {
        let request = self.registration.request();
        self.say(&request);
        let response = self.hear();
        if sip::status(&response) == 401 {
            self.registration.on_challenge(&response);
            let request = self.registration.request();
            self.say(&request);
            self.hear_ok();
        } else {
            assert_eq!(sip::status(&response), 200, "{response}");
        }
    }

    /// Its parts, for a loop of events.
    pub(crate) fn into_parts(self) -> (String, Registration, TcpStream) {
        assert!(self.inbox.is_empty(), "something was said unasked");
        (self.user, self.registration, self.stream)
    }

    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        let length = match self.stream.read(&mut bytes) {
            Ok(length) => length,
            Err(error) => panic!("{} hears nothing at {}: {error}", self.user, self.server),
        };
        assert!(length > 0, "{} was cut off", self.user);
        self.inbox.extend(&bytes[..length]);
    }
}
