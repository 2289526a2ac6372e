//! Who calls, as others vouch for it, and who is to be told (RFC 3323, RFC 3325).

use std::fmt;

use super::TypedHeader;
use crate::Text;
use crate::message::parse::{addresses, token};
use crate::message::{Address, HeaderError, HeaderName};

/// A longer list of addresses is none.
const MOST: usize = 16;

macro_rules! address_lists {
    ($($(#[$doc:meta])* $type:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Default)]
            pub struct $type(pub Vec<Address>);

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    let mut list = Vec::new();
                    addresses(value.into(), &mut list, MOST)?;
                    Ok(Self(list))
                }

                fn join(&mut self, next: Self) {
                    self.0.extend(next.0);
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    for (index, address) in self.0.iter().enumerate() {
                        if index > 0 {
                            f.write_str(", ")?;
                        }
                        address.fmt(f)?;
                    }
                    Ok(())
                }
            }
        )*
    };
}

address_lists! {
    /// P-Asserted-Identity (RFC 3325 §9.1): who calls, as the network knows it. It means something
    /// only if it comes from a network that is trusted.
    PAssertedIdentity
    /// P-Preferred-Identity (RFC 3325 §9.2): as whom a user wants to be known to the network.
    PPreferredIdentity
    /// Alert-Info (RFC 3261 §20.4, RFC 7462): how to ring; addresses without names.
    AlertInfo
    /// Call-Info (RFC 3261 §20.9): more on the caller, such as a picture, by `purpose`; addresses
    /// without names.
    CallInfo
}

/// Privacy (RFC 3323 §4.2): what others shall do so that a user stays unknown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Privacy(pub Vec<Text>);

impl Privacy {
    /// `id`: an identity that was vouched for stays within the network (RFC 3325 §9.3).
    #[must_use]
    pub fn id() -> Self {
        Self(vec!["id".into()])
    }

    /// Whether `value`, such as `id` or `user`, is asked for.
    #[must_use]
    pub fn has(&self, value: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(value))
    }

    /// Whether the user wants to stay unknown to whom is called: anything but `none`.
    #[must_use]
    pub fn hides_user(&self) -> bool {
        ["id", "user", "header"].iter().any(|value| self.has(value))
    }
}

impl TypedHeader for Privacy {
    const NAME: HeaderName = HeaderName::Privacy;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        // RFC 3323 §4.2 separates by semicolons, some phones by commas.
        let words = value.split([';', ',']).map(str::trim);
        let words = words.map(|word| token((&value.share(word)).into()));
        words.collect::<Result<_, _>>().map(Self)
    }

    fn join(&mut self, next: Self) {
        self.0.extend(next.0);
    }
}

impl fmt::Display for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            f.write_str(value)?;
        }
        Ok(())
    }
}
