//! The opening handshake of a WebSocket (RFC 6455 §4.2) that will carry SIP (RFC 7118 §4.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::origin::{self, Origin};

/// Why there is no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotWebSocket,
    Version,
    Key,
    Subprotocol,
    Origin,
    Ticket,
    TooManyFromAddress,
    Full,
    Closing,
}

/// What an acceptable handshake says.
pub(crate) struct Handshake {
    accept: HeaderValue,
    /// Who sends it, in a subprotocol that is never chosen.
    pub(crate) ticket: Option<String>,
}

/// What parts a ticket from other subprotocols.
const TICKET: &str = "ticket.";

impl Handshake {
    pub(crate) fn parse(headers: &HeaderMap, allowed: &[Origin]) -> Result<Self, Refusal> {
        let has = |name, token| tokens(headers, name).any(|t| t.eq_ignore_ascii_case(token));
        if !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
            return Err(Refusal::NotWebSocket);
        }
        if !origin::may_connect(headers, allowed) {
            return Err(Refusal::Origin);
        }
        if !tokens(headers, header::SEC_WEBSOCKET_VERSION).eq(["13"]) {
            return Err(Refusal::Version);
        }
        if !tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).any(|protocol| protocol == "sip") {
            return Err(Refusal::Subprotocol);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY);
        let key = key.filter(|key| key.len() == 24).ok_or(Refusal::Key)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let mut protocols = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL);
        let ticket = protocols.find_map(|protocol| protocol.strip_prefix(TICKET));
        Ok(Self {
            accept: accept.map_err(|_| Refusal::Key)?,
            ticket: ticket.map(str::to_owned),
        })
    }

    /// The answer that turns the connection into a WebSocket.
    pub(crate) fn response(self) -> Response {
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept),
            (
                header::SEC_WEBSOCKET_PROTOCOL,
                HeaderValue::from_static("sip"),
            ),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::NotWebSocket | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Subprotocol => StatusCode::BAD_REQUEST,
            Self::Origin | Self::Ticket => StatusCode::FORBIDDEN,
            Self::TooManyFromAddress => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::NotWebSocket => {
                "This address speaks SIP over WebSocket (RFC 7118). \
                 Open it with a SIP client, not as a page.\n"
            }
            Self::Version => "Only version 13 of the WebSocket protocol is spoken here.\n",
            Self::Key => "The handshake lacks a valid Sec-WebSocket-Key.\n",
            Self::Subprotocol => {
                "Ask for the subprotocol: the handshake must carry \
                 \"Sec-WebSocket-Protocol: sip\" (RFC 7118).\n"
            }
            Self::Origin => {
                "Pages from that origin may not connect here. If they should, \
                 add it to `origins` in the gateway's configuration.\n"
            }
            Self::Ticket => {
                "That ticket was used before, or is older than a minute. Ask for another one.\n"
            }
            Self::TooManyFromAddress => {
                "Too many connections from your address. Close some, or raise \
                 `sip.flows_per_address` in the gateway's configuration.\n"
            }
            Self::Full => "The gateway has as many connections as it may. Try again later.\n",
            Self::Closing => "The gateway is shutting down. Try again in a moment.\n",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.words()).into_response();
        let headers = response.headers_mut();
        match self {
            // RFC 9110 §15.5.22: a 426 MUST name the protocol.
            Self::NotWebSocket | Self::Version => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                );
            }
            Self::TooManyFromAddress | Self::Full | Self::Closing => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            Self::Key | Self::Subprotocol | Self::Origin | Self::Ticket => {}
        }
        response
    }
}
