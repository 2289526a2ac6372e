//! What browser and gateway exchange besides SIP.

use serde::{Deserialize, Serialize};

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

/// Body of every answer of `/api/` with a status of 400 or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What happened and what to do, for people.
    pub error: String,
}
