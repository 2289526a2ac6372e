//! Reading an offer.

use super::{Codec, Direction, Fingerprint, Format};
use crate::MediaError;
use crate::transport::browser::Remote;
use crate::transport::dtls::Role;

/// No browser offers more; what has more is not an offer.
const MAX_BYTES: usize = 64 * 1024;
const MAX_SECTIONS: usize = 64;

/// An offer with at least one audio line that this engine could answer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Every `m=` line, in order; the answer needs as many.
    pub(crate) sections: Vec<Section>,
    /// The one of `sections` that is answered.
    pub(crate) audio: Audio,
}

/// What an answer must repeat of an `m=` line, even of a refused one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    pub(crate) kind: String,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
    pub(crate) mid: Option<String>,
}

/// The audio line.
#[derive(Clone, Debug)]
pub(crate) struct Audio {
    /// Its place in [`Offer::sections`].
    pub(crate) index: usize,
    pub(crate) mid: Option<String>,
    /// Whether the offer bundles this line (RFC 9143).
    pub(crate) bundled: bool,
    pub(crate) remote: Remote,
    pub(crate) direction: Direction,
    /// What both ends speak, in the order of the offer.
    pub(crate) formats: Vec<Format>,
}

/// Attributes that an `m=` line inherits from the session level.
#[derive(Clone, Default)]
struct Inherited<'a> {
    ice_ufrag: Option<&'a str>,
    fingerprints: Vec<Fingerprint>,
    setup: Option<&'a str>,
    direction: Option<Direction>,
}

#[derive(Default)]
struct Draft<'a> {
    section: Section,
    port: u16,
    transport: Inherited<'a>,
    rtcp_mux: bool,
    rtpmaps: Vec<(u8, &'a str)>,
    fmtps: Vec<(u8, &'a str)>,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`] when it isn't one, or is not WebRTC; [`MediaError::NoAudio`] when
    /// it has no audio line with a codec of ours.
    pub(crate) fn parse(text: &str) -> Result<Self, MediaError> {
        if text.len() > MAX_BYTES {
            return Err(bad("it is too long"));
        }
        let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
        if lines.next() != Some("v=0") {
            return Err(bad("it does not begin with v=0"));
        }
        let mut session = Inherited::default();
        let mut bundled: Vec<&str> = Vec::new();
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            // Parts of it return in the answer.
            if line.contains(char::is_control) {
                return Err(bad("it contains control characters"));
            }
            match line.split_once('=') {
                Some(("m", value)) => {
                    if drafts.len() == MAX_SECTIONS {
                        return Err(bad("it has too many media lines"));
                    }
                    let mut draft = Draft::parse(value)?;
                    draft.transport = session.clone();
                    drafts.push(draft);
                }
                Some(("a", attribute)) => match (drafts.last_mut(), attribute.split_once(':')) {
                    (None, Some(("group", group))) => {
                        if let Some(mids) = group.strip_prefix("BUNDLE") {
                            bundled = mids.split_ascii_whitespace().collect();
                        }
                    }
                    (None, _) => session.on_attribute(attribute),
                    (Some(draft), _) => draft.on_attribute(attribute),
                },
                Some((kind, _)) if kind.len() == 1 => {}
                _ => return Err(bad("a line is not of the form x=…")),
            }
        }
        let audio = choose_audio(&drafts, &bundled)?;
        let sections = drafts.into_iter().map(|draft| draft.section).collect();
        Ok(Self { sections, audio })
    }
}

fn bad(why: &str) -> MediaError {
    MediaError::BadOffer(why.to_owned())
}

