//! Headers of transfer (RFC 3515, 3891, 3892, 4488), and others that name a dialog (RFC 3911, RFC 4538).

use std::fmt;

use super::TypedHeader;
use crate::Text;
use crate::message::parse::{address, value_and_params};
use crate::message::{Address, HeaderError, HeaderName, Params};

macro_rules! addresses {
    ($($(#[$doc:meta])* $type:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type(pub Address);

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    address(value.into()).map(Self)
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*
    };
}

addresses! {
    /// Refer-To (RFC 3515 §2.1): whom to call.
    ReferTo
    /// Referred-By (RFC 3892 §3): who asked for the call.
    ReferredBy
}

/// Refer-Sub (RFC 4488 §4): whether a REFER is to be reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferSub(pub bool);

impl TypedHeader for ReferSub {
    const NAME: HeaderName = HeaderName::ReferSub;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (word, _) = value_and_params(value.into())?;
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(HeaderError("neither true nor false")),
        }
    }
}

impl fmt::Display for ReferSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Replaces (RFC 3891 §6.1): the call that a new one takes the place of, as its receiver names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The Call-ID.
    pub call_id: Text,
    /// The tag of who receives this header.
    pub to_tag: Text,
    /// The tag of the other end.
    pub from_tag: Text,
    /// Only if that call is not answered yet.
    pub early_only: bool,
}

impl TypedHeader for Replaces {
    const NAME: HeaderName = HeaderName::Replaces;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let (call_id, params) = value_and_params(value.into())?;
        Ok(Self {
            call_id,
            to_tag: tag(&params, "to-tag")?,
            from_tag: tag(&params, "from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{};to-tag={};from-tag={}",
            self.call_id, self.to_tag, self.from_tag
        )?;
        if self.early_only {
            f.write_str(";early-only")?;
        }
        Ok(())
    }
}

fn tag(params: &Params, name: &str) -> Result<Text, HeaderError> {
    let tag = params.value(name).map(Text::from);
    tag.ok_or(HeaderError("a dialog is named without its tags"))
}

macro_rules! dialogs {
    ($($(#[$doc:meta])* $type:ident: $first:ident = $of_first:literal, $second:ident = $of_second:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $type {
                /// The Call-ID.
                pub call_id: Text,
                #[doc = concat!("The parameter `", $of_first, "`.")]
                pub $first: Text,
                #[doc = concat!("The parameter `", $of_second, "`.")]
                pub $second: Text,
            }

            impl TypedHeader for $type {
                const NAME: HeaderName = HeaderName::$type;

                fn parse(value: &Text) -> Result<Self, HeaderError> {
                    let (call_id, params) = value_and_params(value.into())?;
                    Ok(Self {
                        call_id,
                        $first: tag(&params, $of_first)?,
                        $second: tag(&params, $of_second)?,
                    })
                }
            }

            impl fmt::Display for $type {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let (call_id, first, second) = (&self.call_id, &self.$first, &self.$second);
                    write!(f, concat!("{};", $of_first, "={};", $of_second, "={}"), call_id, first, second)
                }
            }
        )*
    };
}

dialogs! {
    /// Join (RFC 3911 §7.1): the call that a new one is added to, as its receiver names it.
    Join: to_tag = "to-tag", from_tag = "from-tag";
    /// Target-Dialog (RFC 4538 §7): a dialog of the two that shows who asks, as the sender names it.
    TargetDialog: local_tag = "local-tag", remote_tag = "remote-tag";
}
