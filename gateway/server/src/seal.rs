//! Secrets at rest: encrypted, and bound to the account or the server they are for.
//!
//! `sealed:` and, in base64, a nonce of 12 random bytes and what AES-256-GCM makes of the secret. The
//! names of upstream and user, or the URLs of the server, are authenticated with it, so that a sealed
//! secret is of no use in another place of the file.

use std::fmt;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sidetone_sip::auth::Secret;
use zeroize::Zeroizing;

const PREFIX: &str = "sealed:";
const KEY_LEN: usize = 32;

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// An account's.
    Account {
        /// The name of the upstream; `None`: the embedded switch.
        upstream: Option<&'a str>,
        /// The user there.
        user: &'a str,
    },
    /// A TURN server's.
    IceServer {
        /// All its URLs, in any order.
        urls: &'a [String],
        /// Whose password it is; `None`: the secret that the gateway shares with the server.
        user: Option<&'a str>,
    },
}

/// Why a secret can't be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// What should be a key is none.
    #[error("it is no key: 32 bytes in base64, as `sidetone seal` makes them")]
    NotAKey,
    /// The file of the key.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Sealed with another key, for somebody else, or changed since.
    #[error("it was sealed with another key, for another account or server, or has been changed")]
    Foreign,
    /// There are no random bits.
    #[error("this machine has no random bits")]
    NoRandomness,
}

/// A secret as it may be written anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Whether a text is meant to be a sealed secret.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a sealed secret.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() > NONCE_LEN + AES_256_GCM.tag_len()).then_some(Self(bytes))
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64.encode(&self.0))
    }
}

/// What secrets are sealed with.
pub struct SealingKey(LessSafeKey);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl SealingKey {
    /// Reads a key: 32 bytes in base64.
    ///
    /// # Errors
    /// [`SealError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, SealError> {
        // URLs' alphabet or the usual one, padded or not.
        let text: Zeroizing<String> = Zeroizing::new(
            text.trim()
                .trim_end_matches('=')
                .chars()
                .map(|c| match c {
                    '+' => '-',
                    '/' => '_',
                    other => other,
                })
                .collect(),
        );
        let bits = BASE64.decode(text.as_bytes()).map(Zeroizing::new);
        Self::new(&bits.map_err(|_| SealError::NotAKey)?)
    }

    fn new(bits: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, bits).map_err(|_| SealError::NotAKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The key in `file`.
    ///
    /// # Errors
    /// It can't be read, or holds no key.
    pub fn read(file: &Path) -> Result<Self, SealError> {
        Self::parse(&Zeroizing::new(std::fs::read_to_string(file)?))
    }

    /// A new key, kept in `file` for this user only.
    ///
    /// # Errors
    /// It can't be written, or is there already.
    pub fn make(file: &Path) -> Result<Self, SealError> {
        use io::Write;
        let mut bits = Zeroizing::new([0; KEY_LEN]);
        random(&mut *bits)?;
        let text = Zeroizing::new(BASE64.encode(*bits) + "\n");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut opened = options.open(file)?;
        let written = opened.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| opened.sync_all()) {
            // Half a key, on a full disk perhaps, is none.
            let _ = std::fs::remove_file(file);
            return Err(error.into());
        }
        Self::new(&*bits)
    }

    /// Seals a secret for one account or server.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, whose: Whose<'_>, secret: &Secret) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut bytes = nonce.to_vec();
        let mut text = Zeroizing::new(secret.reveal().as_bytes().to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, whose.bound(), &mut text);
        // It fails for texts of many gigabytes only.
        let tag = tag.map_err(|_| SealError::Foreign)?;
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(tag.as_ref());
        Ok(Sealed(bytes))
    }

    /// The secret, if it was sealed with this key for this account or server.
    ///
    /// # Errors
    /// [`SealError::Foreign`].
    pub fn open(&self, whose: Whose<'_>, sealed: &Sealed) -> Result<Secret, SealError> {
        let (nonce, rest) = sealed.0.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Foreign)?;
        let mut rest = Zeroizing::new(rest.to_vec());
        let text = self.0.open_in_place(nonce, whose.bound(), &mut rest);
        let text = text.map_err(|_| SealError::Foreign)?;
        let text = std::str::from_utf8(text).map_err(|_| SealError::Foreign)?;
        Ok(Secret::new(text))
    }
}

impl Whose<'_> {
    /// Its names, unmistakably.
    fn bound(&self) -> Aad<Vec<u8>> {
        let (kind, parts) = match *self {
            Self::Account { upstream, user } => (
                "sidetone secret 1",
                vec![upstream.unwrap_or_default(), user],
            ),
            Self::IceServer { urls, user } => {
                let mut parts: Vec<&str> = urls.iter().map(String::as_str).collect();
                parts.sort_unstable();
                parts.insert(0, user.unwrap_or_default());
                ("sidetone ice server 1", parts)
            }
        };
        let mut bytes = kind.as_bytes().to_vec();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Aad::from(bytes)
    }
}

/// The arguments of `sidetone seal` that name it.
impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match *self {
            Self::Account { upstream, user } => [
                upstream.map(|upstream| format!("--upstream {}", shell(upstream))),
                Some(format!("--user {}", shell(user))),
            ],
            Self::IceServer { urls, user } => [
                Some(format!("--ice-server {}", shell(&urls.join(",")))),
                user.map(|user| format!("--user {}", shell(user))),
            ],
        };
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&words.join(" "))
    }
}

