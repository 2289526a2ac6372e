//! What the gateway remembers.
//!
//! One SQLite file in the data folder. Everything in it is keyed by tenant.

mod directory;
mod error;
mod open;
mod session;
mod unwritten;

use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;

pub use directory::{DigestSecret, Extension, Tenant};
pub use error::StoreError;
pub use session::Session;

/// The open database; cloning gives another handle.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    path: Arc<Path>,
    unwritten: Arc<unwritten::Unwritten>,
}
