//! Bytes into the reader: what it reads is printed, and the print reads as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidetone_sip::Message;
use sidetone_sip::message::{Incoming, Limits, read_frame};

fuzz_target!(|frame: &[u8]| {
    let limits = Limits::default();
    match read_frame(frame, &limits) {
        Incoming::Message(message) => {
            let printed = message.to_bytes();
            let again = read_frame(&printed, &limits);
            assert_eq!(again, Incoming::Message(message));
        }
        // Nothing but a request is answered, an ACK never, and the answer can be read.
        Incoming::Refused(refusal) => {
            assert!(!frame.starts_with(b"SIP/2.0") && !frame.starts_with(b"ACK "));
            let again = read_frame(&refusal.response.to_bytes(), &limits);
            assert_eq!(
                again,
                Incoming::Message(Message::Response(*refusal.response))
            );
        }
        Incoming::Ping | Incoming::Pong | Incoming::Dropped(_) => {}
    }
});
