//! Newer versions of the app.
//!
//! Two things can be newer: the shell, seen by asking the server for the page again and comparing
//! the name of its hashed script, and the service worker, seen by the browser. Either way the
//! user is asked first, for a call may be up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Reflect;
use leptos::prelude::set_timeout;
use leptos::task::spawn_local;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestCache, RequestInit, Response, ServiceWorkerRegistration, Window};

use super::listener::Listener;

/// When the page has settled: the worker loads all files again, and the phone registers first.
const SETTLED: Duration = Duration::from_secs(2);

/// Watches for newer versions.
#[derive(Clone)]
pub struct Updates {
    window: Window,
    found: Rc<dyn Fn()>,
    under_way: Rc<Cell<bool>>,
}

impl Updates {
    /// Installs the service worker and calls `found` when something newer is there.
    pub fn watch(found: impl Fn() + 'static) -> Option<Self> {
        let window = web_sys::window()?;
        let updates = Self {
            window,
            found: Rc::new(found),
            under_way: Rc::new(Cell::new(false)),
        };
        if has_service_worker(&updates.window) {
            let this = updates.clone();
            let register = move || {
                // Without it the app works, but neither offline nor installed.
                spawn_local(async move { this.register().await.unwrap_or_default() });
            };
            set_timeout(register, SETTLED);
        }
        Some(updates)
    }

    /// Asks the server whether there is something newer: after a reconnect (the gateway may have
    /// been replaced) and when the page comes back to sight.
    pub fn look(&self) {
        if self.under_way.replace(true) {
            return;
        }
        let this = self.clone();
        spawn_local(async move {
            if this.shell_differs().await == Some(true) {
                (this.found)();
            }
            this.under_way.set(false);
        });
    }

    /// Loads the newer version.
    pub fn load(&self) {
        let this = self.clone();
        spawn_local(async move {
            if this.activate_waiting().await.is_none() {
                let _ = this.window.location().reload();
            }
        });
    }

    async fn register(&self) -> Result<(), JsValue> {
        let container = self.window.navigator().service_worker();
        let registration = JsFuture::from(container.register("/sw.js")).await?;
        let registration: ServiceWorkerRegistration = registration.unchecked_into();
        self.tell_if_waiting(&registration);
        let this = self.clone();
        let target = registration.clone();
        Listener::new(&target, "updatefound", move |_| {
            let Some(worker) = registration.installing() else {
                return;
            };
            let (this, registration) = (this.clone(), registration.clone());
            Listener::new(&worker, "statechange", move |_| {
                this.tell_if_waiting(&registration)
            })
            .forever();
        })
        .forever();
        Ok(())
    }

    /// The first worker of all waits for nobody and is no update.
    fn tell_if_waiting(&self, registration: &ServiceWorkerRegistration) {
        let controlled = self
            .window
            .navigator()
            .service_worker()
            .controller()
            .is_some();
        if registration.waiting().is_some() && controlled {
            (self.found)();
        }
    }

    /// Lets a waiting worker take over and reloads then; `None` if there is none.
    async fn activate_waiting(&self) -> Option<()> {
        if !has_service_worker(&self.window) {
            return None;
        }
        let container = self.window.navigator().service_worker();
        let registration = JsFuture::from(container.get_registration()).await.ok()?;
        let waiting = registration
            .dyn_into::<ServiceWorkerRegistration>()
            .ok()?
            .waiting()?;
        let window = self.window.clone();
        Listener::new(&container, "controllerchange", move |_| {
            let _ = window.location().reload();
        })
        .forever();
        waiting.post_message(&"skip-waiting".into()).ok()
    }

    async fn shell_differs(&self) -> Option<bool> {
        let running = self.running_script()?;
        let options = RequestInit::new();
        options.set_cache(RequestCache::NoStore);
        let page = JsFuture::from(self.window.fetch_with_str_and_init("/", &options))
            .await
            .ok()?;
        let page: Response = page.unchecked_into();
        if !page.ok() {
            return None;
        }
        let text = JsFuture::from(page.text().ok()?).await.ok()?.as_string()?;
        // A page without any script of ours is not ours: a proxy's error, a captive portal.
        Some(text.contains("modulepreload") && !text.contains(&running))
    }

    /// The hashed path of the script this page runs.
    fn running_script(&self) -> Option<String> {
        let document = self.window.document()?;
        document
            .query_selector("link[rel=modulepreload]")
            .ok()??
            .get_attribute("href")
    }
}

/// Absent over plain HTTP.
fn has_service_worker(window: &Window) -> bool {
    Reflect::get(&window.navigator(), &"serviceWorker".into()).is_ok_and(|it| it.is_object())
}
