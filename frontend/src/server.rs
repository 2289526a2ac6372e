//! What the gateway says over HTTP.

use js_sys::{Array, Reflect};
use sidetone_api::{About, DemoAccount};
use wasm_bindgen::JsValue;

use crate::platform::early;

/// What the server this page came from says of itself; none if it can't be reached or is no
/// Sidetone gateway.
pub(crate) async fn about() -> Option<About> {
    let json = match early::outcome("about").await {
        Some(json) => json,
        None => early::call("ask", &JsValue::UNDEFINED).await.ok()?,
    };
    read_about(&json)
}

/// Field by field: the browser has parsed the JSON already, and a deserialiser for this one answer
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
