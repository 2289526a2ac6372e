//! The phone in a browser tab.

mod app;
pub mod model;
pub mod state;

pub use app::mount;
