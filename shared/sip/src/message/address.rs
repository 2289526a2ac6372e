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

    /// This address with `tag` set.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }
}
