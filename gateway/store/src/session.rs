use std::fmt;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, Sqlite, Transaction};

use crate::directory::digest;
use crate::unwritten::{Change, Key};
use crate::{Store, StoreError};

/// Somebody who is signed in. Times are in seconds since 1970.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// The SHA-256 of what the browser shows.
    pub token: [u8; 32],
    /// Who.
    pub person: String,
    /// Names the hash of the password that was given.
    pub password: [u8; 32],
    /// For how many seconds it lasts without being used.
    pub lasts: i64,
    /// When it ends.
    pub ends: i64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl Store {
    /// Stores a session, and forgets all that have ended by `now`. On a full disk it is kept in
    /// memory.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn put_session(
        &self,
        tenant: &str,
        session: &Session,
        now: i64,
    ) -> Result<(), StoreError> {
        let key = (tenant.to_owned(), session.token);
        let opened = Change::Opened(session.clone());
        self.change_session(key, opened, Some(now)).await
    }

    /// Makes a change, and those that found no room before.
    async fn change_session(
        &self,
        key: Key,
        change: Change,
        now: Option<i64>,
    ) -> Result<(), StoreError> {
        match self.write_changes(Some((&key, &change)), now).await {
            Err(error @ StoreError::Full { .. }) => {
                if self.unwritten.is_empty() {
                    tracing::warn!(%error, "sessions are kept in memory until then");
                }
                match self.unwritten.keep(key, change) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    /// Writes what found no room before, if there is anything.
    pub(crate) async fn write_unwritten(&self) -> Result<(), StoreError> {
        match self.unwritten.is_empty() {
            true => Ok(()),
            false => self.write_changes(None, None).await,
        }
    }

    async fn write_changes(
        &self,
        newest: Option<(&Key, &Change)>,
        now: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut connection = self
            .pool
            .acquire()
            .await
            .map_err(|error| self.error(error))?;
        let write = async {
            let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
            // Nobody else writes from here on.
            let older = self.unwritten.all();
            if let Some(now) = now {
                sqlx::query("DELETE FROM session WHERE ends <= ?1")
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
            }
            let all = older.iter().map(|(key, change)| (key, change));
            for ((tenant, token), change) in all.chain(newest) {
                write(&mut tx, tenant, token, change).await?;
            }
            tx.commit().await?;
            Ok(older)
        };
        let older = match write.await {
            Ok(older) => older,
            Err(error) => {
                // SQLite has undone what found no room by itself, which sqlx doesn't know.
                connection.close_on_drop();
                return Err(self.error(error));
            }
        };
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.unwritten.forget(&older);
        if self.unwritten.is_empty() {
            tracing::info!("the disk has room again, and all is written");
        }
        Ok(())
    }

    /// The session with this token, if it has not ended by `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(
        &self,
        tenant: &str,
        token: &[u8; 32],
        now: i64,
    ) -> Result<Option<Session>, StoreError> {
        let change = self.unwritten.change(tenant, token);
        match &change {
            Some(Change::Opened(session)) => {
                return Ok(Some(session.clone()).filter(|session| session.ends > now));
            }
            Some(Change::Closed) => return Ok(None),
            Some(Change::Extended(_)) | None => {}
        }
        let query = sqlx::query(
            "SELECT token, person, password, lasts, ends FROM session \
             WHERE tenant = ?1 AND token = ?2 AND ends > ?3",
        );
        let query = query.bind(tenant).bind(token.as_slice()).bind(now);
        let row = query.fetch_optional(&self.pool).await;
        let session = row.and_then(|row| row.as_ref().map(read).transpose());
        let mut session = session.map_err(|error| self.error(error))?;
        if let (Some(session), Some(Change::Extended(ends))) = (&mut session, change) {
            session.ends = ends;
        }
        Ok(session)
    }

    /// Lets a session end later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn extend_session(
        &self,
        tenant: &str,
        token: &[u8; 32],
        ends: i64,
    ) -> Result<(), StoreError> {
        let key = (tenant.to_owned(), *token);
        self.change_session(key, Change::Extended(ends), None).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_session(&self, tenant: &str, token: &[u8; 32]) -> Result<(), StoreError> {
        let key = (tenant.to_owned(), *token);
        self.change_session(key, Change::Closed, None).await
    }
}

async fn write(
    tx: &mut Transaction<'_, Sqlite>,
    tenant: &str,
    token: &[u8; 32],
    change: &Change,
) -> Result<(), sqlx::Error> {
    let query = match change {
        Change::Opened(session) => sqlx::query(
            "INSERT OR REPLACE INTO session (tenant, token, person, password, lasts, ends) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(tenant)
        .bind(token.as_slice())
        .bind(&session.person)
        .bind(session.password.as_slice())
        .bind(session.lasts)
        .bind(session.ends),
        Change::Extended(ends) => sqlx::query(
            "UPDATE session SET ends = ?3 WHERE tenant = ?1 AND token = ?2 AND ends < ?3",
        )
        .bind(tenant)
        .bind(token.as_slice())
        .bind(ends),
        Change::Closed => sqlx::query("DELETE FROM session WHERE tenant = ?1 AND token = ?2")
            .bind(tenant)
            .bind(token.as_slice()),
    };
    query.execute(&mut **tx).await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<Session, sqlx::Error> {
    Ok(Session {
        token: digest(row, "token")?,
        person: row.try_get("person")?,
        password: digest(row, "password")?,
        lasts: row.try_get("lasts")?,
        ends: row.try_get("ends")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tenant;

    #[tokio::test]
    async fn what_found_no_room_is_written_with_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let tenant = Tenant {
            id: "one".into(),
            realm: "one.example".into(),
            extensions: Vec::new(),
        };
        store.put_tenant(&tenant).await.unwrap();
        let session = |token: u8, ends| Session {
            token: [token; 32],
            person: "ann".into(),
            password: [9; 32],
            lasts: 60,
            ends,
        };
        for token in [1, 2] {
            let key = ("one".to_owned(), [token; 32]);
            let opened = Change::Opened(session(token, 110));
            assert!(store.unwritten.keep(key, opened));
        }
        store.extend_session("one", &[1; 32], 120).await.unwrap();
        assert!(store.unwritten.is_empty());
        let found = async |token: u8| store.session("one", &[token; 32], 100).await.unwrap();
        assert_eq!(found(1).await, Some(session(1, 120)));
        assert_eq!(found(2).await, Some(session(2, 110)));
    }
}
