//! Opening, migrating and what is kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use sidetone_store::{DigestSecret, Extension, Session, Store, StoreError, Tenant};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

fn extension(number: &str, name: &str) -> Extension {
    Extension {
        number: number.into(),
        name: name.into(),
        secret: DigestSecret::new(number, "demo.local", "swordfish"),
    }
}

fn tenant(id: &str, extensions: Vec<Extension>) -> Tenant {
    Tenant {
        id: id.into(),
        realm: "demo.local".into(),
        extensions,
    }
}

async fn raw(folder: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.join("sidetone.sqlite"));
    SqlitePool::connect_with(options).await.unwrap()
}

#[tokio::test]
async fn a_fresh_folder_is_made_and_kept_private() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new/data");
    let store = Store::open(&folder).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(store.tenant("demo").await.unwrap(), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
    }
}

#[tokio::test]
async fn what_was_put_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let demo = tenant(
        "demo",
        vec![extension("101", "Alice"), extension("102", "Bob")],
    );
    let store = Store::open(dir.path()).await.unwrap();
    store.put_tenant(&demo).await.unwrap();
    store.close().await;
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.tenant("demo").await.unwrap(), Some(demo));
}

#[tokio::test]
async fn putting_a_tenant_replaces_it_and_touches_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let other = tenant("other", vec![extension("101", "Zoe")]);
    store.put_tenant(&other).await.unwrap();
    store
        .put_tenant(&tenant(
            "demo",
            vec![extension("101", "Alice"), extension("102", "Bob")],
        ))
        .await
        .unwrap();
    let mut renamed = tenant("demo", vec![extension("102", "Robert")]);
    renamed.realm = "office.example".into();
    store.put_tenant(&renamed).await.unwrap();
    assert_eq!(store.tenant("demo").await.unwrap(), Some(renamed));
    assert_eq!(store.tenant("other").await.unwrap(), Some(other));
}

#[tokio::test]
async fn a_failed_put_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let demo = tenant("demo", vec![extension("101", "Alice")]);
    store.put_tenant(&demo).await.unwrap();
    let twice = tenant(
        "demo",
        vec![extension("102", "Bob"), extension("102", "Bert")],
    );
    assert!(matches!(
        store.put_tenant(&twice).await,
        Err(StoreError::Database { .. })
    ));
    assert_eq!(store.tenant("demo").await.unwrap(), Some(demo));
}

#[tokio::test]
async fn no_password_reaches_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    store
        .put_tenant(&tenant("demo", vec![extension("101", "Alice")]))
        .await
        .unwrap();
    store.close().await;
    let bytes = fs::read(dir.path().join("sidetone.sqlite")).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(holds(b"Alice"));
    assert!(!holds(b"swordfish"));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    let pool = raw(dir.path()).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'from the future', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let error = Store::open(dir.path()).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 99,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("made by a newer Sidetone"));
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).await.unwrap().close().await;
    let pool = raw(dir.path()).await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let error = Store::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Schema { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sidetone.sqlite");
    fs::write(
        &file,
        "This is a shopping list, and a long one at that.".repeat(20),
    )
    .unwrap();
    let error = Store::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(fs::read_to_string(&file).unwrap().starts_with("This is"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data")).await.unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }));
    assert!(error.to_string().contains("--data"), "{error}");
}

#[tokio::test]
async fn sessions_end_when_they_should_and_are_then_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    for id in ["one", "two"] {
        store.put_tenant(&tenant(id, vec![])).await.unwrap();
    }
    let session = |token: u8, ends| Session {
        token: [token; 32],
        person: "ann".into(),
        password: [7; 32],
        lasts: 10,
        ends,
    };
    store
        .put_session("one", &session(1, 110), 100)
        .await
        .unwrap();
    let found = |tenant, token: u8, now| {
        let store = store.clone();
        async move { store.session(tenant, &[token; 32], now).await.unwrap() }
    };
    assert_eq!(found("one", 1, 109).await, Some(session(1, 110)));
    assert_eq!(found("one", 1, 110).await, None);
    assert_eq!(found("two", 1, 109).await, None);
    assert_eq!(found("one", 2, 109).await, None);
    store.extend_session("one", &[1; 32], 120).await.unwrap();
    // It never ends earlier by that.
    store.extend_session("one", &[1; 32], 115).await.unwrap();
    assert_eq!(found("one", 1, 119).await, Some(session(1, 120)));
    store
        .put_session("one", &session(2, 200), 120)
        .await
        .unwrap();
    assert_eq!(found("one", 1, 100).await, None, "it was not forgotten");
    store.delete_session("two", &[2; 32]).await.unwrap();
    assert!(found("one", 2, 120).await.is_some());
    store.delete_session("one", &[2; 32]).await.unwrap();
    assert_eq!(found("one", 2, 120).await, None);
    let strangers = store.put_session("three", &session(3, 200), 120).await;
    assert!(strangers.is_err(), "a session of no tenant");
}
