//! How many INVITEs a second are read, looked into and printed again, beside `rsip` 0.4.
//!
//! Natively: `cargo bench -p sidetone-sip --bench parse`. In WebAssembly, ours alone: the same
//! with `--target wasm32-unknown-unknown` and `wasm-bindgen-test-runner` as runner.

use std::hint::black_box;

use sidetone_sip::message::{Allow, ContentType, Incoming, Limits, Supported, read_frame};
use sidetone_sip::{Message, Method};

const INVITE: &str = concat!(
    "INVITE sip:102@demo.local SIP/2.0\r\n",
    "Via: SIP/2.0/WSS a3k9vd2m1l0p.invalid;branch=z9hG4bK6512847;rport\r\n",
    "Via: SIP/2.0/UDP 192.0.2.14:5060;branch=z9hG4bKnashds8;received=192.0.2.14\r\n",
    "Max-Forwards: 69\r\n",
    "To: <sip:102@demo.local>\r\n",
    "From: \"Alice Example\" <sip:101@demo.local>;tag=lq2m6qbr7u\r\n",
    "Call-ID: 8qf0c9l3d2k1j5h7g6f4\r\n",
    "CSeq: 6312 INVITE\r\n",
    "Contact: <sip:o8f5kd3q@a3k9vd2m1l0p.invalid;transport=ws;ob>\r\n",
    "Record-Route: <sip:edge.demo.local;transport=ws;lr>\r\n",
    "Content-Type: application/sdp\r\n",
    "Session-Expires: 90\r\n",
    "Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\r\n",
    "Supported: timer,ice,replaces,outbound\r\n",
    "User-Agent: Sidetone 0.1.0\r\n",
    "Content-Length: 517\r\n",
    "\r\n",
    "v=0\r\n",
    "o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n",
    "s=-\r\n",
    "t=0 0\r\n",
    "a=group:BUNDLE 0\r\n",
    "m=audio 53821 UDP/TLS/RTP/SAVPF 111 9 0 8 110\r\n",
    "c=IN IP4 192.0.2.20\r\n",
    "a=rtcp:9 IN IP4 0.0.0.0\r\n",
    "a=candidate:1 1 udp 2113937151 192.0.2.20 53821 typ host generation 0\r\n",
    "a=candidate:2 1 tcp 1518214911 192.0.2.20 9 typ host tcptype active generation 0\r\n",
    "a=ice-ufrag:Rk4M\r\n",
    "a=ice-pwd:2kqZxJH3MkYLrS7yWcUeVb0a\r\n",
    "a=setup:actpass\r\n",
    "a=mid:0\r\n",
    "a=sendrecv\r\n",
    "a=rtcp-mux\r\n",
    "a=rtpmap:111 opus/48000/2\r\n",
    "a=fmtp:111 minptime=10;useinbandfec=1\r\n",
    "a=rtpmap:0 PCMU/8000\r\n",
);

/// Reads, looks at what a call needs, prints.
fn ours(frame: &[u8]) -> Vec<u8> {
    let Incoming::Message(Message::Request(request)) = read_frame(frame, &Limits::default()) else {
        panic!("the message was not accepted");
    };
    let headers = &request.headers;
    assert_eq!(headers.via[0].branch(), Some("z9hG4bK6512847"));
    assert_eq!(headers.from.tag(), Some("lq2m6qbr7u"));
    assert!(headers.to.tag().is_none());
    assert_eq!(headers.cseq.method, Method::Invite);
    assert!(
        headers.contact.list()[0]
            .uri
            .as_sip()
            .is_some_and(|uri| uri.params.has("ob"))
    );
    let media = headers.typed::<ContentType>();
    assert!(matches!(media, Ok(Some(media)) if media.media_type == "application/sdp"));
    assert!(matches!(headers.typed::<Allow>(), Ok(Some(allow)) if allow.has("BYE")));
    assert!(matches!(headers.typed::<Supported>(), Ok(Some(tags)) if tags.has("ice")));
    request.to_bytes()
}

