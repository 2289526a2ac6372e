use crate::message::{Host, Via};
use crate::{Method, Request, Response, Text};

/// What every branch of RFC 3261 begins with (§8.1.1.7).
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Matches responses to client transactions (RFC 3261 §17.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClientKey {
    branch: Text,
    method: Method,
}

impl ClientKey {
    pub(super) fn new(branch: &str, method: Method) -> Self {
        Self {
            branch: branch.into(),
            method,
        }
    }

    pub(super) fn of(response: &Response) -> Option<Self> {
        let branch = response.headers.via.first()?.branch()?;
        Some(Self::new(branch, response.headers.cseq.method.clone()))
    }
}

/// Matches requests to server transactions (RFC 3261 §17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ServerKey {
    branch: Text,
    host: Host,
    port: Option<u16>,
    method: Method,
    without_cookie: Option<MergeKey>,
}

impl ServerKey {
    /// The key of the transaction of `method` that `request` belongs to; an ACK and a CANCEL
    /// belong to that of their INVITE.
    pub(super) fn of(request: &Request, method: Method) -> Option<Self> {
        let Via { host, port, .. } = request.headers.via.first()?;
        let branch = request.headers.via[0]
            .branch()
            .filter(|b| b.starts_with(MAGIC_COOKIE));
        let without_cookie = branch.is_none().then(|| MergeKey::of(request));
        Some(Self {
            branch: branch.unwrap_or("").into(),
            host: host.clone(),
            port: *port,
            method,
            without_cookie,
        })
    }
}

/// What is equal in all copies of one request that came by different ways (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    from_tag: Text,
    call_id: Text,
    number: u32,
    method: Method,
}

impl MergeKey {
    pub(super) fn of(request: &Request) -> Self {
        let headers = &request.headers;
        // An ACK and a CANCEL carry the number, but not the method, of their INVITE.
        let method = match request.method {
            Method::Ack | Method::Cancel => Method::Invite,
            ref other => other.clone(),
        };
        Self {
            from_tag: headers.from.tag().unwrap_or("").into(),
            call_id: headers.call_id.detached(),
            number: headers.cseq.number,
            method,
        }
    }

    /// The same for all registrations of a phone, which come one after the other (§10.2).
    pub(super) fn of_registrations(request: &Request) -> Self {
        Self {
            number: 0,
            ..Self::of(request)
        }
    }
}
