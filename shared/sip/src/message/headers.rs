use std::mem::discriminant;

use super::method::Method;
use super::parse::items;
use super::typed::{Reason, TypedHeader};
use super::{Address, HeaderError, Via};
use crate::Text;

/// The headers of a message.
///
/// The fields are those without which no message can be routed or matched; they are parsed and
/// complete in every message that reaches a layer above. All others are in [`Headers::others`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Hops, topmost first; never empty in a message that was received.
    pub via: Vec<Via>,
    /// Who asks.
    pub from: Address,
    /// Who is asked.
    pub to: Address,
    /// Names the call or registration.
    pub call_id: Text,
    /// Orders requests within a dialog.
    pub cseq: CSeq,
    /// Remaining hops; requests only.
    pub max_forwards: Option<u8>,
    /// Where the sender is reached directly.
    pub contact: Contacts,
    /// Hops still to visit.
    pub route: Vec<Address>,
    /// Hops that want to stay in the dialog.
    pub record_route: Vec<Address>,
    /// All other headers in order, one entry per header line, without Content-Length.
    pub others: Vec<RawHeader>,
}

/// CSeq (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2³¹.
    pub number: u32,
    /// The method of the request it belongs to.
    pub method: Method,
}

/// The Contact header (RFC 3261 §20.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all of them, when unregistering.
    Star,
    /// Addresses, possibly none.
    List(Vec<Address>),
}

impl Default for Contacts {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Contacts {
    /// One address.
    #[must_use]
    pub fn one(address: Address) -> Self {
        Self::List(vec![address])
    }

    /// Whether this is `*`.
    #[must_use]
    pub const fn is_star(&self) -> bool {
        matches!(self, Self::Star)
    }

    /// The first address.
    #[must_use]
    pub fn first(&self) -> Option<&Address> {
        self.list().first()
    }

    /// The addresses; none for `*`.
    #[must_use]
    pub fn list(&self) -> &[Address] {
        match self {
            Self::Star => &[],
            Self::List(addresses) => addresses,
        }
    }
}

/// A header line kept as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawHeader {
    /// The name; compact forms are expanded.
    pub name: HeaderName,
    /// The value, unfolded, without surrounding white space.
    pub value: Text,
}

macro_rules! header_names {
    ($($variant:ident = $name:literal;)*) => {
        /// A header name. Names compare without regard to case and print in their usual spelling.
        #[derive(Clone, Debug)]
        #[allow(missing_docs, reason = "the variants are the names themselves")]
        #[non_exhaustive]
        pub enum HeaderName {
            $($variant,)*
            /// Any other token as written.
            Other(Text),
        }

        impl HeaderName {
            /// The usual spelling.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            const KNOWN: &[(&'static str, Self)] = &[$(($name, Self::$variant),)*];
        }
    };
}

