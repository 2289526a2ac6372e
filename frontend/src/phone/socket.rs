//! The WebSocket to the server, subprotocol `sip` (RFC 7118 §4).

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, MessageEvent, WebSocket};

use crate::platform::listener::Listener;

/// What happens to a socket.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It can carry messages.
    Opened,
    /// One message arrived.
    Received(Vec<u8>),
    /// It is gone, or could not be opened.
    Closed,
}

/// One connection; dropped, it is closed and silent.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    /// Starts to connect; `None` if the browser refuses the address.
    pub(crate) fn open(
        url: &str,
        on_event: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Option<Self> {
        let socket = WebSocket::new_with_str(url, "sip").ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
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
            Listener::new(&socket, "close", move |_| closed(SocketEvent::Closed)),
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
