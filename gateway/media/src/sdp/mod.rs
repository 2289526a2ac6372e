//! The part of SDP (RFC 8866) that offers and answers of browsers need.

mod answer;
mod offer;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Answer, LocalTransport};
pub(crate) use offer::Offer;

/// Which way sound flows, as its writer sees it (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn parse(attribute: &str) -> Option<Self> {
        Some(match attribute {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same flow seen from the other end.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Codec {
    Opus,
    G722,
    Pcmu,
    Pcma,
    /// Key presses (RFC 4733).
    TelephoneEvent,
}

impl Codec {
    /// By encoding name, RTP clock rate and channels; `None` for what this engine does not speak.
    fn from_rtpmap(name: &str, clock_rate: u32) -> Option<Self> {
        const NAMES: [(&str, Codec); 5] = [
            ("opus", Codec::Opus),
            ("G722", Codec::G722),
            ("PCMU", Codec::Pcmu),
            ("PCMA", Codec::Pcma),
            ("telephone-event", Codec::TelephoneEvent),
        ];
        let (_, codec) = NAMES
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        let right_clock = match codec {
            Self::Opus => clock_rate == 48_000,
            // RFC 3551 §4.5.2: G.722 keeps the clock of 8000 Hz by historical error.
            Self::G722 | Self::Pcmu | Self::Pcma => clock_rate == 8_000,
            Self::TelephoneEvent => true,
        };
        right_clock.then_some(codec)
    }

    /// What a payload type means without an `a=rtpmap` (RFC 3551 §6).
    fn from_static(payload_type: u8) -> Option<(Self, u32)> {
        match payload_type {
            0 => Some((Self::Pcmu, 8_000)),
            8 => Some((Self::Pcma, 8_000)),
            9 => Some((Self::G722, 8_000)),
            _ => None,
        }
    }
}

/// One payload type of the audio line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
    /// RTP ticks a second.
    pub(crate) clock_rate: u32,
    /// The value of `a=rtpmap` behind the payload type, as offered.
    rtpmap: String,
    /// The value of `a=fmtp` behind the payload type, as offered.
    fmtp: Option<String>,
}

/// A certificate's digest (RFC 8122).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: Hash,
    pub(crate) digest: Vec<u8>,
}

/// The digests this engine can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Fingerprint {
    /// Reads `sha-256 AB:CD:…`; `None` for a hash this engine can't check, or a broken digest.
    fn parse(value: &str) -> Option<Self> {
        let (name, digest) = value.split_once(' ')?;
        let (hash, length) = match name.to_ascii_lowercase().as_str() {
            "sha-256" => (Hash::Sha256, 32),
            "sha-384" => (Hash::Sha384, 48),
            "sha-512" => (Hash::Sha512, 64),
            _ => return None,
        };
        let digest: Option<Vec<u8>> = digest
            .trim()
            .split(':')
            // `from_str_radix` would take a sign as well.
            .filter(|byte| byte.len() == 2 && !byte.starts_with('+'))
            .map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect();
        let digest = digest.filter(|digest| digest.len() == length)?;
        Some(Self { hash, digest })
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.hash {
            Hash::Sha256 => "sha-256 ",
            Hash::Sha384 => "sha-384 ",
            Hash::Sha512 => "sha-512 ",
        })?;
        for (i, byte) in self.digest.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}
