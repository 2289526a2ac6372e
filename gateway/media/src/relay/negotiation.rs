//! Offers and answers between a browser and a PBX that knows no WebRTC (RFC 3264), sans-IO.
//!
//! ```text
//!              offer of the browser                  answer of the PBX, of any branch
//! ┌────────┐ ───────────────────────▶ ┌─────────┐ ─────────────────────────────────▶ ┌─────────┐
//! │ settled│                          │ offered │                                    │ settled │
//! └────────┘ ───────────────────────▶ └─────────┘ ─────────────────────────────────▶ └─────────┘
//!              offer of the PBX                      answer of the browser
//! ```
//!
//! An offer replaces one that nobody answered; what was settled holds until the next answer. A
//! further answer to the same offer is a fork's, or the final one after an early one.
//!
//! Each side keeps its own payload type numbers, `m=` lines and session version.

mod agreement;
mod side;

use std::net::SocketAddr;

use crate::relay::{PbxSrtp, RelayError};
use crate::sdp::crypto::{Crypto, SUITES};
use crate::sdp::description::Section;
use crate::sdp::plain::{PlainAudio, PlainDescription, PlainLine};
use crate::sdp::{Audio, Format, LocalTransport, Offer, WebDescription, WebLine};
use crate::transport::srtp::{MasterKey, Suite};
pub(super) use agreement::{Agreement, Numbers, Pair};
use side::Side;

/// Makes keys; `None` when there are no random numbers.
pub(super) type MakeKey<'a> = &'a dyn Fn(Suite) -> Option<MasterKey>;

/// An offer, and what the other side was told of it.
#[derive(Clone, Debug)]
enum Offered {
    ByBrowser {
        audio: Audio,
        /// Under the numbers of the PBX.
        formats: Vec<Format>,
    },
    ByPbx {
        audio: PlainAudio,
        /// Under the numbers of the browser.
        formats: Vec<Format>,
    },
}

/// Both sides of one call.
#[derive(Debug)]
pub(super) struct Negotiation {
    /// Where the PBX is told to send.
    local: SocketAddr,
    srtp: PbxSrtp,
    browser: Side,
    pbx: Side,
    offered: Option<Offered>,
    /// One for each suite, made when it is needed.
    keys: Vec<MasterKey>,
    /// The key that the PBX used last.
    theirs: Option<MasterKey>,
}

impl Negotiation {
    pub(super) fn new(local: SocketAddr, srtp: PbxSrtp, session_ids: [u64; 2]) -> Self {
        Self {
            local,
            srtp,
            browser: Side::new(session_ids[0]),
            pbx: Side::new(session_ids[1]),
            offered: None,
            keys: Vec::new(),
            theirs: None,
        }
    }

    /// The offer for the PBX in place of the browser's.
    pub(super) fn on_browser_offer(
        &mut self,
        offer: Offer,
        make_key: MakeKey<'_>,
    ) -> Result<String, RelayError> {
        let Offer { sections, audio } = offer;
        self.browser
            .take_lines(sections, audio.index, audio.bundled);
        self.browser.learn(&audio.formats);
        let formats = self.pbx.renumber(&audio.formats);
        let (protocol, cryptos) = if self.is_secure() {
            ("RTP/SAVP", self.offered_keys(make_key)?)
        } else {
            ("RTP/AVP", Vec::new())
        };
        match self.pbx.sections.get_mut(self.pbx.index) {
            // The PBX may have begun with the feedback profile, which is as good.
            Some(section) if section.protocol.trim_end_matches('F') == protocol => {}
            Some(section) => protocol.clone_into(&mut section.protocol),
            None => self.pbx.sections.push(Section {
                kind: "audio".to_owned(),
                protocol: protocol.to_owned(),
                ..Section::default()
            }),
        }
        let text = self.say_to_pbx(Some(PlainLine {
            cryptos: &cryptos,
            direction: audio.direction,
            formats: &formats,
            pacing: audio.pacing,
        }));
        self.offered = Some(Offered::ByBrowser { audio, formats });
        Ok(text)
    }

