//! The gateway: serves the app, bridges SIP, talks to the outside.
//!
//! [`Config::load`] reads the settings, [`Gateway::start`] opens everything and answers with a
//! handle; [`Gateway::shutdown`] closes it in order.

mod anchor;
mod assets;
pub mod banner;
pub mod config;
mod directory;
pub mod dumps;
mod gateway;
mod headers;
mod ice;
mod listener;
pub mod logging;
mod metrics;
pub mod open_files;
mod password;
mod routes;
pub mod seal;
mod sign_in;
mod tls;
pub mod typed;

pub use config::{Arguments, Config, ConfigError};
pub use gateway::{Gateway, StartError};
