//! What the gateway says over HTTP.

use js_sys::{Array, Reflect};
use sidetone_api::{About, DemoAccount};
use sidetone_sip::Text;
use sidetone_sip::auth::Question;
use wasm_bindgen::JsValue;

use crate::platform::{early, object, storage};
use crate::state::SignIn;

/// What the server this page came from says of itself; none if it can't be reached or is no
/// Sidetone gateway.
pub(crate) async fn about() -> Option<About> {
    let json = match early::outcome("about").await {
        Some(json) => json,
        None => ask("about", None, &JsValue::UNDEFINED).await.ok()?,
    };
    read_about(&json)
}

/// The setting that lets `early.js` ask who is signed in: the account that is used.
const SESSION: &str = "session";

/// Signs in at the gateway, and answers the accounts that may be used. `Err` says why not, in words.
pub(crate) async fn sign_in(
    name: &str,
    password: &str,
    remember: bool,
) -> Result<Vec<SignIn>, &'static str> {
    let body = object(&[
        ("name", &name.into()),
        ("password", &password.into()),
        ("remember", &remember.into()),
    ]);
    let session = ask(SESSION, Some("POST"), &body).await;
    let session = session.map_err(|status| match status.as_f64() {
        Some(401.0) => "Name or password is wrong. Check both.",
        Some(429.0) => "Too many tries. Wait half a minute.",
        _ => "The server can't be reached. Try again.",
    })?;
    let accounts = accounts(&session);
    match accounts.is_empty() {
        true => Err("You have no account yet. Ask whoever looks after the gateway."),
        false => Ok(accounts),
    }
}

/// Lets the next page use this account.
pub(crate) fn remember(address: &str) {
    storage::write(SESSION, Some(address));
}

/// Who was signed in at the gateway when this page was loaded; with another account if the one that was
/// used is gone.
pub(crate) async fn session() -> Option<SignIn> {
    let mut accounts = accounts(&early::outcome(SESSION).await?);
    let used = storage::read(SESSION);
    let is_used = |account: &SignIn| Some(&account.extension) == used.as_ref();
    let at = accounts.iter().position(is_used).unwrap_or(0);
    (at < accounts.len()).then(|| accounts.swap_remove(at))
}

/// The next page asks no more who is signed in.
pub(crate) fn forget() {
    storage::write(SESSION, None);
}

/// Signs out at the gateway.
pub(crate) async fn sign_out() {
    let _ = ask(SESSION, Some("DELETE"), &JsValue::UNDEFINED).await;
}

/// Opens the SIP socket once. `Err`: whether somebody has to sign in first.
pub(crate) async fn ticket() -> Result<String, bool> {
    let path = "session/ticket";
    let answer = ask(path, Some("POST"), &JsValue::UNDEFINED).await;
    let answer = answer.map_err(|status| status.as_f64() == Some(401.0))?;
    text(&answer, "ticket").ok_or(false)
}

/// The response to a challenge, by a secret that the gateway keeps; none if it refuses.
pub(crate) async fn response(address: &str, question: &Question) -> Option<Text> {
    let optional = |text: Option<&str>| text.map_or(JsValue::NULL, JsValue::from);
    let protection = question.protection.as_ref();
    let body = object(&[
        ("realm", &(*question.challenge.realm).into()),
        ("nonce", &(*question.challenge.nonce).into()),
        ("algorithm", &question.algorithm.as_str().into()),
        ("method", &question.method.as_str().into()),
        ("uri", &(*question.uri).into()),
        ("qop", &optional(protection.map(|it| it.qop.as_str()))),
        ("cnonce", &optional(protection.map(|it| &*it.cnonce))),
        (
            "count",
            &protection.map_or(JsValue::NULL, |it| it.count.into()),
        ),
        ("body_hash", &optional(question.body_hash.as_deref())),
    ]);
    let path = format!("accounts/{address}/response");
    let answer = ask(&path, Some("POST"), &body).await.ok()?;
    text(&answer, "response").map(Text::from)
}

/// Lets the gateway say what helps to find a way for sound; peers find it where `early.js` keeps it.
pub(crate) async fn ice() {
    let _ = early::call("askIce", &JsValue::UNDEFINED).await;
}

async fn ask(path: &str, method: Option<&str>, body: &JsValue) -> Result<JsValue, JsValue> {
    let method = method.map_or(JsValue::UNDEFINED, JsValue::from);
    early::call("ask", &Array::of3(&path.into(), &method, body)).await
}

/// The accounts of a session; none if nobody is in.
fn accounts(session: &JsValue) -> Vec<SignIn> {
    let accounts = Reflect::get(session, &"accounts".into()).unwrap_or_default();
    Array::from(&accounts).iter().filter_map(account).collect()
}

fn account(json: JsValue) -> Option<SignIn> {
    let extension = text(&json, "address")?;
    Some(SignIn {
        name: text(&json, "label").filter(|label| *label != extension),
        extension,
        password: None,
        server: None,
        remember: false,
    })
}

/// Field by field: the browser has parsed the JSON already, and a deserialiser for these answers
/// would weigh more than the phone's registration.
fn read_about(json: &JsValue) -> Option<About> {
    let demo = Reflect::get(json, &"demo".into()).ok()?;
    Some(About {
        version: text(json, "version")?,
        domain: text(json, "domain")?,
        sip_path: text(json, "sip_path")?,
        demo: if demo.is_array() {
            Some(Array::from(&demo).iter().filter_map(read_account).collect())
        } else {
            None
        },
        people: Reflect::get(json, &"people".into()).ok()?.is_truthy(),
    })
}

fn read_account(json: JsValue) -> Option<DemoAccount> {
    Some(DemoAccount {
        number: text(&json, "number")?,
        name: text(&json, "name")?,
        password: text(&json, "password")?,
    })
}

fn text(json: &JsValue, field: &str) -> Option<String> {
    Reflect::get(json, &field.into()).ok()?.as_string()
}
