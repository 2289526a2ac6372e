//! The phone in a browser tab.

pub mod model;
pub mod state;
