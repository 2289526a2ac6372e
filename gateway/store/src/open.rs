use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::{Store, StoreError};

const FILE: &str = "sidetone.sqlite";

/// Each is applied once, in this order, and never changed after a release.
fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        let kind = MigrationType::Simple;
        Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        step(
            1,
            "directory",
            include_str!("../migrations/1_directory.sql"),
        ),
        step(2, "session", include_str!("../migrations/2_session.sql")),
    ])
}

impl Store {
    /// Opens the database in `folder`, making both if need be (for this user only), and brings
    /// its schema up to date.
    ///
    /// # Errors
    /// All of [`StoreError`].
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        prepare(folder, &path).map_err(|source| StoreError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|error| StoreError::database(&path, error))?;
        let migrator = migrator();
        if let Err(error) = migrator.run(&pool).await {
            pool.close().await;
            return Err(migration_error(&path, &migrator, error));
        }
        Ok(Self {
            pool,
            path: path.into(),
            unwritten: Arc::default(),
        })
    }

    /// Whether the database answers, and all is written.
    ///
    /// # Errors
    /// [`StoreError`], if it doesn't; [`StoreError::Full`], if something is kept in memory, for which
    /// there is still no room on the disk.
    pub async fn check(&self) -> Result<(), StoreError> {
        let answer = sqlx::query("SELECT count(*) FROM tenant").fetch_one(&self.pool);
        answer.await.map_err(|error| self.error(error))?;
        self.write_unwritten().await
    }

    /// Writes what is pending and closes the file.
    pub async fn close(&self) {
        if let Err(error) = self.write_unwritten().await {
            tracing::warn!(%error, "what was kept in memory is lost");
        }
        self.pool.close().await;
    }

    pub(crate) fn error(&self, error: sqlx::Error) -> StoreError {
        StoreError::database(&self.path, error)
    }
}

/// The folder and the file hold secrets: nobody else may read what we make. SQLite gives its
/// other files the rights of this one.
fn prepare(folder: &Path, file: &Path) -> io::Result<()> {
    let mut dir = DirBuilder::new();
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        dir.mode(0o700);
        open.mode(0o600);
    }
    dir.recursive(true).create(folder)?;
    open.open(file)?;
    Ok(())
}

fn migration_error(path: &Path, migrator: &Migrator, error: MigrateError) -> StoreError {
    let known = migrator.iter().map(|step| step.version).max().unwrap_or(0);
    let path_buf = path.to_owned();
    match error {
        MigrateError::VersionMissing(found) if found > known => StoreError::Newer {
            path: path_buf,
            found,
            known,
        },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            StoreError::database(path, error)
        }
        other => StoreError::Schema {
            path: path_buf,
            what: other.to_string(),
        },
    }
}
