//! One screen each.

#![allow(
    missing_docs,
    reason = "a property says what it is by its name and type"
)]

pub mod phone;
pub mod sign_in;
