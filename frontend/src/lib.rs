//! The phone in a browser tab.

mod app;
pub mod model;
mod phone;
pub mod platform;
mod server;
pub mod state;

pub use app::mount;
