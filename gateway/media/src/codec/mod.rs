//! What becomes of samples on the wire.

pub(crate) mod converter;
pub(crate) mod g711;
