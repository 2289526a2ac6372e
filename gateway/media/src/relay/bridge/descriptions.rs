//! What offers and answers change in a relayed call.

use std::time::Instant;

use rtc_crypto::RTCCryptoProvider;

use super::{Branch, Bridge};
use crate::endpoint::Shared;
use crate::relay::negotiation::Agreement;
use crate::relay::payloads::Payloads;
use crate::relay::{BrowserOffer, RelayError};
use crate::sdp::{LocalTransport, Offer};
use crate::transport::browser::Browser;
use crate::transport::ice::Credentials;
use crate::transport::srtp::{MasterKey, Protector, Suite, Unprotector};

/// More places than a call rings at, with sound from each of them.
const MAX_BRANCHES: usize = 16;

impl Bridge {
    pub(in crate::relay) fn on_browser_offer(
        &mut self,
        now: Instant,
        text: &str,
    ) -> Result<BrowserOffer, RelayError> {
        let offer = Offer::parse(text)?;
        if let Some(answer) = self.on_restart(now, &offer)? {
            return Ok(BrowserOffer::Answer(answer));
        }
        self.offered_remote = Some(offer.audio.remote.clone());
        let crypto = self.shared.crypto.clone();
        let make_key = move |suite| make_key(&*crypto, suite);
        let text = self.negotiation.on_browser_offer(offer, &make_key)?;
        Ok(BrowserOffer::Offer(text))
    }

    fn on_restart(&mut self, now: Instant, offer: &Offer) -> Result<Option<String>, RelayError> {
        let remote = &offer.audio.remote;
        let former = self.browser.remote();
        if former.is_none_or(|former| former.ufrag == remote.ufrag) {
            return Ok(None);
        }
        let heard = self.heard_branch();
        let Some((name, agreement)) = heard.map(|b| (b.name.clone(), b.agreement.clone())) else {
            return Ok(None);
        };
        let Some(agreement) = self.negotiation.on_restart(offer, &agreement) else {
            return Ok(None);
        };
        self.browser.accept(now, remote, true)?;
        self.drain_browser(now);
        let answer = self.answer_browser(Some(&agreement));
        self.settle(&name, agreement)?;
        Ok(Some(answer))
    }

    pub(in crate::relay) fn on_pbx_answer(
        &mut self,
        now: Instant,
        branch: &str,
        text: &str,
    ) -> Result<String, RelayError> {
        self.name_branch(branch);
        if self.confirmed.as_ref().is_some_and(|name| name != branch) {
            return Err(RelayError::OtherBranch);
        }
        let agreement = self.negotiation.on_pbx_answer(text)?;
        if let Some(remote) = self.offered_remote.take() {
            self.browser.accept(now, &remote, true)?;
            self.drain_browser(now);
        }
        let answer = self.answer_browser(agreement.as_ref());
        match agreement {
            Some(agreement) => {
                self.make_room(branch);
                self.settle(branch, agreement)?;
            }
            None => self.forget(branch),
        }
        self.pbx_watch.on_heard(now);
        Ok(answer)
    }

    pub(in crate::relay) fn on_confirmed(&mut self, branch: &str) {
        self.name_branch(branch);
        let is_new = self.heard_branch().is_none_or(|heard| heard.name != branch);
        if is_new {
            self.down.splice.cut();
        }
        // A branch without sound has none here.
        self.branches.retain(|b| b.name == branch);
        self.active = (!self.branches.is_empty()).then_some(0);
        self.confirmed = Some(branch.to_owned());
        self.protect_for_active();
    }

    pub(in crate::relay) fn on_pbx_offer(&mut self, text: &str) -> Result<String, RelayError> {
        let Self {
            negotiation,
            browser,
            shared,
            down,
            ..
        } = self;
        let transport = transport(shared, browser);
        negotiation.on_pbx_offer(text, transport, down.source.ssrc)
    }

    pub(in crate::relay) fn on_browser_answer(
        &mut self,
        now: Instant,
        text: &str,
    ) -> Result<String, RelayError> {
        let crypto = self.shared.crypto.clone();
        let make_key = move |suite| make_key(&*crypto, suite);
        let settled = self.negotiation.on_browser_answer(text, &make_key)?;
        let heard = self.heard_branch().map(|branch| branch.name.clone());
        let name = heard.or_else(|| self.confirmed.clone()).unwrap_or_default();
        let Some((agreement, audio)) = settled else {
            self.forget(&name);
            return Ok(self.negotiation.answer_pbx(None));
        };
        self.browser.accept(now, &audio.remote, false)?;
        self.drain_browser(now);
        let answer = self.negotiation.answer_pbx(Some(&agreement));
        self.settle(&name, agreement)?;
        let index = self.branches.iter().position(|b| b.name == name);
        self.active = self.active.or(index);
        self.protect_for_active();
        self.pbx_watch.on_heard(now);
        Ok(answer)
    }

