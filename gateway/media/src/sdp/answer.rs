//! Writing an answer.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use super::offer::Section;
use super::{Direction, Fingerprint, Format, Offer};

/// What the answer says about our end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalTransport<'a> {
    /// The candidates, best first; never empty.
    pub(crate) candidates: &'a [SocketAddr],
    pub(crate) fingerprint: &'a Fingerprint,
    pub(crate) ice_ufrag: &'a str,
    pub(crate) ice_pwd: &'a str,
}

/// An answer; its text is its [`Display`].
pub(crate) struct Answer<'a> {
    pub(crate) offer: &'a Offer,
    pub(crate) transport: LocalTransport<'a>,
    pub(crate) session_id: u64,
    /// Grows with every answer of a leg (RFC 3264 §8).
    pub(crate) version: u64,
    pub(crate) direction: Direction,
    /// Best first; never empty.
    pub(crate) formats: &'a [Format],
    pub(crate) ssrc: u32,
}

impl Display for Answer<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (id, version) = (self.session_id, self.version);
        write!(f, "v=0\r\no=sidetone {id} {version} IN IP4 0.0.0.0\r\n")?;
        write!(f, "s=-\r\nt=0 0\r\n")?;
        let audio = &self.offer.audio;
        if let (true, Some(mid)) = (audio.bundled, &audio.mid) {
            write!(f, "a=group:BUNDLE {mid}\r\n")?;
        }
        write!(f, "a=ice-lite\r\n")?;
        for (index, section) in self.offer.sections.iter().enumerate() {
            if index == audio.index {
                self.write_audio(f, section)?;
            } else {
                write_refused(f, section)?;
            }
        }
        Ok(())
    }
}

impl Answer<'_> {
    fn write_audio(&self, f: &mut Formatter<'_>, section: &Section) -> fmt::Result {
        let LocalTransport {
            candidates,
            fingerprint,
            ice_ufrag,
            ice_pwd,
        } = self.transport;
        let first = candidates[0];
        write!(f, "m=audio {} {}", first.port(), section.protocol)?;
        for format in self.formats {
            write!(f, " {}", format.payload_type)?;
        }
        let family = if first.is_ipv4() { "IP4" } else { "IP6" };
        write!(f, "\r\nc=IN {family} {}\r\n", first.ip())?;
        if let Some(mid) = &section.mid {
            write!(f, "a=mid:{mid}\r\n")?;
        }
        write!(f, "a=ice-ufrag:{ice_ufrag}\r\na=ice-pwd:{ice_pwd}\r\n")?;
        // The browser is the DTLS client: it starts when its ICE is ready and never has to wait
        // for a hello of ours that came too early and was lost.
        write!(f, "a=fingerprint:{fingerprint}\r\na=setup:passive\r\n")?;
        write!(f, "a={}\r\na=rtcp-mux\r\n", self.direction.as_str())?;
        for format in self.formats {
            let pt = format.payload_type;
            write!(f, "a=rtpmap:{pt} {}\r\n", format.rtpmap)?;
            if let Some(fmtp) = &format.fmtp {
                write!(f, "a=fmtp:{pt} {fmtp}\r\n")?;
            }
        }
        if self.direction.sends() {
            write!(f, "a=msid:sidetone sidetone-audio\r\n")?;
            write!(f, "a=ssrc:{} cname:sidetone\r\n", self.ssrc)?;
        }
        for (index, candidate) in candidates.iter().enumerate() {
            let (ip, port) = (candidate.ip(), candidate.port());
            let priority = host_priority(index);
            let foundation = index + 1;
            write!(
                f,
                "a=candidate:{foundation} 1 udp {priority} {ip} {port} typ host\r\n"
            )?;
        }
        write!(f, "a=end-of-candidates\r\n")
    }
}

/// RFC 8445 §5.1.2.1, for component 1 of a host candidate.
fn host_priority(index: usize) -> u32 {
    let local_preference = 65_535 - u32::try_from(index).unwrap_or(65_535).min(65_535);
    (126 << 24) | (local_preference << 8) | 255
}

/// RFC 3264 §6: a refused line keeps its place and gets port 0.
fn write_refused(f: &mut Formatter<'_>, section: &Section) -> fmt::Result {
    let (kind, protocol) = (&section.kind, &section.protocol);
    let formats = section.formats.join(" ");
    write!(f, "m={kind} 0 {protocol} {formats}\r\nc=IN IP4 0.0.0.0\r\n")?;
    if let Some(mid) = &section.mid {
        write!(f, "a=mid:{mid}\r\n")?;
    }
    write!(f, "a=inactive\r\n")
}
