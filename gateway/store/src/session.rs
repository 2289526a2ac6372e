use std::fmt;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::directory::digest;
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
    /// Stores a session, and forgets all that have ended by `now`.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn put_session(
        &self,
        tenant: &str,
        session: &Session,
        now: i64,
    ) -> Result<(), StoreError> {
        let write = async {
            let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("DELETE FROM session WHERE ends <= ?1")
                .bind(now)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO session (tenant, token, person, password, lasts, ends) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .bind(tenant)
            .bind(session.token.as_slice())
            .bind(&session.person)
            .bind(session.password.as_slice())
            .bind(session.lasts)
            .bind(session.ends)
            .execute(&mut *tx)
            .await?;
            tx.commit().await
        };
        write.await.map_err(|error| self.error(error))
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
        let query = sqlx::query(
            "SELECT token, person, password, lasts, ends FROM session \
             WHERE tenant = ?1 AND token = ?2 AND ends > ?3",
        );
        let query = query.bind(tenant).bind(token.as_slice()).bind(now);
        let row = query.fetch_optional(&self.pool).await;
        let session = row.and_then(|row| row.as_ref().map(read).transpose());
        session.map_err(|error| self.error(error))
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
        let query = sqlx::query(
            "UPDATE session SET ends = ?3 WHERE tenant = ?1 AND token = ?2 AND ends < ?3",
        );
        let query = query.bind(tenant).bind(token.as_slice()).bind(ends);
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(|error| self.error(error))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_session(&self, tenant: &str, token: &[u8; 32]) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM session WHERE tenant = ?1 AND token = ?2");
        let query = query.bind(tenant).bind(token.as_slice());
        let done = query.execute(&self.pool).await;
        done.map(|_| ()).map_err(|error| self.error(error))
    }
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
