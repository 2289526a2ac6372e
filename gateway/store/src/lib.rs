//! What the gateway remembers.
//!
//! One SQLite file in the data folder. Everything in it is keyed by tenant.

mod directory;
mod error;
mod open;
mod session;

use sqlx::SqlitePool;

pub use directory::{DigestSecret, Extension, Tenant};
pub use error::StoreError;
pub use session::Session;

/// The open database; cloning gives another handle.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    path: std::sync::Arc<std::path::Path>,
}
