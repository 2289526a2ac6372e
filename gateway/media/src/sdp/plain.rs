//! What a PBX without WebRTC says, and what it is told: RTP/AVP, or RTP/SAVP with keys in the
//! description.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use super::answer::{write_formats, write_refused};
use super::crypto::Crypto;
use super::description::{Connection, Description, Line, Pacing, Section, bad};
use super::{Direction, Format};
use crate::MediaError;

/// The audio line of a PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainAudio {
    pub(crate) index: usize,
    /// Where it wants RTP; `None` while it wants none, as the old way to hold is (RFC 3264 §8.4).
    pub(crate) rtp: Option<SocketAddr>,
    pub(crate) rtcp: Option<SocketAddr>,
    /// The keys it offers or has chosen; empty for RTP/AVP.
    pub(crate) cryptos: Vec<Crypto>,
    pub(crate) direction: Direction,
    pub(crate) formats: Vec<Format>,
    pub(crate) pacing: Pacing,
}

impl PlainAudio {
    /// The line of an offer that can be used, and all sections.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`], [`MediaError::NoAudio`].
    pub(crate) fn of_offer(text: &str) -> Result<(Self, Vec<Section>), MediaError> {
        let description = Description::parse(text)?;
        let (index, line, formats) = description.first_audio(is_plain)?;
        let audio = Self::read(index, line, formats)?;
        Ok((audio, description.sections()))
    }

    /// The answer to an offer whose audio line was at `index`; `None` if it refuses that.
    ///
    /// # Errors
    /// [`MediaError::BadOffer`], [`MediaError::NoAudio`].
    pub(crate) fn of_answer(text: &str, index: usize) -> Result<Option<Self>, MediaError> {
        let description = Description::parse(text)?;
        let line = description.lines.get(index);
        let line = line.ok_or_else(|| bad("it has too few media lines"))?;
        if line.port == 0 {
            return Ok(None);
        }
        if !is_plain(line) {
            return Err(bad("it answers with another profile than was offered"));
        }
        Self::read(index, line, line.formats()).map(Some)
    }

    fn read(index: usize, line: &Line, formats: Vec<Format>) -> Result<Self, MediaError> {
        if !formats.iter().any(Format::is_sound) {
            return Err(MediaError::NoAudio);
        }
        let ip = match line.session.connection {
            Some(Connection::Address(ip)) => ip.to_canonical(),
            Some(Connection::Unreadable) => return Err(bad("its address is no IP address")),
            None => return Err(bad("it has no address")),
        };
        let listens = !ip.is_unspecified();
        let rtp = SocketAddr::new(ip, line.port);
        let rtcp = match line.rtcp {
            Some((port, address)) => Some(SocketAddr::new(address.unwrap_or(ip), port)),
            // RFC 3550 §11: the next higher port.
            None => line
                .port
                .checked_add(1)
                .map(|port| SocketAddr::new(ip, port)),
        };
        let direction = line.session.direction.unwrap_or_default();
        let secure = line.section.protocol.contains("SAVP");
        if secure && line.cryptos.is_empty() {
            return Err(bad("it has no key that can be used"));
        }
        Ok(Self {
            index,
            rtp: listens.then_some(rtp),
            rtcp: rtcp.filter(|rtcp| !rtcp.ip().is_unspecified() && rtcp.port() != 0),
            cryptos: if secure {
                line.cryptos.clone()
            } else {
                Vec::new()
            },
            direction: if listens { direction } else { direction.deaf() },
            formats,
            pacing: line.pacing,
        })
    }
}

fn is_plain(line: &Line) -> bool {
    let protocols = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"];
    let has_keys = !line.section.protocol.contains("SAVP") || !line.cryptos.is_empty();
    has_keys && protocols.contains(&line.section.protocol.as_str())
}

/// A description for a PBX; its text is its [`Display`].
pub(crate) struct PlainDescription<'a> {
    pub(crate) session_id: u64,
    pub(crate) version: u64,
    pub(crate) address: IpAddr,
    /// Where we want RTP; RTCP is one above.
    pub(crate) port: u16,
    /// All `m=` lines; those that are not ours are refused.
    pub(crate) sections: &'a [Section],
    /// Which is ours.
    pub(crate) index: usize,
    /// `None`: that one is refused as well.
    pub(crate) audio: Option<PlainLine<'a>>,
}

/// What is said of the audio line.
#[derive(Clone)]
pub(crate) struct PlainLine<'a> {
    pub(crate) cryptos: &'a [Crypto],
    pub(crate) direction: Direction,
    pub(crate) formats: &'a [Format],
    pub(crate) pacing: Pacing,
}

impl Display for PlainDescription<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (id, version, address) = (self.session_id, self.version, self.address);
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        write!(
            f,
            "v=0\r\no=sidetone {id} {version} IN {family} {address}\r\n"
        )?;
        write!(f, "s=-\r\nc=IN {family} {address}\r\nt=0 0\r\n")?;
        for (index, section) in self.sections.iter().enumerate() {
            match &self.audio {
                Some(line) if index == self.index => self.write_audio(f, section, line)?,
                _ => write_refused(f, section)?,
            }
        }
        Ok(())
    }
}

impl PlainDescription<'_> {
    fn write_audio(
        &self,
        f: &mut Formatter<'_>,
        section: &Section,
        line: &PlainLine<'_>,
    ) -> fmt::Result {
        write!(f, "m=audio {} {}", self.port, section.protocol)?;
        write_formats(f, line.formats)?;
        if let Some(mid) = &section.mid {
            write!(f, "a=mid:{mid}\r\n")?;
        }
        for crypto in line.cryptos {
            write!(f, "a=crypto:{crypto}\r\n")?;
        }
        line.pacing.fmt(f)?;
        write!(f, "a={}\r\n", line.direction.as_str())
    }
}

impl Display for Pacing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(ptime) = self.ptime {
            write!(f, "a=ptime:{ptime}\r\n")?;
        }
        if let Some(maxptime) = self.maxptime {
            write!(f, "a=maxptime:{maxptime}\r\n")?;
        }
        Ok(())
    }
}