/// The median; of an even number of times the upper one.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Microseconds per call, measured over `calls` of them.
fn micros(calls: u32, clock: &impl Fn() -> f64, work: &impl Fn(&[u8]) -> Vec<u8>) -> f64 {
    let start = clock();
    for _ in 0..calls {
        black_box(work(black_box(INVITE.as_bytes())));
    }
    (clock() - start) / f64::from(calls)
}

fn report(name: &str, micros: f64) -> String {
    let per_second = 1e6 / micros;
    let bytes = INVITE.len();
    format!("{name:8} {micros:6.2} µs per INVITE of {bytes} bytes, {per_second:8.0} a second")
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use rsip::Header;
    use rsip::prelude::{HeadersExt, ToTypedHeader};

    use super::{median, micros, ours, report};

    const ROUNDS: usize = 301;
    const CALLS: u32 = 100;

    /// As [`ours`], with what `rsip` has a type for.
    fn rsip(frame: &[u8]) -> Vec<u8> {
        let message = rsip::SipMessage::try_from(frame).expect("rsip reads it");
        let rsip::SipMessage::Request(request) = &message else {
            panic!("rsip takes it for a response");
        };
        let via = request.via_header().and_then(|via| via.typed());
        assert!(via.is_ok_and(|via| via.branch().is_some()));
        let from = request.from_header().and_then(|from| from.typed());
        assert!(from.is_ok_and(|from| from.tag().is_some()));
        assert!(request.to_header().and_then(|to| to.typed()).is_ok());
        assert!(request.cseq_header().and_then(|cseq| cseq.typed()).is_ok());
        let contact = request.contact_header().and_then(|contact| contact.typed());
        assert!(contact.is_ok());
        for header in request.headers.iter() {
            match header {
                Header::Via(via) => assert!(via.typed().is_ok()),
                Header::RecordRoute(route) => assert!(route.typed().is_ok()),
                Header::ContentType(kind) => assert!(kind.typed().is_ok()),
                Header::Allow(allow) => assert!(allow.typed().is_ok()),
                _ => {}
            }
        }
        message.to_string().into_bytes()
    }

    pub(super) fn run() {
        // The clock of a benchmark is the machine's; nothing of the core asks it.
        #[allow(clippy::disallowed_methods)]
        let start = std::time::Instant::now();
        let clock = || start.elapsed().as_secs_f64() * 1e6;
        let (mut our_times, mut their_times, mut ratios) = (vec![], vec![], vec![]);
        micros(CALLS, &clock, &ours);
        micros(CALLS, &clock, &rsip);
        for _ in 0..ROUNDS {
            let our_time = micros(CALLS, &clock, &ours);
            let their_time = micros(CALLS, &clock, &rsip);
            ratios.push(their_time / our_time);
            our_times.push(our_time);
            their_times.push(their_time);
        }
        println!("{}", report("sidetone", median(&mut our_times)));
        println!("{}", report("rsip 0.4", median(&mut their_times)));
        println!(
            "{:.1} times as fast (median of {ROUNDS} rounds)",
            median(&mut ratios)
        );
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use wasm_bindgen::prelude::wasm_bindgen;
    use wasm_bindgen_test::{Criterion, console_log, wasm_bindgen_bench};

    use super::{median, micros, ours, report};

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance)]
        fn now() -> f64;
    }

    /// The rounds are our own, as they are natively.
    #[wasm_bindgen_bench]
    fn parse(_: &mut Criterion) {
        let clock = || now() * 1e3;
        micros(2000, &clock, &ours);
        let mut times: Vec<f64> = (0..21).map(|_| micros(2000, &clock, &ours)).collect();
        console_log!("{} in WebAssembly", report("sidetone", median(&mut times)));
    }
}

fn main() {
    #[cfg(not(target_arch = "wasm32"))]
    native::run();
}
