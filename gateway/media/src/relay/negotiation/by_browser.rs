//! What the browser offers and the PBX answers.

use super::agreement::{Agreement, Numbers, Pair};
use super::substitutes::{Match, matched, speak_g711, substitutes};
use super::{MakeKey, Negotiation, Offered, distinct, paired};
use crate::relay::RelayError;
use crate::sdp::description::Section;
use crate::sdp::plain::{PlainAudio, PlainLine};
use crate::sdp::{Format, LocalTransport, Offer, WebLine};
use crate::transport::dtls::Role;

impl Negotiation {
    /// The offer for the PBX in place of the browser's.
    pub(in crate::relay) fn on_browser_offer(
        &mut self,
        offer: Offer,
        make_key: MakeKey<'_>,
    ) -> Result<String, RelayError> {
        let Offer { sections, audio } = offer;
        self.browser
            .take_lines(sections, audio.index, audio.bundled);
        self.browser.learn(&audio.formats);
        let mut wanted = audio.formats.clone();
        // Every PBX speaks G.711; one that prefers Opus to it is not to be tempted.
        if !speak_g711(&audio.formats) {
            wanted.extend(substitutes(&audio.formats));
        }
        let formats = self.pbx.renumber(&wanted);
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
    pub(in crate::relay) fn on_pbx_answer(
        &mut self,
        text: &str,
    ) -> Result<Option<Agreement>, RelayError> {
        let Some(Offered::ByBrowser { audio, formats }) = &self.offered else {
            return Err(RelayError::NoOffer);
        };
        let Some(answer) = PlainAudio::of_answer(text, self.pbx.index)? else {
            return Ok(None);
        };
        self.check_family(answer.rtp)?;
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
            let Match {
                offered,
                told,
                is_shared,
            } = matched(&audio.formats, formats, &answer.formats, answered)?;
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
                    fmtp: answered.fmtp.clone().filter(|_| is_shared),
                    ..offered.clone()
                },
                converted: (!is_shared).then(|| answered.clone()),
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

    /// The answer for the browser in place of the PBX's; `None`: the sound is refused. `role`: our part
    /// in DTLS as it is now.
    pub(in crate::relay) fn answer_browser(
        &mut self,
        agreement: Option<&Agreement>,
        transport: LocalTransport<'_>,
        role: Role,
        ssrc: u32,
    ) -> String {
        let formats: Vec<Format> = formats_of(agreement);
        let line = agreement.map(|agreement| WebLine {
            transport,
            // RFC 8842 §5.3: who has said hello to whom stays so.
            setup: match role {
                Role::Server => "passive",
                Role::Client => "active",
            },
            direction: agreement.pbx,
            formats: &formats,
            pacing: agreement.pacing,
            ssrc,
        });
        self.say_to_browser(line)
    }

    /// The answer to an offer by which the browser changes nothing but its transport, as an ICE
    /// restart does, with the agreement as it holds for that offer; `None` if there is more to it.
    pub(in crate::relay) fn on_restart(
        &mut self,
        offer: &Offer,
        agreement: &Agreement,
    ) -> Option<Agreement> {
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
}

fn formats_of(agreement: Option<&Agreement>) -> Vec<Format> {
    let pairs = agreement.iter().flat_map(|agreement| &agreement.formats);
    distinct(pairs.map(|pair| pair.format.clone()))
}
