use super::parse::number;
use super::uri::{Params, Uri};
use crate::Text;

/// A `name-addr` or `addr-spec` with header parameters (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The display name, unquoted and unescaped.
    pub display_name: Option<Text>,
    /// The URI.
    pub uri: Uri,
    /// Header parameters, such as `tag` or `expires`.
    pub params: Params,
}

impl Address {
    /// An address without a name or parameters.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self {
            display_name: None,
            uri,
            params: Params::default(),
        }
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The `expires` parameter of a Contact, in seconds. RFC 3261 §20.10: a malformed one counts
    /// as an hour.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        let written = self.params.value("expires")?;
        Some(number(written, u32::MAX).unwrap_or(3600))
    }

    /// The `q` parameter of a Contact, in thousandths; `None` if there is none or it is
    /// malformed.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        let (whole, fraction) = match self.params.value("q")?.split_once('.') {
            None => (self.params.value("q")?, ""),
            Some(parts) => parts,
        };
        let whole = number(whole, 1)?;
        let fraction = match fraction.len() {
            0..=3 => number(&format!("{fraction:0<3}"), 999)?,
            _ => return None,
        };
        u16::try_from(whole * 1000 + fraction)
            .ok()
            .filter(|q| *q <= 1000)
    }

    /// The `+sip.instance` parameter of a Contact: the URN that names the device, without its
    /// angle brackets (RFC 5626 §4.1).
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        let written = self.params.value("+sip.instance")?;
        written.strip_prefix('<')?.strip_suffix('>')
    }

    /// The `reg-id` parameter of a Contact (RFC 5626 §4.2).
    #[must_use]
    pub fn reg_id(&self) -> Option<u32> {
        number(self.params.value("reg-id")?, u32::MAX)
    }

    /// This address with `tag` set.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }
}