fn choose_audio(drafts: &[Draft<'_>], bundled: &[&str]) -> Result<Audio, MediaError> {
    let (index, draft, formats) = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| draft.section.kind == "audio" && draft.port != 0)
        .map(|(index, draft)| (index, draft, draft.formats()))
        .find(|(_, _, formats)| formats.iter().any(|f| f.codec != Codec::TelephoneEvent))
        .ok_or(MediaError::NoAudio)?;
    let Inherited {
        ice_ufrag,
        fingerprints,
        setup,
        direction,
    } = &draft.transport;
    if !draft.section.protocol.ends_with("RTP/SAVPF") || fingerprints.is_empty() {
        return Err(bad(
            "its audio is not encrypted with DTLS, as WebRTC demands",
        ));
    }
    // RFC 5763 §5: an answer to `passive` would have to be the DTLS client.
    if *setup == Some("passive") {
        return Err(bad("it leaves the DTLS client's part to us"));
    }
    if !draft.rtcp_mux {
        return Err(bad("it does not multiplex RTCP with RTP"));
    }
    let mid = draft.section.mid.clone();
    Ok(Audio {
        index,
        bundled: mid.as_deref().is_some_and(|mid| bundled.contains(&mid)),
        mid,
        remote: Remote {
            ufrag: ice_ufrag
                .ok_or_else(|| bad("it has no ICE user name"))?
                .to_owned(),
            fingerprints: fingerprints.clone(),
            role: Role::Server,
        },
        direction: direction.unwrap_or_default(),
        formats,
    })
}

impl<'a> Inherited<'a> {
    fn on_attribute(&mut self, attribute: &'a str) {
        match attribute.split_once(':') {
            Some(("ice-ufrag", value)) => self.ice_ufrag = Some(value),
            Some(("fingerprint", value)) => self.fingerprints.extend(Fingerprint::parse(value)),
            Some(("setup", value)) => self.setup = Some(value),
            Some(_) => {}
            None => self.direction = Direction::parse(attribute).or(self.direction),
        }
    }
}

impl<'a> Draft<'a> {
    /// Reads `audio 9 UDP/TLS/RTP/SAVPF 111 0 8`.
    fn parse(value: &str) -> Result<Self, MediaError> {
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
            ..Self::default()
        })
    }

    fn on_attribute(&mut self, attribute: &'a str) {
        match attribute.split_once(':') {
            Some(("mid", value)) => self.section.mid = Some(value.trim().to_owned()),
            Some(("rtpmap", value)) => self.rtpmaps.extend(by_payload_type(value)),
            Some(("fmtp", value)) => self.fmtps.extend(by_payload_type(value)),
            None if attribute == "rtcp-mux" => self.rtcp_mux = true,
            _ => self.transport.on_attribute(attribute),
        }
    }

    fn formats(&self) -> Vec<Format> {
        let named = |list: &[(u8, &'a str)], payload_type| {
            let found = list.iter().find(|(pt, _)| *pt == payload_type);
            found.map(|(_, value)| *value)
        };
        let format = |payload_type: u8| {
            let (codec, clock_rate, rtpmap) = match named(&self.rtpmaps, payload_type) {
                Some(rtpmap) => {
                    let mut parts = rtpmap.split('/');
                    let name = parts.next()?;
                    let clock_rate = parts.next()?.parse().ok()?;
                    let codec = Codec::from_rtpmap(name, clock_rate)?;
                    (codec, clock_rate, rtpmap.to_owned())
                }
                None => {
                    let (codec, clock_rate) = Codec::from_static(payload_type)?;
                    let name = format!("{codec:?}").to_ascii_uppercase();
                    (codec, clock_rate, format!("{name}/{clock_rate}"))
                }
            };
            Some(Format {
                payload_type,
                codec,
                clock_rate,
                rtpmap,
                fmtp: named(&self.fmtps, payload_type).map(str::to_owned),
            })
        };
        let offered = self.section.formats.iter();
        offered
            .filter_map(|pt| pt.parse().ok().filter(|pt| *pt < 128))
            .filter_map(format)
            .collect()
    }
}

fn by_payload_type(value: &str) -> Option<(u8, &str)> {
    let (payload_type, rest) = value.split_once(' ')?;
    Some((payload_type.parse().ok()?, rest.trim()))
}