fn shell(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:,".contains(&b);
    match word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn random(bytes: &mut [u8]) -> Result<(), SealError> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| SealError::NoRandomness)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Whose<'_> = Whose::Account {
        upstream: Some("office"),
        user: "201",
    };

    fn account<'a>(upstream: Option<&'a str>, user: &'a str) -> Whose<'a> {
        Whose::Account { upstream, user }
    }

    fn key(bits: u8) -> SealingKey {
        SealingKey::new(&[bits; KEY_LEN]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_for_its_account_only() {
        let secret = Secret::new("correct horse");
        let sealed = key(1).seal(ANN, &secret).unwrap();
        let written = sealed.to_string();
        assert!(written.starts_with("sealed:") && !written.contains("correct"));
        let read = Sealed::parse(&written).unwrap();
        assert_eq!(key(1).open(ANN, &read).unwrap(), secret);
        assert!(matches!(key(2).open(ANN, &read), Err(SealError::Foreign)));
        for other in [
            account(Some("office"), "202"),
            account(Some("branch"), "201"),
            account(None, "201"),
            // The same letters, parted elsewhere.
            account(Some("office2"), "01"),
            Whose::IceServer {
                urls: &["201".to_owned()],
                user: Some("office"),
            },
        ] {
            assert!(key(1).open(other, &read).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_servers_secret_is_for_all_its_urls_and_no_others() {
        let urls = ["turn:a.example", "turns:a.example"].map(str::to_owned);
        let shared = |urls| Whose::IceServer { urls, user: None };
        let sealed = key(1).seal(shared(&urls), &Secret::new("hush")).unwrap();
        let [a, b] = urls.clone();
        let turned = [b.clone(), a.clone()];
        assert!(key(1).open(shared(&turned), &sealed).is_ok());
        let more = [a.clone(), b.clone(), "turn:evil.example".to_owned()];
        // What the server and the gateway share is not to become what browsers are told.
        let told = Whose::IceServer {
            urls: &urls,
            user: Some("sidetone"),
        };
        for other in [shared(&more), shared(&[a]), shared(&[]), told] {
            assert!(key(1).open(other, &sealed).is_err(), "{other:?}");
        }
    }

    #[test]
    fn every_byte_counts() {
        let sealed = key(1).seal(ANN, &Secret::new("correct horse")).unwrap();
        for at in 0..sealed.0.len() {
            let mut bad = sealed.clone();
            bad.0[at] ^= 1;
            assert!(key(1).open(ANN, &bad).is_err(), "byte {at}");
        }
        let mut short = sealed.clone();
        short.0.pop();
        assert!(key(1).open(ANN, &short).is_err());
    }

    #[test]
    fn no_two_are_alike() {
        let secret = Secret::new("correct horse");
        let [a, b] = [(), ()].map(|()| key(1).seal(ANN, &secret).unwrap());
        assert_ne!(a, b);
    }

    #[test]
    fn what_is_no_sealed_secret_is_refused() {
        for text in ["", "sealed:", "sealed:AAAA", "sealed:*", "correct horse"] {
            assert!(Sealed::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sidetone.key");
        assert!(matches!(SealingKey::read(&file), Err(SealError::File(_))));
        let made = SealingKey::make(&file).unwrap();
        let sealed = made.seal(ANN, &Secret::new("correct horse")).unwrap();
        let read = SealingKey::read(&file).unwrap();
        assert!(read.open(ANN, &sealed).is_ok());
        assert!(SealingKey::make(&file).is_err(), "it was made anew");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&file, "short").unwrap();
        assert!(matches!(SealingKey::read(&file), Err(SealError::NotAKey)));
        assert_eq!(format!("{read:?}"), "SealingKey(…)");
    }

    #[test]
    fn a_key_may_be_written_in_either_alphabet() {
        let sealed = SealingKey::new(&[0xfb; KEY_LEN]).unwrap();
        let sealed = sealed.seal(ANN, &Secret::new("correct horse")).unwrap();
        let usual = base64::engine::general_purpose::STANDARD.encode([0xfb; KEY_LEN]);
        assert!(usual.contains('+') || usual.contains('/'));
        for text in [usual.clone() + "\n", BASE64.encode([0xfb; KEY_LEN])] {
            assert!(SealingKey::parse(&text).unwrap().open(ANN, &sealed).is_ok());
        }
    }

    #[test]
    fn its_command_can_be_pasted() {
        assert_eq!(ANN.to_string(), "--upstream office --user 201");
        let odd = account(Some("Bob's PBX"), "*201");
        assert_eq!(odd.to_string(), r"--upstream 'Bob'\''s PBX' --user '*201'");
        assert_eq!(account(None, "201").to_string(), "--user 201");
        let urls = ["turn:a.example:3478", "turns:a.example?transport=tcp"].map(str::to_owned);
        let server = |user| Whose::IceServer { urls: &urls, user };
        let expected = "--ice-server 'turn:a.example:3478,turns:a.example?transport=tcp'";
        assert_eq!(server(None).to_string(), expected);
        let of_user = format!("{expected} --user sidetone");
        assert_eq!(server(Some("sidetone")).to_string(), of_user);
    }
}
