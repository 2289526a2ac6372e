//! Reading a session description, whoever wrote it.

use std::net::IpAddr;

use super::crypto::Crypto;
use super::{Codec, Direction, Fingerprint, Format};
use crate::MediaError;

/// Nobody says more about a call; what has more is no session description.
const MAX_BYTES: usize = 64 * 1024;
const MAX_SECTIONS: usize = 64;

/// What an answer must repeat of an `m=` line, even of a refused one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) kind: String,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    pub(crate) mid: Option<String>,
}

/// A session description.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) lines: Vec<Line>,
    /// The `a=mid` of the lines that share one transport (RFC 9143).
    pub(super) bundled: Vec<String>,
}

/// One `m=` line with what belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) section: Section,
    pub(super) port: u16,
    pub(super) session: Inherited,
    pub(super) rtcp_mux: bool,
    /// `a=rtcp` (RFC 3605), if it could be read.
    pub(super) rtcp: Option<(u16, Option<IpAddr>)>,
    /// What we can use of `a=crypto` (RFC 4568), best first.
    pub(super) cryptos: Vec<Crypto>,
    pub(super) pacing: Pacing,
    rtpmaps: Vec<(u8, String)>,
    fmtps: Vec<(u8, String)>,
}

/// How much sound a packet carries, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pacing {
    pub(crate) ptime: Option<u16>,
    pub(crate) maxptime: Option<u16>,
}

/// What an `m=` line inherits from the session level.
#[derive(Clone, Debug, Default)]
pub(super) struct Inherited {
    pub(super) connection: Option<Connection>,
    pub(super) ice_ufrag: Option<String>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) setup: Option<String>,
    pub(super) direction: Option<Direction>,
}

/// `c=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    Address(IpAddr),
    /// A name, or a network that is not the internet.
    Unreadable,
}

impl Description {
    /// Reads a session description.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`] when it isn't one.
    pub(crate) fn parse(text: &str) -> Result<Self, MediaError> {
        if text.len() > MAX_BYTES {
            return Err(bad("it is too long"));
        }
        let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
        if lines.next() != Some("v=0") {
            return Err(bad("it does not begin with v=0"));
        }
        let mut session = Inherited::default();
        let mut description = Self {
            lines: Vec::new(),
            bundled: Vec::new(),
        };
        for line in lines.filter(|line| !line.is_empty()) {
            // RFC 8866 §9: a text has none of these; parts of it return in the answer.
            if line.contains(['\0', '\r']) {
                return Err(bad("a line contains NUL or CR"));
            }
            match (line.split_once('='), description.lines.last_mut()) {
                (Some(("m", value)), _) => {
                    if description.lines.len() == MAX_SECTIONS {
                        return Err(bad("it has too many media lines"));
                    }
                    description.lines.push(Line::parse(value, &session)?);
                }
                (Some(("c", value)), None) => session.connection = Some(Connection::parse(value)),
                (Some(("c", value)), Some(line)) => {
                    line.session.connection = Some(Connection::parse(value));
                }
                (Some(("a", attribute)), None) => match attribute.split_once(':') {
                    Some(("group", group)) => {
                        if let Some(mids) = group.strip_prefix("BUNDLE") {
                            let mids = mids.split_ascii_whitespace().map(str::to_owned);
                            description.bundled = mids.collect();
                        }
                    }
                    _ => session.on_attribute(attribute),
                },
                (Some(("a", attribute)), Some(line)) => line.on_attribute(attribute),
                (Some((kind, _)), _) if kind.len() == 1 => {}
                _ => return Err(bad("a line is not of the form x=…")),
            }
        }
        Ok(description)
    }

    /// The first line of sound that is not refused and has a codec of ours, with its formats.
    pub(super) fn first_audio(
        &self,
        is_usable: impl Fn(&Line) -> bool,
    ) -> Result<(usize, &Line, Vec<Format>), MediaError> {
        let candidates = self.lines.iter().enumerate();
        candidates
            .filter(|(_, line)| line.section.kind == "audio" && line.port != 0 && is_usable(line))
            .map(|(index, line)| (index, line, line.formats()))
            .find(|(_, _, formats)| formats.iter().any(Format::is_sound))
            .ok_or(MediaError::NoAudio)
    }

    pub(crate) fn sections(&self) -> Vec<Section> {
        self.lines.iter().map(|line| line.section.clone()).collect()
    }
}

