//! Who is signed in. Sessions outlive a restart of the gateway, so that phones come back by
//! themselves; they end with the password they were opened with.

use std::time::{SystemTime, UNIX_EPOCH};

use sidetone_store::{Session, Store, StoreError};

use super::name;
use crate::config::Person;

/// How long a session lasts without being used, in seconds.
const USUAL: i64 = 12 * 3600;
/// The same, if the browser is to remember it.
pub(super) const REMEMBERED: i64 = 30 * 24 * 3600;

/// The sessions of one tenant.
pub(super) struct Sessions {
    store: Store,
    tenant: String,
}

/// A session that is open.
pub(super) struct Open {
    /// Names it.
    pub(super) name: [u8; 32],
    pub(super) person: String,
    /// Whether the browser is to remember it.
    pub(super) remembered: bool,
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

impl Sessions {
    pub(super) const fn new(store: Store, tenant: String) -> Self {
        Self { store, tenant }
    }

    /// Opens the session that `token` is to show.
    pub(super) async fn open(
        &self,
        now: i64,
        token: &str,
        person: &Person,
        remember: bool,
    ) -> Result<(), StoreError> {
        let lasts = if remember { REMEMBERED } else { USUAL };
        let session = Session {
            token: name(token),
            person: person.name.clone(),
            password: person.password.fingerprint(),
            lasts,
            ends: now.saturating_add(lasts),
        };
        self.store.put_session(&self.tenant, &session, now).await
    }

    /// The session that `token` shows, if it is open; it is used by that, and lasts longer.
    pub(super) async fn find(
        &self,
        now: i64,
        token: &str,
        people: &[Person],
    ) -> Result<Option<Open>, StoreError> {
        let token = name(token);
        let Some(session) = self.store.session(&self.tenant, &token, now).await? else {
            return Ok(None);
        };
        let is_known = |person: &Person| {
            person.name == session.person && person.password.fingerprint() == session.password
        };
        if !people.iter().any(is_known) {
            self.store.delete_session(&self.tenant, &token).await?;
            return Ok(None);
        }
        // Not at each use: a phone asks every few minutes.
        if session.ends.saturating_sub(now) < session.lasts - session.lasts / 8 {
            let ends = now.saturating_add(session.lasts);
            self.store
                .extend_session(&self.tenant, &token, ends)
                .await?;
        }
        Ok(Some(Open {
            name: token,
            person: session.person,
            remembered: session.lasts == REMEMBERED,
        }))
    }

    /// Ends a session.
    pub(super) async fn close(&self, token: &str) -> Result<[u8; 32], StoreError> {
        let name = name(token);
        self.store.delete_session(&self.tenant, &name).await?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use sidetone_sip::auth::Secret;
    use sidetone_store::Tenant;

    use super::*;
    use crate::password::PasswordHash;

    const START: i64 = 1_000_000;
    const HOUR: i64 = 3600;

    fn person(name: &str, password: &str) -> Person {
        Person {
            name: name.into(),
            password: PasswordHash::of_public(&Secret::new(password)).unwrap(),
        }
    }

    async fn sessions(dir: &tempfile::TempDir) -> Sessions {
        let store = Store::open(dir.path()).await.unwrap();
        let tenant = Tenant {
            id: "t".into(),
            realm: "r".into(),
            extensions: vec![],
        };
        store.put_tenant(&tenant).await.unwrap();
        Sessions::new(store, "t".into())
    }

    async fn who(sessions: &Sessions, now: i64, token: &str, people: &[Person]) -> Option<String> {
        let found = sessions.find(now, token, people).await.unwrap();
        found.map(|open| open.person)
    }

    #[tokio::test]
    async fn a_session_lasts_while_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        let people = [person("ann", "one")];
        sessions
            .open(START, "token", &people[0], false)
            .await
            .unwrap();
        let mut now = START;
        for _ in 0..10 {
            now += 11 * HOUR;
            assert_eq!(
                who(&sessions, now, "token", &people).await.as_deref(),
                Some("ann")
            );
        }
        assert_eq!(who(&sessions, now, "other", &people).await, None);
        assert_eq!(
            who(&sessions, now + 12 * HOUR, "token", &people).await,
            None
        );
    }

    #[tokio::test]
    async fn a_remembered_session_lasts_a_month() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        let people = [person("ann", "one")];
        sessions
            .open(START, "token", &people[0], true)
            .await
            .unwrap();
        let found = sessions
            .find(START + 29 * 24 * HOUR, "token", &people)
            .await;
        assert!(found.unwrap().unwrap().remembered);
    }

    #[tokio::test]
    async fn it_ends_with_its_password_and_with_its_person() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        let people = [person("ann", "one"), person("ben", "two")];
        for (token, person) in [("a", &people[0]), ("b", &people[1])] {
            sessions.open(START, token, person, true).await.unwrap();
        }
        let changed = [person("ann", "one")];
        assert_eq!(who(&sessions, START, "a", &changed).await, None);
        assert_eq!(who(&sessions, START, "b", &changed).await, None);
        // It does not come back.
        assert_eq!(who(&sessions, START, "a", &people).await, None);
    }

    #[tokio::test]
    async fn it_outlives_a_restart_and_ends_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let people = [person("ann", "one")];
        let before = sessions(&dir).await;
        before
            .open(START, "token", &people[0], false)
            .await
            .unwrap();
        before.store.close().await;
        let after = sessions(&dir).await;
        assert!(who(&after, START, "token", &people).await.is_some());
        after.close("token").await.unwrap();
        assert_eq!(who(&after, START, "token", &people).await, None);
    }

    #[tokio::test]
    async fn the_database_has_nothing_to_show_to_the_gateway() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(&dir).await;
        let token = "a-token-that-would-be-found";
        let person = person("ann", "one");
        sessions.open(START, token, &person, false).await.unwrap();
        sessions.store.close().await;
        let bytes = std::fs::read(dir.path().join("sidetone.sqlite")).unwrap();
        let has = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(has(b"ann"));
        assert!(!has(token.as_bytes()));
    }
}
