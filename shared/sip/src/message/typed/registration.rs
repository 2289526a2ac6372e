//! Headers of registration over client-initiated flows (RFC 5626) and of feature capabilities
//! (RFC 6809), in which a network says what it does for a sleeping phone (RFC 8599).

use std::fmt;

use super::TypedHeader;
use crate::Text;
use crate::message::parse::{items, number_and_params, value_and_params};
use crate::message::{HeaderError, HeaderName, Params};

/// Flow-Timer (RFC 5626 §4.4): after how many seconds without a sign of life of ours the flow is
/// given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTimer(pub u32);

impl TypedHeader for FlowTimer {
    const NAME: HeaderName = HeaderName::FlowTimer;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        number_and_params(value.into()).map(|(seconds, _)| Self(seconds))
    }
}

impl fmt::Display for FlowTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Feature-Caps (RFC 6809 §6): the capabilities of those on the way, one set for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureCaps(pub Vec<Params>);

impl TypedHeader for FeatureCaps {
    const NAME: HeaderName = HeaderName::FeatureCaps;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        let sets = items(value).map(|item| match value_and_params(item)? {
            (star, capabilities) if star == "*" => Ok(capabilities),
            _ => Err(HeaderError("capabilities don't begin with a star")),
        });
        sets.collect::<Result<_, _>>().map(Self)
    }

    fn join(&mut self, next: Self) {
        self.0.extend(next.0);
    }
}

impl fmt::Display for FeatureCaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, capabilities) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}*{capabilities}")?;
        }
        Ok(())
    }
}
