//! Routing state that travels in messages, so that a gateway that was restarted still knows where
//! they belong. It is authenticated: what was not made here opens nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use sidetone_sip::Uri;

use super::config::Protocol;

/// Bytes of a token's authenticator.
const SEAL: usize = 10;

/// Names a phone: the same device with the same account, or one connection that has not
/// registered. Whoever has shown the password of the account may take it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PhoneId(pub(crate) u64);

/// Names an upstream, whatever order the configuration has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UpstreamId(pub(crate) u32);

/// What stands in the Contact that a PBX sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContactToken {
    pub(crate) upstream: UpstreamId,
    pub(crate) phone: PhoneId,
    /// The Contact of the browser.
    pub(crate) contact: Uri,
}

/// What stands in the Record-Route that a browser sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RouteToken {
    pub(crate) upstream: UpstreamId,
    pub(crate) phone: PhoneId,
    /// Where the PBX's side of the dialog is.
    pub(crate) protocol: Protocol,
    pub(crate) peer: SocketAddr,
    /// Whether the gateway carries the sound.
    pub(crate) anchored: bool,
    /// By how much the PBX's CSeq of the browser's requests is ahead of the browser's own.
    pub(crate) shift: u8,
}

/// What tokens are sealed with.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

const CONTACT: u8 = 1;
const ROUTE: u8 = 2;

impl TokenKey {
    /// A key of these bits.
    #[must_use]
    pub fn new(bits: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bits))
    }

    /// The key in `file`, which is made, for this user only, if it is not there.
    ///
    /// # Errors
    /// The file can't be read or written, or holds something else.
    pub fn kept_at(file: &Path) -> io::Result<Self> {
        match std::fs::read(file) {
            Ok(bytes) => match bytes.as_slice().try_into() {
                Ok(bits) => Ok(Self::new(bits)),
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it does not hold 32 bytes; delete it, and a new one is made",
                )),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bits = [0; 32];
                getrandom::fill(&mut bits).map_err(io::Error::other)?;
                write_private(file, &bits)?;
                Ok(Self::new(&bits))
            }
            Err(error) => Err(error),
        }
    }

    fn number(&self, purpose: &[u8], parts: &[&[u8]]) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut first = [0; 8];
        first.copy_from_slice(&tag.as_ref()[..8]);
        u64::from_be_bytes(first)
    }

    /// The phone that is this device with this account.
    pub(crate) fn phone(&self, upstream: UpstreamId, account: &str, instance: &str) -> PhoneId {
        let upstream = upstream.0.to_be_bytes();
        let parts = [&upstream[..], account.as_bytes(), instance.as_bytes()];
        PhoneId(self.number(b"phone", &parts))
    }

    /// A number that is the same for every copy of a request.
    pub(crate) fn branch(&self, parts: &[&[u8]]) -> u64 {
        self.number(b"branch", parts)
    }

    fn seal(&self, mut payload: Vec<u8>) -> String {
        let tag = hmac::sign(&self.0, &payload);
        payload.extend_from_slice(&tag.as_ref()[..SEAL]);
        BASE64.encode(payload)
    }

    fn open(&self, text: &str, kind: u8) -> Option<Vec<u8>> {
        let mut bytes = BASE64.decode(text).ok()?;
        let length = bytes.len().checked_sub(SEAL)?;
        let tag = bytes.split_off(length);
        let expected = hmac::sign(&self.0, &bytes);
        let differ = expected.as_ref()[..SEAL]
            .iter()
            .zip(&tag)
            .fold(0, |differ, (one, other)| differ | (one ^ other));
        (differ == 0 && bytes.first() == Some(&kind)).then_some(bytes)
    }

    pub(crate) fn seal_contact(&self, token: &ContactToken) -> String {
        let contact = token.contact.to_string();
        let mut payload = Vec::with_capacity(13 + contact.len() + SEAL);
        payload.push(CONTACT);
        payload.extend_from_slice(&token.upstream.0.to_be_bytes());
        payload.extend_from_slice(&token.phone.0.to_be_bytes());
        payload.extend_from_slice(contact.as_bytes());
        self.seal(payload)
    }

    pub(crate) fn open_contact(&self, text: &str) -> Option<ContactToken> {
        let payload = self.open(text, CONTACT)?;
        let (head, contact) = payload.split_at_checked(13)?;
        let (upstream, phone) = ids(head)?;
        let contact = Uri::parse(std::str::from_utf8(contact).ok()?).ok()?;
        Some(ContactToken {
            upstream,
            phone,
            contact,
        })
    }

    pub(crate) fn seal_route(&self, token: &RouteToken) -> String {
        let mut payload = Vec::with_capacity(34 + SEAL);
        payload.push(ROUTE);
        payload.extend_from_slice(&token.upstream.0.to_be_bytes());
        payload.extend_from_slice(&token.phone.0.to_be_bytes());
        payload.extend([token.protocol as u8, token.anchored.into(), token.shift]);
        payload.extend_from_slice(&token.peer.port().to_be_bytes());
        match token.peer.ip() {
            IpAddr::V4(address) => payload.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => payload.extend_from_slice(&address.octets()),
        }
        self.seal(payload)
    }

    pub(crate) fn open_route(&self, text: &str) -> Option<RouteToken> {
        let payload = self.open(text, ROUTE)?;
        let (head, rest) = payload.split_at_checked(13)?;
        let (upstream, phone) = ids(head)?;
        let [protocol, anchored, shift, high, low, address @ ..] = rest else {
            return None;
        };
        let address = match address.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        };
        Some(RouteToken {
            upstream,
            phone,
            protocol: Protocol::from_byte(*protocol)?,
            peer: SocketAddr::new(address, u16::from_be_bytes([*high, *low])),
            anchored: *anchored != 0,
            shift: *shift,
        })
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

