//! The exchange with phones on it, in virtual time.

mod bench;
mod calls;
mod registration;
mod requests;
mod returns;
mod services;
