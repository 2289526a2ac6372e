//! What holds of any bytes that are read, here and in the fuzzer.

use sidetone_sip::Message;
use sidetone_sip::message::{Incoming, Limits, Repairs, read_frame, read_frame_of_pbx};

/// As anybody's frame and as a PBX's: mended is only what is refused from anybody, and into something
/// that anybody may send.
pub(crate) fn judge(frame: &[u8]) {
    let limits = Limits::default();
    let incoming = read_frame(frame, &limits);
    let mut repairs = Repairs::default();
    let of_pbx = read_frame_of_pbx(frame, &limits, &mut repairs);
    let is_mended = of_pbx != incoming;
    assert_eq!(is_mended, repairs != Repairs::default());
    if is_mended {
        assert!(!matches!(incoming, Incoming::Message(_)));
        assert!(matches!(of_pbx, Incoming::Message(_)));
        judge_as(frame, of_pbx);
    }
    judge_as(frame, incoming);
}

/// What is printed reads as the same again.
fn judge_as(frame: &[u8], incoming: Incoming) {
    let limits = Limits::default();
    match incoming {
        Incoming::Message(message) => {
            let again = read_frame(&message.to_bytes(), &limits);
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
}