/// The ids behind the first byte.
fn ids(head: &[u8]) -> Option<(UpstreamId, PhoneId)> {
    let upstream = u32::from_be_bytes(head.get(1..5)?.try_into().ok()?);
    let phone = u64::from_be_bytes(head.get(5..13)?.try_into().ok()?);
    Some((UpstreamId(upstream), PhoneId(phone)))
}

fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    // Whole or not at all: the disk may be full.
    let new = file.with_extension("new");
    let _ = std::fs::remove_file(&new);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(bytes)?;
    written.sync_all()?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: UpstreamId = UpstreamId(7);
    const PHONE: PhoneId = PhoneId(0x0123_4567_89ab_cdef);

    fn contact() -> ContactToken {
        ContactToken {
            upstream: UPSTREAM,
            phone: PHONE,
            contact: Uri::parse("sip:x7f@k3.invalid;transport=ws;ob").unwrap(),
        }
    }

    fn route(peer: &str) -> RouteToken {
        RouteToken {
            upstream: UPSTREAM,
            phone: PHONE,
            protocol: Protocol::Tls,
            peer: peer.parse().unwrap(),
            anchored: true,
            shift: 1,
        }
    }

    #[test]
    fn what_was_sealed_opens() {
        let key = TokenKey::new(&[1; 32]);
        let sealed = key.seal_contact(&contact());
        assert_eq!(key.open_contact(&sealed), Some(contact()));
        for peer in ["192.0.2.1:5060", "[2001:db8::1]:5061"] {
            let sealed = key.seal_route(&route(peer));
            assert_eq!(key.open_route(&sealed), Some(route(peer)));
        }
    }

    #[test]
    fn a_forged_or_foreign_token_opens_nothing() {
        let key = TokenKey::new(&[1; 32]);
        let sealed = key.seal_contact(&contact());
        for at in 0..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(key.open_contact(&forged), None, "{at}");
        }
        assert_eq!(key.open_contact(&sealed[4..]), None);
        assert_eq!(key.open_contact(""), None);
        assert_eq!(key.open_route(&sealed), None, "a contact is no route");
        let other = TokenKey::new(&[2; 32]);
        assert_eq!(other.open_contact(&sealed), None);
        let route = key.seal_route(&route("192.0.2.1:5060"));
        assert_eq!(other.open_route(&route), None);
        assert_eq!(key.open_contact(&route), None, "a route is no contact");
    }

    #[test]
    fn a_phone_is_one_device_with_one_account_at_one_upstream() {
        let key = TokenKey::new(&[1; 32]);
        let phone = key.phone(UPSTREAM, "a@x", "i");
        assert_eq!(phone, key.phone(UPSTREAM, "a@x", "i"));
        assert_ne!(phone, key.phone(UpstreamId(8), "a@x", "i"));
        assert_ne!(phone, key.phone(UPSTREAM, "b@x", "i"));
        assert_ne!(phone, key.phone(UPSTREAM, "a@x", "j"));
        assert_ne!(phone, key.phone(UPSTREAM, "a@", "xi"));
    }

    #[test]
    fn the_key_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let sealed = TokenKey::kept_at(&file).unwrap().seal_contact(&contact());
        let again = TokenKey::kept_at(&file).unwrap();
        assert_eq!(again.open_contact(&sealed), Some(contact()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&file, "short").unwrap();
        assert!(TokenKey::kept_at(&file).is_err());
    }
}