    /// What the PBX's answer settles with the browser's offer; `None` if it refuses the sound.
    pub(super) fn on_pbx_answer(&mut self, text: &str) -> Result<Option<Agreement>, RelayError> {
        let Some(Offered::ByBrowser { audio, formats }) = &self.offered else {
            return Err(RelayError::NoOffer);
        };
        let Some(answer) = PlainAudio::of_answer(text, self.pbx.index)? else {
            return Ok(None);
        };
        let keys = match (self.is_secure(), answer.cryptos.first()) {
            (false, None) => None,
            (false, Some(_)) => {
                let why = "it is encrypted, and no key was offered";
                return Err(RelayError::BadDescription(why.to_owned()));
            }
            (true, None) => return Err(RelayError::Unencrypted),
            (true, Some(theirs)) => {
                let ours = self.keys.iter().find(|ours| ours.suite == theirs.key.suite);
                Some((
                    ours.ok_or(RelayError::Unencrypted)?.clone(),
                    theirs.key.clone(),
                ))
            }
        };
        let pair = |answered: &Format| {
            let told = formats.iter().find(|told| told.is_same(answered))?;
            let offered = audio
                .formats
                .iter()
                .find(|offered| offered.is_same(answered))?;
            Some(Pair {
                browser: Numbers {
                    hears: offered.payload_type,
                    sends: offered.payload_type,
                },
                pbx: Numbers {
                    hears: answered.payload_type,
                    sends: told.payload_type,
                },
                format: Format {
                    fmtp: answered.fmtp.clone(),
                    ..offered.clone()
                },
            })
        };
        let agreement = Agreement {
            rtp: answer.rtp,
            rtcp: answer.rtcp,
            keys,
            formats: paired(&answer.formats, pair)?,
            browser: audio.direction,
            pbx: answer.direction.within(audio.direction),
            pacing: answer.pacing,
        };
        self.theirs = agreement.keys.as_ref().map(|(_, theirs)| theirs.clone());
        Ok(Some(agreement))
    }

    /// The answer for the browser in place of the PBX's; `None`: the sound is refused.
    pub(super) fn answer_browser(
        &mut self,
        agreement: Option<&Agreement>,
        transport: LocalTransport<'_>,
        ssrc: u32,
    ) -> String {
        let formats: Vec<Format> = formats_of(agreement);
        let line = agreement.map(|agreement| WebLine {
            transport,
            setup: "passive",
            direction: agreement.pbx,
            formats: &formats,
            pacing: agreement.pacing,
            ssrc,
        });
        self.say_to_browser(line)
    }

    /// The answer to an offer by which the browser changes nothing but its transport, as an ICE
    /// restart does, with the agreement as it holds for that offer; `None` if there is more to it.
    pub(super) fn on_restart(&mut self, offer: &Offer, agreement: &Agreement) -> Option<Agreement> {
        let audio = &offer.audio;
        let pair = |pair: &Pair| {
            let format = audio.formats.iter().find(|f| f.is_same(&pair.format))?;
            let number = format.payload_type;
            Some(Pair {
                browser: Numbers {
                    hears: number,
                    sends: number,
                },
                format: Format {
                    payload_type: number,
                    ..pair.format.clone()
                },
                ..pair.clone()
            })
        };
        let formats: Option<Vec<Pair>> = agreement.formats.iter().map(pair).collect();
        let formats = formats.filter(|_| audio.direction == agreement.browser)?;
        self.browser
            .take_lines(offer.sections.clone(), audio.index, audio.bundled);
        self.browser.learn(&audio.formats);
        Some(Agreement {
            formats,
            ..agreement.clone()
        })
    }

    /// The offer for the browser in place of the PBX's.
    pub(super) fn on_pbx_offer(
        &mut self,
        text: &str,
        transport: LocalTransport<'_>,
        ssrc: u32,
    ) -> Result<String, RelayError> {
        let (audio, sections) = PlainAudio::of_offer(text)?;
        if self.srtp == PbxSrtp::Sdes && audio.cryptos.is_empty() {
            return Err(RelayError::Unencrypted);
        }
        self.pbx.take_lines(sections, audio.index, false);
        self.pbx.learn(&audio.formats);
        let formats = self.browser.renumber(&audio.formats);
        if self.browser.sections.is_empty() {
            self.browser.bundled = true;
            self.browser.sections.push(Section {
                kind: "audio".to_owned(),
                protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
                mid: Some("0".to_owned()),
                ..Section::default()
            });
        }
        let text = self.say_to_browser(Some(WebLine {
            transport,
            setup: "actpass",
            direction: audio.direction,
            formats: &formats,
            pacing: audio.pacing,
            ssrc,
        }));
        self.offered = Some(Offered::ByPbx { audio, formats });
        Ok(text)
    }

    /// What the browser's answer settles with the PBX's offer, and what it says of itself; `None`
    /// if it refuses the sound.
    pub(super) fn on_browser_answer(
        &mut self,
        text: &str,
        make_key: MakeKey<'_>,
    ) -> Result<Option<(Agreement, Audio)>, RelayError> {
        let Some(Offered::ByPbx { audio, formats }) = &self.offered else {
            return Err(RelayError::NoOffer);
        };
        let Some(answer) = Audio::of_answer(text, self.browser.index)? else {
            return Ok(None);
        };
        let pair = |answered: &Format| {
            let told = formats.iter().find(|told| told.is_same(answered))?;
            let offered = audio
                .formats
                .iter()
                .find(|offered| offered.is_same(answered))?;
            Some(Pair {
                browser: Numbers {
                    hears: answered.payload_type,
                    sends: told.payload_type,
                },
                pbx: Numbers {
                    hears: offered.payload_type,
                    sends: offered.payload_type,
                },
                format: answered.clone(),
            })
        };
        let mut agreement = Agreement {
            rtp: audio.rtp,
            rtcp: audio.rtcp,
            keys: None,
            formats: paired(&answer.formats, pair)?,
            browser: answer.direction.within(audio.direction),
            pbx: audio.direction,
            pacing: answer.pacing,
        };
        if let Some(theirs) = audio.cryptos.first().map(|crypto| crypto.key.clone()) {
            if self.theirs.as_ref().is_some_and(|former| *former != theirs) {
                // Whoever changes its key is perhaps another device, which can't know how often
                // the sequence number of the old one has wrapped.
                self.keys.retain(|ours| ours.suite != theirs.suite);
            }
            self.theirs = Some(theirs.clone());
            agreement.keys = Some((self.our_key(theirs.suite, make_key)?, theirs));
        }
        Ok(Some((agreement, answer)))
    }

