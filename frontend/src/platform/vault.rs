//! What "remember me" keeps: the sign-in, encrypted.
//!
//! IndexedDB holds one record: an AES-GCM key that scripts can use but never read
//! (`extractable: false`), the initialisation vector, and the sign-in encrypted by it. Somebody
//! who copies the database's files without the browser's key store gets nothing readable.

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Crypto, CryptoKey, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransactionMode, SubtleCrypto,
};

use super::{early, object};
use crate::state::SignIn;

const STORE: &str = "vault";
const RECORD: &str = "sign-in";

type Outcome<T> = Result<T, JsValue>;

/// Keeps a sign-in. Does nothing where the browser has no key store (plain HTTP, private mode).
pub async fn keep(sign_in: &SignIn) {
    let _ = store(sign_in).await;
}

/// The sign-in that was kept when this page was loaded; `early.js` has read it meanwhile.
pub async fn load() -> Option<SignIn> {
    let plain = Uint8Array::new(&early::outcome("signIn").await?).to_vec();
    let plain = String::from_utf8(plain).ok()?;
    let mut parts = plain.splitn(3, '\0').map(str::to_owned);
    let (extension, password) = (parts.next()?, parts.next()?);
    let server = parts.next().filter(|server| !server.is_empty());
    Some(SignIn {
        extension,
        name: None,
        password: Some(password),
        server,
        remember: true,
    })
}

/// Forgets it.
pub async fn forget() {
    if let Ok(database) = open().await
        && let Ok(store) = object_store(&database, IdbTransactionMode::Readwrite)
        && let Ok(request) = store.delete(&RECORD.into())
    {
        let _ = done(&request).await;
    }
}

async fn store(sign_in: &SignIn) -> Outcome<()> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let algorithm = object(&[("name", &"AES-GCM".into()), ("length", &256.into())]);
    let key = subtle()?.generate_key_with_object(&algorithm, false, &usages)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    let mut iv = [0; 12];
    crypto()?.get_random_values_with_u8_array(&mut iv)?;
    let iv = Uint8Array::from(iv.as_slice());
    let server = sign_in.server.as_deref().unwrap_or("");
    let password = sign_in.password.as_deref().unwrap_or("");
    let plain = [&*sign_in.extension, password, server].join("\0");
    let cipher = subtle()?.encrypt_with_object_and_u8_array(&gcm(&iv), &key, plain.as_bytes())?;
    let cipher = JsFuture::from(cipher).await?;
    let record = object(&[("key", &key), ("iv", &iv), ("cipher", &cipher)]);
    // Opened only now: a transaction ends as soon as it waits for anything else.
    let store = object_store(&open().await?, IdbTransactionMode::Readwrite)?;
    done(&store.put_with_key(&record, &RECORD.into())?).await?;
    Ok(())
}

/// `early.js` opens the database, so that it can do so before the app has loaded.
async fn open() -> Outcome<IdbDatabase> {
    Ok(early::call("vault", &JsValue::UNDEFINED)
        .await?
        .unchecked_into())
}

fn object_store(database: &IdbDatabase, mode: IdbTransactionMode) -> Outcome<IdbObjectStore> {
    database
        .transaction_with_str_and_mode(STORE, mode)?
        .object_store(STORE)
}

async fn done(request: &IdbRequest) -> Outcome<JsValue> {
    let settled = Promise::new(&mut |resolve: Function, reject: Function| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(settled).await?;
    request.result()
}

fn crypto() -> Outcome<Crypto> {
    web_sys::window().ok_or(JsValue::UNDEFINED)?.crypto()
}

/// Absent over plain HTTP.
fn subtle() -> Outcome<SubtleCrypto> {
    Reflect::get(crypto()?.as_ref(), &"subtle".into())?.dyn_into()
}

fn gcm(iv: &Uint8Array) -> Object {
    object(&[("name", &"AES-GCM".into()), ("iv", iv)])
}
