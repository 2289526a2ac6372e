use std::path::{Path, PathBuf};

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data folder can't be made or written to.
    #[error(
        "the data folder {} can't be used: {source}. \
         Name one that this user may write to, with --data or `data`",
        folder.display()
    )]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer version has migrated it.
    #[error(
        "{} was made by a newer Sidetone (its schema is {found}, this version knows {known}). \
         Start the newer version, or name another data folder",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// Its schema is none that a release of ours made.
    #[error(
        "the schema of {} is not one that Sidetone made ({what}). \
         Restore a backup, or name another data folder",
        path.display()
    )]
    Schema {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is there, but no database, or a damaged one.
    #[error(
        "{} is not a readable SQLite database. Restore a backup, or move it away to start anew",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("there is no room left on the disk of {}: make some", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Something else, in SQLite's words.
    #[error("the database {} failed: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
}

impl StoreError {
    pub(crate) fn database(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        // Result codes: <https://sqlite.org/rescode.html>. The memory that connections share is a
        // file, too, and can't grow on a full disk (SQLITE_IOERR_SHMSIZE).
        match code(&source) {
            Some(4874) => Self::Full { path },
            Some(code) if matches!(code & 0xff, 11 | 26) => Self::Damaged { path },
            Some(code) if code & 0xff == 13 => Self::Full { path },
            _ => Self::Database { path, source },
        }
    }
}

fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}
