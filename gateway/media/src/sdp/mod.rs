//! The part of SDP (RFC 8866) that the calls of browsers and PBXs need.

mod answer;
pub(crate) mod crypto;
pub(crate) mod description;
mod offer;
pub(crate) mod plain;
#[cfg(test)]
mod tests;

pub(crate) use answer::{LocalTransport, WebDescription, WebLine};
pub(crate) use offer::{Audio, Offer};

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

    pub(crate) fn as_str(self) -> &'static str {
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

    /// What is left of it where the other end has offered `offered` (RFC 3264 §6.1); some answer
    /// with more.
    pub(crate) fn within(self, offered: Self) -> Self {
        let sends = self.sends() && offered.receives();
        let receives = self.receives() && offered.sends();
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same without hearing.
    pub(crate) fn deaf(self) -> Self {
        if self.sends() {
            Self::SendOnly
        } else {
            Self::Inactive
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
        let all = [
            Self::Opus,
            Self::G722,
            Self::Pcmu,
            Self::Pcma,
            Self::TelephoneEvent,
        ];
        let mut all = all.into_iter();
        let codec = all.find(|codec| codec.name().eq_ignore_ascii_case(name))?;
        let right_clock = match codec {
            Self::Opus => clock_rate == 48_000,
            // RFC 3551 §4.5.2: G.722 keeps the clock of 8000 Hz by historical error.
            Self::G722 | Self::Pcmu | Self::Pcma => clock_rate == 8_000,
            Self::TelephoneEvent => true,
        };
        right_clock.then_some(codec)
    }

    /// As `a=rtpmap` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::TelephoneEvent => "telephone-event",
        }
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
    pub(crate) rtpmap: String,
    /// The value of `a=fmtp` behind the payload type, as offered.
    pub(crate) fmtp: Option<String>,
}

impl Format {
    /// Whether both stand for the same, under whatever number.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.codec, self.clock_rate) == (other.codec, other.clock_rate)
    }

    /// Sound rather than key presses.
    pub(crate) fn is_sound(&self) -> bool {
        self.codec != Codec::TelephoneEvent
    }
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
