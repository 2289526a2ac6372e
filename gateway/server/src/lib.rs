//! The gateway: serves the app, bridges SIP, talks to the outside.
//!
//! [`Config::load`] reads the settings, [`Gateway::start`] opens everything and answers with a
//! handle; [`Gateway::shutdown`] closes it in order.

mod anchor;
mod assets;
pub mod banner;
pub mod config;
mod directory;
mod gateway;
mod headers;
mod listener;
pub mod logging;
mod metrics;
mod routes;
mod tls;

pub use config::{Arguments, Config, ConfigError};
pub use gateway::{Gateway, StartError};
