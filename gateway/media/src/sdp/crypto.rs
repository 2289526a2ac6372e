//! Keys within a session description: SDES (RFC 4568, RFC 7714 §14).

use std::fmt::{self, Display, Formatter};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::transport::srtp::{MasterKey, Suite};

const NAMES: [(&str, Suite); 4] = [
    ("AES_CM_128_HMAC_SHA1_80", Suite::AesCm128Sha1_80),
    ("AEAD_AES_256_GCM", Suite::AeadAes256Gcm),
    ("AEAD_AES_128_GCM", Suite::AeadAes128Gcm),
    ("AES_CM_128_HMAC_SHA1_32", Suite::AesCm128Sha1_32),
];

/// What we offer: first what every PBX with SRTP knows.
pub(crate) const SUITES: [Suite; 4] = [NAMES[0].1, NAMES[1].1, NAMES[2].1, NAMES[3].1];

/// One `a=crypto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crypto {
    pub(crate) tag: u32,
    pub(crate) key: MasterKey,
}

impl Crypto {
    /// Reads `1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31`; `None` for what we can't do: another
    /// suite, several keys, key identifiers in the packets, a part left unprotected.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let name = words.next()?;
        let (_, suite) = NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        let key = words.next()?.strip_prefix("inline:")?;
        // RFC 4568 §6.1: key and salt, then perhaps a lifetime, then perhaps an identifier, the
        // only part with a colon. Several keys are parted by semicolons.
        let mut parts = key.split('|');
        let joined = STANDARD.decode(parts.next()?).ok()?;
        if key.contains(';') || parts.any(|part| part.contains(':')) {
            return None;
        }
        // RFC 4568 §6.3: the hint on the window is one, all else would have to be obeyed.
        if words.any(|parameter| !parameter.starts_with("WSH=") && !parameter.starts_with('-')) {
            return None;
        }
        let key = MasterKey::from_joined(*suite, &joined)?;
        Some(Self { tag, key })
    }
}

impl Display for Crypto {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let suite = self.key.suite;
        let name = NAMES
            .iter()
            .find(|(_, s)| *s == suite)
            .map(|(name, _)| *name);
        let key = STANDARD.encode(self.key.joined());
        write!(f, "{} {} inline:{key}", self.tag, name.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    #[test]
    fn reads_what_it_writes() {
        for suite in SUITES {
            let joined: Vec<u8> = (0..suite.key_length() + suite.salt_length())
                .map(|n| n as u8)
                .collect();
            let crypto = Crypto {
                tag: 7,
                key: MasterKey::from_joined(suite, &joined).unwrap(),
            };
            assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto));
        }
    }

    #[test]
    fn takes_lifetimes_and_hints_and_nothing_that_would_have_to_be_obeyed() {
        let cases = [
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), true),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"), true),
            (
                format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY} WSH=64"),
                true,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
                false,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"), false),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
                false,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
                false,
            ),
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), false),
            (format!("1 AEAD_AES_256_GCM inline:{KEY}"), false),
            (format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), false),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:???".to_owned(), false),
            ("1".to_owned(), false),
        ];
        for (value, usable) in cases {
            assert_eq!(Crypto::parse(&value).is_some(), usable, "{value}");
        }
    }
}
