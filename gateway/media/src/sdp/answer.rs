//! Telling a browser: answers, and offers in the name of a PBX.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use super::description::{Pacing, Section};
use super::{Direction, Fingerprint, Format};

/// What the answer says about our end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalTransport<'a> {
    /// The candidates, best first; never empty.
    pub(crate) candidates: &'a [SocketAddr],
    /// Whether the same addresses take streams (RFC 6544).
    pub(crate) takes_streams: bool,
    pub(crate) fingerprint: &'a Fingerprint,
    pub(crate) ice_ufrag: &'a str,
    pub(crate) ice_pwd: &'a str,
}

/// A description for a browser; its text is its [`Display`].
pub(crate) struct WebDescription<'a> {
    pub(crate) session_id: u64,
    /// Grows with every description that differs from the one before (RFC 3264 §8).
    pub(crate) version: u64,
    /// All `m=` lines; those that are not ours are refused.
    pub(crate) sections: &'a [Section],
    /// Which is ours.
    pub(crate) index: usize,
    pub(crate) bundled: bool,
    /// `None`: that one is refused as well.
    pub(crate) audio: Option<WebLine<'a>>,
}

/// What is said of the audio line.
#[derive(Clone)]
pub(crate) struct WebLine<'a> {
    pub(crate) transport: LocalTransport<'a>,
    /// `a=setup`: `passive` in first answers, for then the browser is the DTLS client, which starts
    /// when its ICE is ready and never has to wait for a hello of ours that came too early and was lost.
    pub(crate) setup: &'static str,
    pub(crate) direction: Direction,
    /// Best first; never empty.
    pub(crate) formats: &'a [Format],
    pub(crate) pacing: Pacing,
    pub(crate) ssrc: u32,
}

impl Display for WebDescription<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (id, version) = (self.session_id, self.version);
        write!(f, "v=0\r\no=sidetone {id} {version} IN IP4 0.0.0.0\r\n")?;
        write!(f, "s=-\r\nt=0 0\r\n")?;
        let mid = self.sections.get(self.index).and_then(|s| s.mid.as_ref());
        if let (true, Some(mid), Some(_)) = (self.bundled, mid, &self.audio) {
            write!(f, "a=group:BUNDLE {mid}\r\n")?;
        }
        write!(f, "a=ice-lite\r\n")?;
        for (index, section) in self.sections.iter().enumerate() {
            match &self.audio {
                Some(line) if index == self.index => line.write(f, section)?,
                _ => write_refused(f, section)?,
            }
        }
        Ok(())
    }
}

impl WebLine<'_> {
    fn write(&self, f: &mut Formatter<'_>, section: &Section) -> fmt::Result {
        let LocalTransport {
            candidates,
            takes_streams,
            fingerprint,
            ice_ufrag,
            ice_pwd,
        } = self.transport;
        let first = candidates[0];
        write!(f, "m=audio {} {}", first.port(), section.protocol)?;
        let mut formats = String::new();
        write_formats(&mut formats, self.formats)?;
        let (payload_types, formats) = formats.split_once("\r\n").unwrap_or_default();
        let family = if first.is_ipv4() { "IP4" } else { "IP6" };
        write!(f, "{payload_types}\r\nc=IN {family} {}\r\n", first.ip())?;
        if let Some(mid) = &section.mid {
            write!(f, "a=mid:{mid}\r\n")?;
        }
        write!(f, "a=ice-ufrag:{ice_ufrag}\r\na=ice-pwd:{ice_pwd}\r\n")?;
        write!(
            f,
            "a=fingerprint:{fingerprint}\r\na=setup:{}\r\n",
            self.setup
        )?;
        write!(f, "a={}\r\na=rtcp-mux\r\n", self.direction.as_str())?;
        f.write_str(formats)?;
        self.pacing.fmt(f)?;
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
        let streams = candidates.iter().filter(|_| takes_streams).enumerate();
        for (index, candidate) in streams {
            let (ip, port) = (candidate.ip(), candidate.port());
            let priority = stream_priority(index);
            let foundation = candidates.len() + index + 1;
            write!(
                f,
                "a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive\r\n"
            )?;
        }
        write!(f, "a=end-of-candidates\r\n")
    }
}

/// RFC 6544 §4.2, for component 1 of a passive host candidate: below all of UDP.
fn stream_priority(index: usize) -> u32 {
    const PASSIVE: u32 = 4;
    let other_preference = 8191 - u32::try_from(index).unwrap_or(8191).min(8191);
    (90 << 24) | (((PASSIVE << 13) + other_preference) << 8) | 255
}

/// The end of an `m=` line, and what its payload types stand for.
pub(super) fn write_formats(f: &mut impl fmt::Write, formats: &[Format]) -> fmt::Result {
    for format in formats {
        write!(f, " {}", format.payload_type)?;
    }
    f.write_str("\r\n")?;
    for format in formats {
        let pt = format.payload_type;
        write!(f, "a=rtpmap:{pt} {}\r\n", format.rtpmap)?;
        if let Some(fmtp) = &format.fmtp {
            write!(f, "a=fmtp:{pt} {fmtp}\r\n")?;
        }
    }
    Ok(())
}

/// RFC 8445 §5.1.2.1, for component 1 of a host candidate.
fn host_priority(index: usize) -> u32 {
    let local_preference = 65_535 - u32::try_from(index).unwrap_or(65_535).min(65_535);
    (126 << 24) | (local_preference << 8) | 255
}

/// RFC 3264 §6: a refused line keeps its place and gets port 0.
pub(super) fn write_refused(f: &mut Formatter<'_>, section: &Section) -> fmt::Result {
    let (kind, protocol) = (&section.kind, &section.protocol);
    let formats = section.formats.join(" ");
    write!(f, "m={kind} 0 {protocol} {formats}\r\nc=IN IP4 0.0.0.0\r\n")?;
    if let Some(mid) = &section.mid {
        write!(f, "a=mid:{mid}\r\n")?;
    }
    write!(f, "a=inactive\r\n")
}
