//! What legs play.

pub(crate) mod announcement;
pub(crate) mod echo;
pub(crate) mod g711;
