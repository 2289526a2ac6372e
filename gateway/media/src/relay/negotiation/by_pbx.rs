//! What the PBX offers and the browser answers.

use super::agreement::{Agreement, Numbers, Pair};
use super::substitutes::{Match, matched, substitutes};
use super::{MakeKey, Negotiation, Offered, distinct, paired};
use crate::relay::{PbxSrtp, RelayError};
use crate::sdp::crypto::Crypto;
use crate::sdp::description::Section;
use crate::sdp::plain::{PlainAudio, PlainLine};
use crate::sdp::{Audio, Format, LocalTransport, WebLine};

impl Negotiation {
    /// The offer for the browser in place of the PBX's.
    pub(in crate::relay) fn on_pbx_offer(
        &mut self,
        text: &str,
        transport: LocalTransport<'_>,
        ssrc: u32,
    ) -> Result<String, RelayError> {
        let (audio, sections) = PlainAudio::of_offer(text)?;
        if self.srtp == PbxSrtp::Sdes && audio.cryptos.is_empty() {
            return Err(RelayError::Unencrypted);
        }
        self.check_family(audio.rtp)?;
        self.pbx.take_lines(sections, audio.index, false);
        self.pbx.learn(&audio.formats);
        let mut wanted = audio.formats.clone();
        // Nobody knows what a client speaks. Whoever shares a codec with the PBX is not tempted by one
        // behind it: what is sent is the first of the offer that is answered (RFC 3264 §6.1).
        wanted.extend(substitutes(&audio.formats));
        let formats = self.browser.renumber(&wanted);
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
    pub(in crate::relay) fn on_browser_answer(
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
            let Match {
                offered,
                told,
                is_shared,
            } = matched(&audio.formats, formats, &answer.formats, answered)?;
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
                converted: (!is_shared).then(|| offered.clone()),
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
    pub(in crate::relay) fn answer_pbx(&mut self, agreement: Option<&Agreement>) -> String {
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
            let mut offered = offered.iter();
            let offered = offered.find(|offered| offered.is_same(pair.at_pbx()))?;
            let fmtp = pair.format.fmtp.clone();
            Some(Format {
                fmtp: fmtp.filter(|_| pair.converted.is_none()),
                ..offered.clone()
            })
        });
        let formats = distinct(answered);
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
}
