//! As much SIP as a load needs, written by hand: nothing of the gateway's is used.

use std::fmt::Write as _;

use md5::{Digest, Md5};

/// What all phones write behind the `@`, and the digest realm.
pub(crate) const DOMAIN: &str = "load.test";

/// The password of a number.
pub(crate) fn secret(user: &str) -> String {
    format!("secret-of-{user}")
}

/// What a message says in a header: the first of that name.
pub(crate) fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    headers(message, name).next()
}

/// All headers of a name, in order. Nobody here uses compact names or folds lines.
pub(crate) fn headers<'a>(message: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().skip(1).filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// The status of a response; 0 of a request.
pub(crate) fn status(message: &str) -> u16 {
    let rest = message.strip_prefix("SIP/2.0 ");
    let code = rest.and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The method in CSeq.
pub(crate) fn method(message: &str) -> &str {
    let cseq = header(message, "CSeq").unwrap_or_default();
    cseq.split(' ').nth(1).unwrap_or_default()
}

/// The registration of one number, as its phone keeps it.
pub(crate) struct Registration {
    user: String,
    cseq: u32,
    challenge: Option<Challenge>,
}

struct Challenge {
    nonce: String,
    count: u32,
}

impl Registration {
    pub(crate) fn new(user: String) -> Self {
        Self {
            user,
            cseq: 0,
            challenge: None,
        }
    }

    /// The next REGISTER, with a digest if a challenge is known.
    pub(crate) fn request(&mut self) -> String {
        self.cseq += 1;
        let (user, cseq) = (&self.user, self.cseq);
        let authorization = self.challenge.as_mut().map(|challenge| {
            challenge.count += 1;
            authorization(user, challenge)
        });
        format!(
            "REGISTER sip:{DOMAIN} SIP/2.0\r\n\
             Via: SIP/2.0/WS {user}.invalid;branch=z9hG4bKr{user}x{cseq}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{DOMAIN}>;tag=from-{user}\r\n\
             To: <sip:{user}@{DOMAIN}>\r\n\
             Call-ID: registration-of-{user}\r\n\
             CSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{user}@{user}.invalid;transport=ws>;reg-id=1;\
             +sip.instance=\"<urn:uuid:00000000-0000-4000-8000-{user:0>12}>\";expires=3600\r\n\
             Supported: outbound, path\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, INFO, UPDATE\r\n\
             User-Agent: Load/1\r\n\
             {}Content-Length: 0\r\n\r\n",
            authorization.unwrap_or_default()
        )
    }

    /// Notes the challenge of a 401.
    pub(crate) fn on_challenge(&mut self, response: &str) {
        let mut challenges = headers(response, "WWW-Authenticate");
        let ours = |challenge: &&str| !challenge.contains("SHA");
        let challenge = challenges.find(ours).expect("a challenge for MD5");
        let (_, nonce) = challenge.split_once("nonce=\"").expect("a nonce");
        let (nonce, _) = nonce.split_once('"').expect("a quoted nonce");
        self.challenge = Some(Challenge {
            nonce: nonce.to_owned(),
            count: 0,
        });
    }
}

/// RFC 7616 §3.4.1 with MD5 and qop=auth.
fn authorization(user: &str, challenge: &Challenge) -> String {
    let (nonce, count) = (&challenge.nonce, challenge.count);
    let uri = format!("sip:{DOMAIN}");
    let a1 = md5(&format!("{user}:{DOMAIN}:{}", secret(user)));
    let a2 = md5(&format!("REGISTER:{uri}"));
    let response = md5(&format!("{a1}:{nonce}:{count:08x}:load:auth:{a2}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\", algorithm=MD5, cnonce=\"load\", qop=auth, \
         nc={count:08x}\r\n"
    )
}

fn md5(text: &str) -> String {
    let mut hex = String::new();
    for byte in Md5::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A call as its caller knows it.
#[derive(Default)]
pub(crate) struct Call {
    /// Names it; also its CSeq, which need only grow.
    number: u32,
    user: String,
    to: String,
    target: String,
    routes: String,
}

/// What a browser offers: DTLS-SRTP, ICE, Opus before G.711.
const OFFER: &str = "v=0\r\no=- 4611733054762223410 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
a=group:BUNDLE 0\r\na=msid-semantic: WMS load\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 126\r\nc=IN IP4 127.0.0.1\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
a=candidate:1 1 udp 2122260223 127.0.0.1 9 typ host generation 0\r\n\
a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:\
5E:EA:6F:AF:52:CE:E6:0F\r\na=setup:actpass\r\na=mid:0\r\n\
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:load audio\r\n\
a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:load\r\n";

/// The INVITE of call `number` from `user`, and the call.
pub(crate) fn invite(user: &str, number: u32) -> (String, Call) {
    let call = Call {
        number,
        user: user.to_owned(),
        ..Call::default()
    };
    let lines = format!(
        "Contact: <sip:{user}@{user}.invalid;transport=ws>\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, INFO, UPDATE\r\n\
         Supported: outbound, replaces\r\nUser-Agent: Load/1\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    );
    let to = format!("<sip:{ANSWERING}@{DOMAIN}>");
    let target = format!("sip:{ANSWERING}@{DOMAIN}");
    let text = call.request("INVITE", "i", number, &target, &to, &lines);
    (text, call)
}

/// Whom all calls are for.
const ANSWERING: &str = "answering";

impl Call {
    /// Whether a message is of this call.
    pub(crate) fn has(&self, message: &str) -> bool {
        header(message, "Call-ID").is_some_and(|id| id == self.id())
    }

    fn id(&self) -> String {
        format!("call-{}-of-{}", self.number, self.user)
    }

    /// The ACK to a final response, which makes the dialog if it is a 200.
    pub(crate) fn acknowledge(&mut self, response: &str) -> String {
        let to = header(response, "To").expect("To").to_owned();
        let end = "Content-Length: 0\r\n\r\n";
        if status(response) >= 300 {
            // RFC 3261 §17.1.1.3: that of the INVITE's own transaction.
            let target = format!("sip:{ANSWERING}@{DOMAIN}");
            return self.request("ACK", "i", self.number, &target, &to, end);
        }
        let contact = header(response, "Contact").expect("Contact");
        let (_, uri) = contact.split_once('<').expect("a URI");
        self.target = uri.split('>').next().unwrap_or_default().to_owned();
        let mut routes: Vec<&str> = headers(response, "Record-Route").collect();
        routes.reverse();
        // A list in one header is in order too.
        let reversed = routes.iter().map(|list| {
            let mut uris: Vec<&str> = list.split(',').map(str::trim).collect();
            uris.reverse();
            format!("Route: {}\r\n", uris.join(", "))
        });
        self.routes = reversed.collect();
        self.to = to;
        let lines = format!("{}{end}", self.routes);
        self.request("ACK", "a", self.number, &self.target, &self.to, &lines)
    }

    /// The BYE of the dialog.
    pub(crate) fn bye(&self) -> String {
        let lines = format!("{}Content-Length: 0\r\n\r\n", self.routes);
        self.request("BYE", "b", self.number + 1, &self.target, &self.to, &lines)
    }

    fn request(
        &self,
        method: &str,
        branch: &str,
        cseq: u32,
        target: &str,
        to: &str,
        lines: &str,
    ) -> String {
        let (user, number, id) = (&self.user, self.number, self.id());
        format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/WS {user}.invalid;branch=z9hG4bK{branch}{user}x{number}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{DOMAIN}>;tag=of-call-{number}\r\n\
             To: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} {method}\r\n{lines}"
        )
    }
}

/// The answering machine's side: plain RTP.
const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
m=audio 9000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
a=sendrecv\r\n";

/// What a PBX that takes everything answers, in order.
pub(crate) fn answers(request: &str, contact: &str) -> Vec<String> {
    let line = |name: &str| {
        let all = headers(request, name);
        all.map(|value| format!("{name}: {value}\r\n")).collect()
    };
    let answer = |status: &str, more: &str| {
        let copied: String = ["Via", "Record-Route", "From"].map(line).concat();
        let to = header(request, "To").unwrap_or_default();
        let tag = if to.contains("tag=") { "" } else { ";tag=pbx" };
        let rest: String = ["Call-ID", "CSeq"].map(line).concat();
        format!("SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\n{rest}{more}")
    };
    let end = "Content-Length: 0\r\n\r\n";
    match request.split(' ').next().unwrap_or_default() {
        "ACK" | "SIP/2.0" => Vec::new(),
        "REGISTER" => {
            let contact: String = line("Contact");
            vec![answer(
                "200 OK",
                &format!("{contact}Expires: 3600\r\n{end}"),
            )]
        }
        "INVITE" => {
            let here = format!("Contact: <{contact}>\r\n");
            let length = ANSWER.len();
            let accepted = format!(
                "{here}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{ANSWER}"
            );
            vec![
                answer("180 Ringing", &format!("{here}{end}")),
                answer("200 OK", &accepted),
            ]
        }
        _ => vec![answer("200 OK", end)],
    }
}
