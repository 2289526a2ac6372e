//! What browser and gateway exchange besides SIP, and what both must know of browsers.

use serde::{Deserialize, Serialize};

mod port;

pub use port::browsers_block;

/// Answer of `GET /api/v1/about`: what a page must know before anybody has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The gateway's version, such as `0.1.0`.
    pub version: String,
    /// What phones of this gateway write behind the `@`.
    pub domain: String,
    /// The path of the SIP WebSocket on this host.
    pub sip_path: String,
    /// The accounts to try, if this gateway is a demonstration.
    pub demo: Option<Vec<DemoAccount>>,
    /// Whether people can sign in at the gateway itself, with [`SignIn`].
    pub people: bool,
}

/// An account that anybody may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoAccount {
    /// The extension.
    pub number: String,
    /// Whose it is.
    pub name: String,
    /// Its SIP password.
    pub password: String,
}

/// Body of `POST /api/v1/session`: somebody signs in at the gateway.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// What the administrator called them.
    pub name: String,
    /// Their password at the gateway.
    pub password: String,
    /// Whether the session is to outlive the browser.
    #[serde(default)]
    pub remember: bool,
}

/// Answer of `GET` and `POST /api/v1/session`: who is in. `GET` answers `null` if nobody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Their name.
    pub person: String,
    /// What they may use.
    pub accounts: Vec<Account>,
}

/// A SIP account whose secret the gateway keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `user@domain`; also what names it in paths.
    pub address: String,
    /// What it is called.
    pub label: String,
}

/// Answer of `POST /api/v1/session/ticket`: opens the SIP WebSocket once, within a minute, as the
/// subprotocol `ticket.` and this.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// Letters, digits, `-` and `_`.
    pub ticket: String,
}

/// Body of `POST /api/v1/accounts/{address}/response`: what a digest challenge asks of a secret
/// (RFC 7616 §3.4.1). The challenge must have come over the person's own SIP WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The challenge's realm.
    pub realm: String,
    /// The challenge's nonce.
    pub nonce: String,
    /// `MD5`, `SHA-256` or `SHA-512-256`.
    pub algorithm: String,
    /// The method of the request that was challenged.
    pub method: String,
    /// Its Request-URI.
    pub uri: String,
    /// `auth` or `auth-int`, if the challenge has a `qop`; then the next two are there as well.
    pub qop: Option<String>,
    /// The client's nonce.
    pub cnonce: Option<String>,
    /// How many requests used the nonce, from 1.
    pub count: Option<u32>,
    /// The hash of the body, with `auth-int`.
    pub body_hash: Option<String>,
}

/// Answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionAnswer {
    /// The `response` of the credentials, in hexadecimal digits.
    pub response: String,
}

/// Answer of `GET /api/v1/ice-servers`: what helps a browser to find a way for sound. The servers are
/// written as `RTCConfiguration` wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServers {
    /// The servers, perhaps none.
    pub ice_servers: Vec<IceServer>,
    /// For how many seconds their credentials are good; none: for ever.
    pub lifetime: Option<u64>,
}

/// A STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Where it is, by several ways.
    pub urls: Vec<String>,
    /// The user name that a TURN server asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Body of every answer of `/api/` with a status of 400 or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What happened and what to do, for people.
    pub error: String,
}
