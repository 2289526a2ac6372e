//! What browsers say.

use super::description::{Description, Line, Pacing, Section, bad};
use super::{Direction, Format};
use crate::MediaError;
use crate::transport::browser::Remote;
use crate::transport::dtls::Role;

/// A browser's offer with at least one audio line that this engine could answer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Every `m=` line, in order; the answer needs as many.
    pub(crate) sections: Vec<Section>,
    /// The one of `sections` that is answered.
    pub(crate) audio: Audio,
}

/// The audio line of a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audio {
    /// Its place in [`Offer::sections`].
    pub(crate) index: usize,
    pub(crate) mid: Option<String>,
    /// Whether the offer bundles this line (RFC 9143).
    pub(crate) bundled: bool,
    pub(crate) remote: Remote,
    pub(crate) direction: Direction,
    /// What both ends speak, in the order of the browser.
    pub(crate) formats: Vec<Format>,
    pub(crate) pacing: Pacing,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`] when it isn't one, or is not WebRTC; [`MediaError::NoAudio`] when
    /// it has no audio line with a codec of ours.
    pub(crate) fn parse(text: &str) -> Result<Self, MediaError> {
        let description = Description::parse(text)?;
        let (index, line, formats) = description.first_audio(|_| true)?;
        // RFC 5763 §5: an answer to `passive` would have to be the DTLS client.
        if line.session.setup.as_deref() == Some("passive") {
            return Err(bad("it leaves the DTLS client's part to us"));
        }
        let audio = Audio::read(&description, index, line, formats, Role::Server)?;
        Ok(Self {
            sections: description.sections(),
            audio,
        })
    }
}

impl Audio {
    /// The browser's answer to an offer of ours whose audio line was at `index`; `None` if it
    /// refuses that.
    ///
    /// # Errors
    /// As [`Offer::parse`].
    pub(crate) fn of_answer(text: &str, index: usize) -> Result<Option<Self>, MediaError> {
        let description = Description::parse(text)?;
        let line = description.lines.get(index);
        let line = line.ok_or_else(|| bad("it has too few media lines"))?;
        if line.port == 0 {
            return Ok(None);
        }
        // RFC 5763 §5: who was offered `actpass` chooses.
        let role = match line.session.setup.as_deref() {
            Some("passive") => Role::Client,
            _ => Role::Server,
        };
        let formats = line.formats();
        if !formats.iter().any(Format::is_sound) {
            return Err(MediaError::NoAudio);
        }
        Self::read(&description, index, line, formats, role).map(Some)
    }

    fn read(
        description: &Description,
        index: usize,
        line: &Line,
        formats: Vec<Format>,
        role: Role,
    ) -> Result<Self, MediaError> {
        let session = &line.session;
        if !line.section.protocol.ends_with("RTP/SAVPF") || session.fingerprints.is_empty() {
            return Err(bad(
                "its audio is not encrypted with DTLS, as WebRTC demands",
            ));
        }
        if !line.rtcp_mux {
            return Err(bad("it does not multiplex RTCP with RTP"));
        }
        let ufrag = session.ice_ufrag.clone();
        let mid = line.section.mid.clone();
        Ok(Self {
            index,
            bundled: mid
                .as_ref()
                .is_some_and(|mid| description.bundled.contains(mid)),
            mid,
            remote: Remote {
                ufrag: ufrag.ok_or_else(|| bad("it has no ICE user name"))?,
                fingerprints: session.fingerprints.clone(),
                role,
            },
            direction: session.direction.unwrap_or_default(),
            formats,
            pacing: line.pacing,
        })
    }
}
