//! ICE-lite (RFC 8445 §2.5): we are reachable at host candidates, so the browser does the checking
//! and the nominating, and we answer.
//!
//! ```text
//!            first valid check            nominating check
//! waiting ───────────────────▶ reachable ──────────────────▶ nominated ──┐ another nominating
//!                                                              ▲         │ check: moves there
//!                                                              └─────────┘
//! ```
//!
//! A restart (RFC 8445 §9) adds credentials; the former ones stay good until the new are used.

use std::net::SocketAddr;

use bytes::Bytes;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::error_code::{CODE_ROLE_CONFLICT, ErrorCodeAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter,
};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

use super::Path;

/// Our half of the user name and the password (RFC 8445 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
}

impl Credentials {
    /// Random credentials of 48 and 144 bits.
    pub(crate) fn random(crypto: &dyn RTCCryptoProvider) -> Option<Self> {
        let mut bytes = [0; 32];
        crypto.random().fill(&mut bytes).ok()?;
        let text: String = bytes.iter().map(|byte| ice_char(*byte)).collect();
        let (ufrag, pwd) = text.split_at(8);
        Some(Self {
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        })
    }
}

/// One `ice-char` (RFC 8839 §5.4) carries six bits.
fn ice_char(byte: u8) -> char {
    const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(CHARS[usize::from(byte % 64)])
}

/// A Binding request whose authenticity is not known yet.
pub(crate) struct Check {
    message: Message,
    /// Our user name fragment: whose leg this is for.
    pub(crate) local_ufrag: String,
}

impl Check {
    /// `None` when it is no Binding request of an ICE agent.
    pub(crate) fn parse(datagram: &[u8]) -> Option<Self> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        let username = TextAttribute::get_from_as(&message, ATTR_USERNAME).ok()?;
        // RFC 8445 §7.2.2: the request's receiver comes first.
        let (local_ufrag, _) = username.text.split_once(':')?;
        let local_ufrag = local_ufrag.to_owned();
        Some(Self {
            message,
            local_ufrag,
        })
    }

    /// What follows MESSAGE-INTEGRITY is not protected and means nothing (RFC 8489 §14.5).
    fn has(&self, attribute: rtc_stun::attributes::AttrType) -> bool {
        let attributes = self.message.attributes.0.iter();
        attributes
            .take_while(|a| a.typ != ATTR_MESSAGE_INTEGRITY)
            .any(|a| a.typ == attribute)
    }
}

/// The answering end of ICE for one leg.
pub(crate) struct LiteAgent {
    current: Credentials,
    former: Option<Credentials>,
    remote: Option<Remote>,
}

#[derive(Clone, Copy)]
enum Remote {
    Reachable(Path),
    Nominated(Path),
}

impl LiteAgent {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            current: credentials,
            former: None,
            remote: None,
        }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.current
    }

    /// The user name fragments by which this leg may be addressed now.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        let both = [Some(&self.current), self.former.as_ref()];
        both.into_iter().flatten().map(|c| c.ufrag.as_str())
    }

    /// Where to send, once the browser has been heard.
    pub(crate) fn remote(&self) -> Option<Path> {
        self.remote.map(|remote| match remote {
            Remote::Reachable(path) | Remote::Nominated(path) => path,
        })
    }

    /// ICE restart: answers carry `fresh` from now on.
    pub(crate) fn restart(&mut self, fresh: Credentials) {
        self.former = Some(std::mem::replace(&mut self.current, fresh));
    }

    /// Answers a check from `from`; `None` if it is not authentic.
    pub(crate) fn handle_check(
        &mut self,
        from: Path,
        check: &mut Check,
        crypto: &dyn RTCCryptoProvider,
    ) -> Option<Bytes> {
        let is_current = check.local_ufrag == self.current.ufrag;
        let credentials = if is_current {
            &self.current
        } else {
            let former = self.former.as_ref();
            former.filter(|former| former.ufrag == check.local_ufrag)?
        };
        let key = credentials.pwd.as_bytes();
        MessageIntegrity::check(&mut check.message, key, crypto.crypto()).ok()?;
        if check.has(ATTR_ICE_CONTROLLED) {
            // RFC 8445 §7.3.1.1: we can't take the controlling role, so the browser has to.
            let conflict = ErrorCodeAttribute {
                code: CODE_ROLE_CONFLICT,
                reason: b"Role Conflict".to_vec(),
            };
            return respond(&check.message, BINDING_ERROR, &conflict, key, crypto);
        }
        let response = respond(
            &check.message,
            BINDING_SUCCESS,
            &mapped(from.address()),
            key,
            crypto,
        )?;
        if is_current {
            if self.former.take().is_some() {
                self.remote = None;
            }
            self.remote = match self.remote {
                _ if check.has(ATTR_USE_CANDIDATE) => Some(Remote::Nominated(from)),
                None | Some(Remote::Reachable(_)) => Some(Remote::Reachable(from)),
                nominated => nominated,
            };
        }
        Some(response)
    }
}

/// RFC 8489 §14.2, with IPv4 as IPv4 even where the socket speaks IPv6.
fn mapped(from: SocketAddr) -> XorMappedAddress {
    XorMappedAddress {
        ip: from.ip().to_canonical(),
        port: from.port(),
    }
}

fn respond(
    request: &Message,
    kind: MessageType,
    content: &dyn Setter,
    key: &[u8],
    crypto: &dyn RTCCryptoProvider,
) -> Option<Bytes> {
    let mut response = Message::new();
    response.typ = kind;
    response.transaction_id = request.transaction_id;
    response.write_header();
    content.add_to(&mut response).ok()?;
    MessageIntegrity::new_raw_integrity_with_provider(key, crypto.crypto())
        .add_to(&mut response)
        .ok()?;
    FINGERPRINT.add_to(&mut response).ok()?;
    Some(response.raw.into())
}

#[cfg(test)]
pub(crate) mod tests;