    fn answer_browser(&mut self, agreement: Option<&Agreement>) -> String {
        let Self {
            negotiation,
            browser,
            shared,
            down,
            ..
        } = self;
        let transport = transport(shared, browser);
        let role = browser.role();
        negotiation.answer_browser(agreement, transport, role, down.source.ssrc)
    }

    /// Lets `agreement` hold for the branch `name` from now on.
    fn settle(&mut self, name: &str, agreement: Agreement) -> Result<(), RelayError> {
        let unkeyed = || RelayError::Encryption("the PBX's keys can't be used".to_owned());
        let index = self.branches.iter().position(|b| b.name == name);
        let former = index.map(|index| self.branches.remove(index));
        let theirs = agreement.keys.as_ref().map(|(_, theirs)| theirs);
        let (mut unprotector, mut learned_rtp, mut learned_rtcp) = (None, None, None);
        let mut signalled = agreement.rtp;
        if let Some(former) = former {
            let former_key = former.agreement.keys.as_ref().map(|(_, theirs)| theirs);
            if theirs == former_key {
                unprotector = former.unprotector;
            }
            signalled = signalled.or(former.signalled);
            if former.signalled == signalled {
                (learned_rtp, learned_rtcp) = (former.learned_rtp, former.learned_rtcp);
            }
        }
        if let (None, Some(theirs)) = (&unprotector, theirs) {
            unprotector = Some(Box::new(Unprotector::new(theirs).ok_or_else(unkeyed)?));
        }
        let branch = Branch {
            name: name.to_owned(),
            from_browser: Payloads::from_browser(&agreement.formats),
            from_pbx: Payloads::from_pbx(&agreement.formats),
            agreement,
            unprotector,
            signalled,
            learned_rtp,
            learned_rtcp,
        };
        let index = index.unwrap_or(self.branches.len());
        self.branches.insert(index, branch);
        self.protect_for_active();
        Ok(())
    }

    /// Of too many branches the oldest that nobody hears makes room for a new one: which of them answers
    /// the call is not known before.
    fn make_room(&mut self, name: &str) {
        let is_known = self.branches.iter().any(|b| b.name == name);
        if is_known || self.branches.len() < MAX_BRANCHES {
            return;
        }
        let heard = self.heard_branch().map(|branch| &branch.name);
        let mut names = self.branches.iter().map(|branch| &branch.name);
        if let Some(oldest) = names.find(|name| Some(*name) != heard).cloned() {
            self.forget(&oldest);
        }
    }

    /// The branch refuses the sound, or there is none any more.
    fn forget(&mut self, name: &str) {
        let heard = self.heard_branch().map(|branch| branch.name.clone());
        self.branches.retain(|branch| branch.name != name);
        self.active = self
            .branches
            .iter()
            .position(|b| Some(&b.name) == heard.as_ref());
        self.protect_for_active();
    }

    /// A PBX that has called itself is heard of by name when it answers for the first time.
    fn name_branch(&mut self, name: &str) {
        if let [only] = &mut self.branches[..]
            && only.name.is_empty()
        {
            name.clone_into(&mut only.name);
        }
    }

    pub(super) fn heard_branch(&self) -> Option<&Branch> {
        self.active.and_then(|active| self.branches.get(active))
    }

    /// The branch to which the browser's sound goes: the one that is heard, else the first.
    pub(super) fn sending_index(&self) -> Option<usize> {
        self.active.or((!self.branches.is_empty()).then_some(0))
    }

    pub(super) fn protect_for_active(&mut self) {
        let branch = self
            .sending_index()
            .and_then(|index| self.branches.get(index));
        let ours = branch.and_then(|branch| branch.agreement.keys.as_ref());
        let ours = ours.map(|(ours, _)| ours);
        let current = self.protector.as_deref().map(|(key, _)| key);
        if ours == current {
            return;
        }
        self.resting
            .extend(self.protector.take().map(|former| *former));
        let negotiation = &self.negotiation;
        self.resting.retain(|(key, _)| negotiation.may_use(key));
        let Some(ours) = ours else { return };
        let known = self.resting.iter().position(|(key, _)| key == ours);
        let known = known.map(|index| self.resting.swap_remove(index));
        let fresh = || Some((ours.clone(), Protector::new(ours)?));
        self.protector = known.or_else(fresh).map(Box::new);
    }
}

fn transport<'a>(shared: &'a Shared, browser: &'a Browser) -> LocalTransport<'a> {
    let Credentials { ufrag, pwd } = browser.credentials();
    LocalTransport {
        candidates: &shared.candidates,
        takes_streams: shared.takes_streams,
        fingerprint: shared.identity.fingerprint(),
        ice_ufrag: ufrag,
        ice_pwd: pwd,
    }
}

fn make_key(crypto: &dyn RTCCryptoProvider, suite: Suite) -> Option<MasterKey> {
    let mut joined = vec![0; suite.key_length() + suite.salt_length()];
    crypto.random().fill(&mut joined).ok()?;
    MasterKey::from_joined(suite, &joined)
}
