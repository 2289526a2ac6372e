//! One alarm that rings in time, also in a hidden tab.
//!
//! Browsers let the timers of hidden pages fire once a minute; those of a worker are left alone.
//! Keep-alives, refreshes and retransmissions can't wait, so the timer lives in a tiny worker.

use js_sys::Function;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, Worker};

use super::listener::Listener;

/// An alarm with one setting at a time.
pub struct Alarm {
    clock: Clock,
}

enum Clock {
    Worker {
        worker: Worker,
        _listener: Listener,
    },
    Page {
        ring: Closure<dyn FnMut(Event)>,
        set: Option<i32>,
    },
}

impl Alarm {
    /// Calls `ring` whenever a set time is over.
    pub fn new(mut ring: impl FnMut() + 'static) -> Self {
        let clock = match Worker::new("/timer.js") {
            Ok(worker) => {
                let listener = Listener::new(&worker, "message", move |_| ring());
                Clock::Worker {
                    worker,
                    _listener: listener,
                }
            }
            Err(_) => Clock::Page {
                ring: Closure::new(move |_| ring()),
                set: None,
            },
        };
        Self { clock }
    }

    /// Sets it to ring in `millis`, in place of any earlier setting; `None`: not at all.
    pub fn set(&mut self, millis: Option<u32>) {
        let delay = millis.map(|millis| i32::try_from(millis).unwrap_or(i32::MAX));
        match &mut self.clock {
            Clock::Worker { worker, .. } => {
                let _ = worker.post_message(&delay.map_or(JsValue::NULL, JsValue::from));
            }
            Clock::Page { ring, set } => {
                let Some(window) = web_sys::window() else {
                    return;
                };
                if let Some(id) = set.take() {
                    window.clear_timeout_with_handle(id);
                }
                let ring: &Function = ring.as_ref().unchecked_ref();
                *set = delay.and_then(|delay| {
                    window
                        .set_timeout_with_callback_and_timeout_and_arguments_0(ring, delay)
                        .ok()
                });
            }
        }
    }
}
