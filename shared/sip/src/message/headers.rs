use super::method::Method;
use super::typed::TypedHeader;
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
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

            /// The known names.
            pub(crate) const KNOWN: &[(&'static str, Self)] = &[$(($name, Self::$variant),)*];
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
    From = "From";
    MaxForwards = "Max-Forwards";
    MinExpires = "Min-Expires";
    MinSe = "Min-SE";
    PAssertedIdentity = "P-Asserted-Identity";
    Path = "Path";
    Privacy = "Privacy";
    ProxyAuthenticate = "Proxy-Authenticate";
    ProxyAuthorization = "Proxy-Authorization";
    ProxyRequire = "Proxy-Require";
    RAck = "RAck";
    Reason = "Reason";
    RecordRoute = "Record-Route";
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
    Timestamp = "Timestamp";
    To = "To";
    Unsupported = "Unsupported";
    UserAgent = "User-Agent";
    Via = "Via";
    Warning = "Warning";
    WwwAuthenticate = "WWW-Authenticate";
}

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
        self.others.iter().filter(move |h| h.name == *name).map(|h| &h.value)
    }

    /// The header `T`, if it is there. Of a single-valued header that is repeated, the first.
    ///
    /// # Errors
    /// [`HeaderError`] if it is there but malformed.
    pub fn typed<T: TypedHeader>(&self) -> Result<Option<T>, HeaderError> {
        self.raw(&T::NAME).next().map(T::parse).transpose()
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

    /// Adds a line of text behind those that are there. `value` must not hold line breaks.
    pub fn push_raw(&mut self, name: HeaderName, value: impl Into<Text>) {
        self.others.push(RawHeader { name, value: value.into() });
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
