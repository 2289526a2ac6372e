//! The phone in a browser tab.

mod app;
pub mod components;
pub mod model;
pub mod pages;
mod phone;
pub mod platform;
mod server;
pub mod state;

pub use app::mount;
