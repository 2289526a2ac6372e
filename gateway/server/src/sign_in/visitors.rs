//! Browsers whose phones sign in at a PBX, with its password, and not at the gateway. That they were
//! let in is heard from the PBX.
//!
//! ```text
//!   WebSocket without a ticket ──▶ Unknown ── a REGISTER is granted ──▶ Known ── the phone is gone ──▶ (forgotten)
//!        │ cookie                                                         │
//!        └────────▶ asks for what is for people who are let in ◀──────────┘
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use sidetone_edge::{Peer, Person, Visit};
use sidetone_sip::{Method, Response};

use super::cookie::{self, VISIT};
use super::{name, token};

/// How many WebSockets of each browser a PBX has let in, if any.
#[derive(Default)]
pub(super) struct Visitors(Mutex<BTreeMap<[u8; 32], usize>>);

impl Visitors {
    /// Somebody opens a WebSocket without a ticket. All of one browser show the same cookie.
    pub(super) fn open(this: &Arc<Self>, peer: Peer, headers: &HeaderMap) -> Option<Visit> {
        let (name, cookie) = match VISIT.shown(peer, headers) {
            Some(token) => (name(token), None),
            None => {
                let token = token()?;
                let cookie = VISIT.set(&token, cookie::is_secure(peer, headers), None)?;
                (name(&token), Some(cookie))
            }
        };
        let visitor = Visitor {
            all: Arc::clone(this),
            name,
            known: AtomicBool::new(false),
        };
        Some(Visit {
            person: Arc::new(visitor),
            cookie,
        })
    }

    /// Whether a PBX has let in whoever shows this.
    pub(super) fn is_known(&self, token: &str) -> bool {
        self.known().contains_key(&name(token))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One WebSocket; dropped when nothing of its phone is left.
struct Visitor {
    all: Arc<Visitors>,
    name: [u8; 32],
    known: AtomicBool,
}

impl Person for Visitor {
    fn on_response(&self, _upstream: Option<&str>, response: &Response) {
        let grants = response.status.is_success();
        if grants
            && response.headers.cseq.method == Method::Register
            && !self.known.swap(true, Ordering::Relaxed)
        {
            *self.all.known().entry(self.name).or_default() += 1;
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if !*self.known.get_mut() {
            return;
        }
        let mut known = self.all.known();
        if let Some(count) = known.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                known.remove(&self.name);
            }
        }
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(…)")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};
    use sidetone_sip::Message;
    use sidetone_sip::message::{Incoming, Limits, read_frame};

    use super::*;

    fn peer() -> Peer {
        Peer::plain("192.0.2.1:1".parse().unwrap())
    }

    fn answer(status: &str, method: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bKr\r\n\
             From: <sip:201@office.example>;tag=f\r\nTo: <sip:201@office.example>;tag=t\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        match read_frame(text.as_bytes(), &Limits::default()) {
            Incoming::Message(Message::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The token of a `Set-Cookie`, and what shows it.
    fn shown(cookie: &HeaderValue) -> (String, HeaderMap) {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, pair.parse().unwrap());
        (pair.split_once('=').unwrap().1.to_owned(), headers)
    }

    #[test]
    fn a_browser_is_known_while_a_phone_of_it_is_registered() {
        let visitors = Arc::new(Visitors::default());
        let first = Visitors::open(&visitors, peer(), &HeaderMap::new()).unwrap();
        let (token, headers) = shown(&first.cookie.unwrap());
        assert!(!visitors.is_known(&token));
        for (status, method) in [
            ("401 Unauthorized", "REGISTER"),
            ("403 Forbidden", "REGISTER"),
            ("200 OK", "OPTIONS"),
            ("100 Trying", "REGISTER"),
        ] {
            first.person.on_response(None, &answer(status, method));
            assert!(!visitors.is_known(&token), "{status} to {method}");
        }
        for _ in 0..2 {
            let granted = answer("200 OK", "REGISTER");
            first.person.on_response(Some("office"), &granted);
        }
        assert!(visitors.is_known(&token));
        // A second tab shows the cookie of the first.
        let second = Visitors::open(&visitors, peer(), &headers).unwrap();
        assert!(second.cookie.is_none());
        let granted = answer("200 OK", "REGISTER");
        second.person.on_response(None, &granted);
        drop(first.person);
        assert!(visitors.is_known(&token));
        drop(second.person);
        assert!(!visitors.is_known(&token));
        assert!(visitors.known().is_empty());
    }

    #[test]
    fn browsers_are_told_apart() {
        let visitors = Arc::new(Visitors::default());
        let open = || Visitors::open(&visitors, peer(), &HeaderMap::new()).unwrap();
        let (one, other) = (open(), open());
        let granted = answer("200 OK", "REGISTER");
        one.person.on_response(None, &granted);
        let known = |visit: &Visit| visitors.is_known(&shown(visit.cookie.as_ref().unwrap()).0);
        assert!(known(&one) && !known(&other));
    }
}
