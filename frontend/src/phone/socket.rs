//! The WebSocket to the server, subprotocol `sip` (RFC 7118 §4).

use js_sys::{Array, ArrayBuffer, Uint8Array};
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::platform::listener::Listener;
use crate::platform::{early, storage};

/// What happens to a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It can carry messages.
    Opened,
    /// One message arrived.
    Received(Vec<u8>),
    /// It is gone, or could not be opened.
    Closed {
        /// The gateway closed it because its session is over.
        signed_out: bool,
    },
}

/// How the gateway closes the sockets of a session that is over.
const UNAUTHORIZED: u16 = 3000;

/// The setting that lets `early.js` connect before the app has loaded.
const EARLY: &str = "connect-early";

/// Lets the next page connect to `url` at once; `None`: not.
pub(crate) fn connect_early(url: Option<&str>) {
    storage::write(EARLY, url);
}

/// Whether this page did so.
pub(crate) fn connects_early() -> bool {
    early::look("socket").is_some()
}

/// The connection that was made before the app had loaded, if it is one to `url`. It can be had
/// once; one that is not wanted is closed.
fn take_early(url: &str) -> Option<WebSocket> {
    let socket = early::take("socket")?.dyn_into::<WebSocket>().ok()?;
    let usable = socket.url() == url && socket.ready_state() <= WebSocket::OPEN;
    if !usable {
        let _ = socket.close();
    }
    usable.then_some(socket)
}

/// Closes what was connected early.
pub(crate) fn drop_early() {
    take_early("");
}

/// One connection; dropped, it is closed and silent.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    /// Starts to connect, with a ticket if the gateway is to know whose it is; `None` if the browser
    /// refuses the address.
    pub(crate) fn open(
        url: &str,
        ticket: Option<String>,
        on_event: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Option<Self> {
        let early = take_early(url);
        let is_open = early
            .as_ref()
            .is_some_and(|it| it.ready_state() == WebSocket::OPEN);
        let socket = match early {
            Some(early) => early,
            None => {
                let protocols = Array::of1(&"sip".into());
                if let Some(ticket) = ticket {
                    protocols.push(&format!("ticket.{ticket}").into());
                }
                WebSocket::new_with_str_sequence(url, &protocols).ok()?
            }
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        if is_open {
            let opened = on_event.clone();
            // Not before the caller has what this function returns.
            spawn_local(async move { opened(SocketEvent::Opened) });
        }
        let (opened, received, closed) = (on_event.clone(), on_event.clone(), on_event);
        let listeners = [
            Listener::new(&socket, "open", move |_| opened(SocketEvent::Opened)),
            Listener::new(&socket, "message", move |event| {
                let data = event.unchecked_ref::<MessageEvent>().data();
                let bytes = data.as_string().map(String::into_bytes).or_else(|| {
                    let buffer = data.dyn_ref::<ArrayBuffer>()?;
                    Some(Uint8Array::new(buffer).to_vec())
                });
                received(SocketEvent::Received(bytes.unwrap_or_default()));
            }),
            // An `error` says nothing that the `close` after it doesn't.
            Listener::new(&socket, "close", move |event| {
                let signed_out = event.unchecked_ref::<CloseEvent>().code() == UNAUTHORIZED;
                closed(SocketEvent::Closed { signed_out });
            }),
        ];
        Some(Self {
            socket,
            _listeners: listeners,
        })
    }

    /// Sends one message; lost if the socket is not open, which its `Closed` tells.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let _ = match str::from_utf8(bytes) {
            Ok(text) => self.socket.send_with_str(text),
            Err(_) => self.socket.send_with_u8_array(bytes),
        };
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}