pub(super) fn bad(why: &str) -> MediaError {
    MediaError::BadOffer(why.to_owned())
}

impl Connection {
    /// RFC 8866 §5.7; `/` introduces the time to live of multicast.
    fn parse(value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let known = words.next() == Some("IN") && words.next().is_some();
        let address = words.next().and_then(|a| a.split('/').next()?.parse().ok());
        match address {
            Some(address) if known => Self::Address(address),
            _ => Self::Unreadable,
        }
    }
}

impl Inherited {
    fn on_attribute(&mut self, attribute: &str) {
        match attribute.split_once(':') {
            Some(("ice-ufrag", value)) => self.ice_ufrag = Some(value.to_owned()),
            Some(("fingerprint", value)) => self.fingerprints.extend(Fingerprint::parse(value)),
            Some(("setup", value)) => self.setup = Some(value.to_owned()),
            Some(_) => {}
            None => self.direction = Direction::parse(attribute).or(self.direction),
        }
    }
}

impl Line {
    /// Reads `audio 9 UDP/TLS/RTP/SAVPF 111 0 8`.
    fn parse(value: &str, session: &Inherited) -> Result<Self, MediaError> {
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next())
        else {
            return Err(bad("a media line is incomplete"));
        };
        let port = port.split('/').next().unwrap_or_default();
        Ok(Self {
            section: Section {
                kind: kind.to_owned(),
                protocol: protocol.to_owned(),
                formats: words.map(str::to_owned).collect(),
                mid: None,
            },
            port: port.parse().map_err(|_| bad("a media port is no number"))?,
            session: session.clone(),
            ..Self::default()
        })
    }

    fn on_attribute(&mut self, attribute: &str) {
        match attribute.split_once(':') {
            Some(("mid", value)) => self.section.mid = Some(value.trim().to_owned()),
            Some(("rtpmap", value)) => self.rtpmaps.extend(by_payload_type(value)),
            Some(("fmtp", value)) => self.fmtps.extend(by_payload_type(value)),
            Some(("rtcp", value)) => self.rtcp = rtcp_address(value),
            Some(("crypto", value)) => self.cryptos.extend(Crypto::parse(value)),
            Some(("ptime", value)) => self.pacing.ptime = milliseconds(value),
            Some(("maxptime", value)) => self.pacing.maxptime = milliseconds(value),
            None if attribute == "rtcp-mux" => self.rtcp_mux = true,
            _ => self.session.on_attribute(attribute),
        }
    }

    /// The formats whose codecs we know, in order.
    pub(super) fn formats(&self) -> Vec<Format> {
        let named = |list: &[(u8, String)], payload_type| {
            let found = list.iter().find(|(pt, _)| *pt == payload_type);
            found.map(|(_, value)| value.clone())
        };
        let format = |payload_type: u8| {
            let (codec, clock_rate, rtpmap) = match named(&self.rtpmaps, payload_type) {
                Some(rtpmap) => {
                    let mut parts = rtpmap.split('/');
                    let name = parts.next()?;
                    let clock_rate = parts.next()?.parse().ok()?;
                    let codec = Codec::from_rtpmap(name, clock_rate)?;
                    (codec, clock_rate, rtpmap)
                }
                None => {
                    let (codec, clock_rate) = Codec::from_static(payload_type)?;
                    (codec, clock_rate, format!("{}/{clock_rate}", codec.name()))
                }
            };
            Some(Format {
                payload_type,
                codec,
                clock_rate,
                rtpmap,
                fmtp: named(&self.fmtps, payload_type),
            })
        };
        let offered = self.section.formats.iter();
        offered
            .filter_map(|pt| pt.parse().ok().filter(|pt| *pt < 128))
            .filter_map(format)
            .collect()
    }
}

fn by_payload_type(value: &str) -> Option<(u8, String)> {
    let (payload_type, rest) = value.split_once(' ')?;
    Some((payload_type.parse().ok()?, rest.trim().to_owned()))
}

/// `53020 IN IP4 192.0.2.1`, or the port alone.
fn rtcp_address(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok()?;
    Some((port, words.nth(2).and_then(|address| address.parse().ok())))
}

/// Some write fractions, which nobody needs.
fn milliseconds(value: &str) -> Option<u16> {
    let whole = value.trim().split('.').next()?.parse().ok()?;
    (whole > 0).then_some(whole)
}
