mod conversion;
mod course;
mod descriptions;
mod keys;

use super::*;
use crate::sdp::{Direction, Fingerprint, Hash, LocalTransport, Offer};
use crate::transport::dtls::Role;

const FINGERPRINT: &str = "a=fingerprint:sha-256 \
00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";
const RTPMAPS: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
const ALL: &str = "111 9 0 8 110 126";

fn web(formats: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
         a=ice-ufrag:them\r\na=ice-pwd:secret\r\n{FINGERPRINT}\r\na=setup:actpass\r\n\
         a=rtcp-mux\r\n{RTPMAPS}{lines}"
    )
}

fn plain(media: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 9 9 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}\r\n{lines}"
    )
}

struct Call {
    negotiation: Negotiation,
    fingerprint: Fingerprint,
    /// Makes each key another one.
    keys: std::cell::Cell<u8>,
}

impl Call {
    fn new(srtp: PbxSrtp) -> Self {
        let local = "192.0.2.1:20000".parse().unwrap();
        Self {
            negotiation: Negotiation::new(local, srtp, [5, 6]),
            fingerprint: Fingerprint {
                hash: Hash::Sha256,
                digest: vec![0xab; 32],
            },
            keys: std::cell::Cell::new(0),
        }
    }

    fn browser_offers(&mut self, text: &str) -> String {
        let keys = &self.keys;
        let make = |suite: Suite| key(suite, keys);
        let offer = Offer::parse(text).unwrap();
        self.negotiation.on_browser_offer(offer, &make).unwrap()
    }

    fn pbx_answers(&mut self, text: &str) -> (Option<Agreement>, String) {
        let agreement = self.negotiation.on_pbx_answer(text).unwrap();
        let candidates = ["192.0.2.1:4000".parse().unwrap()];
        let transport = local(&self.fingerprint, &candidates);
        let answer =
            self.negotiation
                .answer_browser(agreement.as_ref(), transport, Role::Server, 99);
        (agreement, answer)
    }

    fn pbx_offers(&mut self, text: &str) -> Result<String, RelayError> {
        let candidates = ["192.0.2.1:4000".parse().unwrap()];
        let transport = local(&self.fingerprint, &candidates);
        self.negotiation.on_pbx_offer(text, transport, 99)
    }

    fn browser_answers(&mut self, text: &str) -> (Option<Agreement>, String) {
        let keys = &self.keys;
        let make = |suite: Suite| key(suite, keys);
        let settled = self.negotiation.on_browser_answer(text, &make).unwrap();
        let agreement = settled.map(|(agreement, _)| agreement);
        let answer = self.negotiation.answer_pbx(agreement.as_ref());
        (agreement, answer)
    }
}

fn key(suite: Suite, made: &std::cell::Cell<u8>) -> Option<MasterKey> {
    made.set(made.get() + 1);
    let joined = vec![made.get(); suite.key_length() + suite.salt_length()];
    MasterKey::from_joined(suite, &joined)
}

fn local<'a>(fingerprint: &'a Fingerprint, candidates: &'a [SocketAddr]) -> LocalTransport<'a> {
    LocalTransport {
        candidates,
        takes_streams: false,
        fingerprint,
        ice_ufrag: "ours",
        ice_pwd: "password",
    }
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    let mut lines = text.lines();
    lines
        .find(|line| line.starts_with(start))
        .unwrap_or_else(|| panic!("no {start} in {text}"))
}

fn numbers(agreement: &Agreement) -> Vec<(u8, u8, u8, u8)> {
    let pairs = agreement.formats.iter();
    pairs
        .map(|p| (p.browser.hears, p.browser.sends, p.pbx.hears, p.pbx.sends))
        .collect()
}