    /// The answer for the PBX in place of the browser's; `None`: the sound is refused.
    pub(super) fn answer_pbx(&mut self, agreement: Option<&Agreement>) -> String {
        let Some(agreement) = agreement else {
            return self.say_to_pbx(None);
        };
        let offered = match &self.offered {
            Some(Offered::ByPbx { audio, .. }) => &audio.formats[..],
            _ => &[],
        };
        let tag = match &self.offered {
            Some(Offered::ByPbx { audio, .. }) => audio.cryptos.first().map(|crypto| crypto.tag),
            _ => None,
        };
        let answered = agreement.formats.iter().filter_map(|pair| {
            let offered = offered
                .iter()
                .find(|offered| offered.is_same(&pair.format))?;
            Some(Format {
                fmtp: pair.format.fmtp.clone(),
                ..offered.clone()
            })
        });
        let formats: Vec<Format> = answered.collect();
        let ours = agreement.keys.as_ref().map(|(ours, _)| ours.clone());
        let crypto = tag.zip(ours).map(|(tag, key)| Crypto { tag, key });
        let cryptos: Vec<Crypto> = crypto.into_iter().collect();
        self.say_to_pbx(Some(PlainLine {
            cryptos: &cryptos,
            direction: agreement.browser,
            formats: &formats,
            pacing: agreement.pacing,
        }))
    }

    fn say_to_browser(&mut self, line: Option<WebLine<'_>>) -> String {
        let Side {
            origin,
            sections,
            index,
            bundled,
            ..
        } = &mut self.browser;
        origin.say(|session_id, version| {
            WebDescription {
                session_id,
                version,
                sections,
                index: *index,
                bundled: *bundled,
                audio: line.clone(),
            }
            .to_string()
        })
    }

    fn say_to_pbx(&mut self, line: Option<PlainLine<'_>>) -> String {
        let Side {
            origin,
            sections,
            index,
            ..
        } = &mut self.pbx;
        let (address, port) = (self.local.ip(), self.local.port());
        origin.say(|session_id, version| {
            PlainDescription {
                session_id,
                version,
                address,
                port,
                sections,
                index: *index,
                audio: line.clone(),
            }
            .to_string()
        })
    }

    fn our_key(&mut self, suite: Suite, make_key: MakeKey<'_>) -> Result<MasterKey, RelayError> {
        if let Some(key) = self.keys.iter().find(|key| key.suite == suite) {
            return Ok(key.clone());
        }
        let key = make_key(suite);
        let key = key.ok_or_else(|| RelayError::Encryption("no random numbers".to_owned()))?;
        self.keys.push(key.clone());
        Ok(key)
    }

    /// Whether the PBX must encrypt: by what we were told, or because it has begun to.
    fn is_secure(&self) -> bool {
        self.srtp == PbxSrtp::Sdes || self.theirs.is_some()
    }

    fn offered_keys(&mut self, make_key: MakeKey<'_>) -> Result<Vec<Crypto>, RelayError> {
        // A key that was left for another is not used again: its numbers would come twice.
        let in_use = self.theirs.as_ref().map(|theirs| theirs.suite);
        self.keys.retain(|ours| Some(ours.suite) == in_use);
        let mut cryptos = Vec::new();
        for (tag, suite) in (1..).zip(SUITES) {
            let key = self.our_key(suite, make_key)?;
            cryptos.push(Crypto { tag, key });
        }
        Ok(cryptos)
    }
}

/// The codecs of an answer that were offered, in its order.
fn paired(
    answered: &[Format],
    pair: impl Fn(&Format) -> Option<Pair>,
) -> Result<Vec<Pair>, RelayError> {
    let pairs: Vec<Pair> = answered.iter().filter_map(pair).collect();
    if pairs.iter().any(|pair| pair.format.is_sound()) {
        Ok(pairs)
    } else {
        Err(RelayError::NoAudio)
    }
}

fn formats_of(agreement: Option<&Agreement>) -> Vec<Format> {
    let pairs = agreement.iter().flat_map(|agreement| &agreement.formats);
    pairs.map(|pair| pair.format.clone()).collect()
}

#[cfg(test)]
mod tests;
