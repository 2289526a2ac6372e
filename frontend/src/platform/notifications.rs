//! System notifications of incoming calls, for when the page is out of sight.
//!
//! The service worker shows them, because only its notifications have buttons; it hands the
//! click back to the tab that rings (`static/sw.js`).

use js_sys::{Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Notification, NotificationPermission, ServiceWorkerContainer};

use super::listener::Listener;
use crate::model::{CallKey, Party};

/// What the user chose in a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The Answer button.
    Answer,
    /// The Reject button.
    Reject,
}

/// Asks once whether notifications may be shown; must run within a tap.
pub fn ask() {
    if supported() && Notification::permission() == NotificationPermission::Default {
        // The answer is read from the permission when it is needed.
        let _ = Notification::request_permission();
    }
}

/// Shows that somebody calls, if that is allowed.
pub fn show(call: CallKey, peer: &Party) {
    if !supported() || Notification::permission() != NotificationPermission::Granted {
        return;
    }
    let title = peer.name.as_deref().unwrap_or(&peer.number);
    send(
        "ring",
        call,
        &[
            ("title", title),
            ("body", &format!("{} is calling", peer.number)),
        ],
    );
}

/// Takes the notification of a call away.
pub fn close(call: CallKey) {
    send("stop", call, &[]);
}

/// Calls `chosen` when a button of a notification was pressed.
pub fn watch(chosen: impl Fn(CallKey, Choice) + 'static) {
    let Some(container) = container() else { return };
    Listener::new(&container, "message", move |event| {
        let data = event.unchecked_ref::<MessageEvent>().data();
        let field = |name: &str| Reflect::get(&data, &name.into()).ok();
        let choice = match field("choice")
            .and_then(|choice| choice.as_string())
            .as_deref()
        {
            Some("answer") => Choice::Answer,
            Some("reject") => Choice::Reject,
            _ => return,
        };
        let call = field("call").and_then(|call| call.as_string()?.parse().ok());
        if let Some(call) = call {
            chosen(CallKey(call), choice);
        }
    })
    .forever();
}

fn send(kind: &str, call: CallKey, texts: &[(&str, &str)]) {
    let Some(worker) = container().and_then(|container| container.controller()) else {
        return;
    };
    let message = Object::new();
    let set = |name: &str, value: &str| {
        let _ = Reflect::set(&message, &name.into(), &JsValue::from_str(value));
    };
    set("kind", kind);
    set("call", &call.0.to_string());
    for (name, value) in texts {
        set(name, value);
    }
    let _ = worker.post_message(&message);
}

fn supported() -> bool {
    Reflect::has(&js_sys::global(), &"Notification".into()).unwrap_or(false)
}

fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    Reflect::get(&navigator, &"serviceWorker".into())
        .ok()?
        .dyn_into()
        .ok()
}