header_names! {
    Accept = "Accept";
    AcceptEncoding = "Accept-Encoding";
    AcceptLanguage = "Accept-Language";
    AlertInfo = "Alert-Info";
    Allow = "Allow";
    AllowEvents = "Allow-Events";
    AnswerMode = "Answer-Mode";
    AuthenticationInfo = "Authentication-Info";
    Authorization = "Authorization";
    CallId = "Call-ID";
    CallInfo = "Call-Info";
    Contact = "Contact";
    ContentDisposition = "Content-Disposition";
    ContentEncoding = "Content-Encoding";
    ContentLength = "Content-Length";
    ContentType = "Content-Type";
    CSeq = "CSeq";
    Date = "Date";
    ErrorInfo = "Error-Info";
    Event = "Event";
    Expires = "Expires";
    FeatureCaps = "Feature-Caps";
    FlowTimer = "Flow-Timer";
    From = "From";
    Join = "Join";
    MaxForwards = "Max-Forwards";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    PAssertedIdentity = "P-Asserted-Identity";
    Path = "Path";
    PPreferredIdentity = "P-Preferred-Identity";
    Privacy = "Privacy";
    PrivAnswerMode = "Priv-Answer-Mode";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthenticationInfo = "Proxy-Authentication-Info";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    RAck = "RAck";
    Reason = "Reason";
    RecordRoute = "Record-Route";
    ReferSub = "Refer-Sub";
    ReferTo = "Refer-To";
    ReferredBy = "Referred-By";
    Replaces = "Replaces";
    Require = "Require";
    RetryAfter = "Retry-After";
    Route = "Route";
    RSeq = "RSeq";
    Server = "Server";
    ServiceRoute = "Service-Route";
    SessionExpires = "Session-Expires";
    SipEtag = "SIP-ETag";
    SipIfMatch = "SIP-If-Match";
    Subject = "Subject";
    SubscriptionState = "Subscription-State";
    Supported = "Supported";
    TargetDialog = "Target-Dialog";
    Timestamp = "Timestamp";
    To = "To";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Via = "Via";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

impl HeaderName {
    /// The name `written` so, in whatever spelling or compact form; `other` makes the text of
    /// one unknown here.
    #[inline(always)]
    pub(crate) fn of(written: &str, other: impl FnOnce() -> Text) -> Self {
        if let [letter] = written.as_bytes()
            && let Some(name) = Self::compact(*letter)
        {
            return name;
        }
        let index = SLOTS[slot(written.as_bytes())] as usize;
        match Self::KNOWN.get(index) {
            Some((known, name)) if *known == written || known.eq_ignore_ascii_case(written) => {
                name.clone()
            }
            _ => Self::Other(other()),
        }
    }

    /// Compact forms (RFC 3261 §20 and the RFCs of the headers).
    fn compact(letter: u8) -> Option<Self> {
        Some(match letter.to_ascii_lowercase() {
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            _ => return None,
        })
    }

    /// One bit for each header that must not be repeated, because what a message means would
    /// then depend on which of the two is read.
    pub(crate) fn single_bit(&self) -> Option<u64> {
        let position = match self {
            Self::CallId => 0,
            Self::ContentLength => 1,
            Self::ContentType => 2,
            Self::CSeq => 3,
            Self::Event => 4,
            Self::Expires => 5,
            Self::From => 6,
            Self::MaxForwards => 7,
            Self::RAck => 8,
            Self::ReferTo => 9,
            Self::Replaces => 10,
            Self::RSeq => 11,
            Self::SessionExpires => 12,
            Self::SubscriptionState => 13,
            Self::To => 14,
            _ => return None,
        };
        Some(1 << position)
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(name), Self::Other(other)) => name.eq_ignore_ascii_case(other),
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl Eq for HeaderName {}

impl From<&str> for HeaderName {
    fn from(name: &str) -> Self {
        Self::of(name, || Text::from(name))
    }
}

/// Spreads the known names over [`SLOTS`] without a collision, which is checked at compile time.
const fn slot(name: &[u8]) -> usize {
    const fn at(name: &[u8], index: usize) -> usize {
        (name[index] | 0x20) as usize
    }
    if name.is_empty() {
        return 0;
    }
    let last = name.len() - 1;
    (name.len() * 195 + at(name, 0) * 174 + at(name, last / 2) * 62 + at(name, last) * 148) % 256
}

/// The index in [`HeaderName::KNOWN`] of the only name that may stand in a slot.
static SLOTS: [u8; 256] = {
    let mut slots = [u8::MAX; 256];
    let mut index = 0;
    while index < HeaderName::KNOWN.len() {
        let slot = slot(HeaderName::KNOWN[index].0.as_bytes());
        assert!(
            slots[slot] == u8::MAX,
            "two header names share a slot: change the factors"
        );
        slots[slot] = index as u8;
        index += 1;
    }
    slots
};

impl Headers {
    /// Headers with the mandatory fields and nothing else; `via` is filled when it is sent.
    #[must_use]
    pub fn new(from: Address, to: Address, call_id: Text, cseq: CSeq) -> Self {
        Self {
            via: Vec::new(),
            from,
            to,
            call_id,
            cseq,
            max_forwards: None,
            contact: Contacts::default(),
            route: Vec::new(),
            record_route: Vec::new(),
            others: Vec::new(),
        }
    }

    /// The values of `name` among [`Headers::others`], one per header line.
    pub fn raw(&self, name: &HeaderName) -> impl Iterator<Item = &Text> {
        self.others
            .iter()
            .filter(move |h| h.name == *name)
            .map(|h| &h.value)
    }

    /// The header `T`, if it is there. Repeated lines of a list are joined; of another header
    /// the first counts.
    ///
    /// # Errors
    /// [`HeaderError`] if it is there but malformed.
    pub fn typed<T: TypedHeader>(&self) -> Result<Option<T>, HeaderError> {
        let mut joined: Option<T> = None;
        for line in self.raw(&T::NAME) {
            let header = T::parse(line)?;
            match &mut joined {
                Some(joined) => joined.join(header),
                None => joined = Some(header),
            }
        }
        Ok(joined)
    }

    /// All Reason values that can be read; a comma list can hold several (RFC 3326 §2).
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for line in self.raw(&HeaderName::Reason) {
            let values = items(line);
            reasons.extend(values.filter_map(|value| Reason::parse(&value.share()).ok()));
        }
        reasons
    }

    /// All header lines of `T`, in order.
    ///
    /// # Errors
    /// [`HeaderError`] if one of them is malformed.
    pub fn typed_all<T: TypedHeader>(&self) -> Result<Vec<T>, HeaderError> {
        self.raw(&T::NAME).map(T::parse).collect()
    }

    /// Adds a line of `header` behind those that are there.
    pub fn push<T: TypedHeader>(&mut self, header: &T) {
        self.push_raw(T::NAME, header.to_string());
    }

    /// Adds a line of text behind those that are there. `value` is printed with spaces
    /// for line breaks.
    pub fn push_raw(&mut self, name: HeaderName, value: impl Into<Text>) {
        self.others.push(RawHeader {
            name,
            value: value.into(),
        });
    }

    /// Makes `header` the only line of its name.
    pub fn set<T: TypedHeader>(&mut self, header: &T) {
        self.remove(&T::NAME);
        self.push(header);
    }

    /// Removes all lines of `name` from [`Headers::others`].
    pub fn remove(&mut self, name: &HeaderName) {
        self.others.retain(|h| h.name != *name);
    }
}
