//! One screen each.

pub mod phone;
pub mod restoring;
pub mod sign_in;
