//! How a call wants to be answered (RFC 5373).

use std::fmt;

use super::TypedHeader;
use crate::Text;
use crate::message::parse::{token, value_and_params};
use crate::message::{HeaderError, HeaderName};

macro_rules! answer_modes {
    ($($(#[$doc:meta])* $type:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type {
                /// `Auto`, `Manual` or another word.
                pub mode: Text,
                /// Otherwise the call is not wanted at all.
                pub is_required: bool,
            }

            impl $type {
                /// Whether the call is to be answered without asking the user.
                #[must_use]
                pub fn is_auto(&self) -> bool {
                    self.mode.eq_ignore_ascii_case("Auto")
                }
            }

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    let (mode, params) = value_and_params(value.into())?;
                    token((&mode).into())?;
                    let is_required = params.has("require");
                    Ok(Self { mode, is_required })
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.mode)?;
                    f.write_str(if self.is_required { ";require" } else { "" })
                }
            }
        )*
    };
}

answer_modes! {
    /// Answer-Mode (RFC 5373 §3).
    AnswerMode
    /// Priv-Answer-Mode (RFC 5373 §3): asks to override what the user has set.
    PrivAnswerMode
}
