//! STUN and TURN servers, with credentials that are good for a while.
//!
//! The scheme is the one that TURN servers share (draft-uberti-behave-turn-rest-00): the user name says
//! until when, and the password is its HMAC by a secret that gateway and server have in common. The
//! rest of the user name is chance, so that the server can tell users apart and learns nothing of them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sidetone_api as api;
use sidetone_edge::Peer;

use crate::config::{IceCredentials, IceServer};
use crate::sign_in::{Refusal, SignIns};

/// `/api/v1/ice-servers`: credentials are for who has signed in, be it at a PBX.
pub(crate) fn router(servers: &[IceServer], people: SignIns) -> Router {
    Router::new()
        .route("/api/v1/ice-servers", get(handle_ask))
        .with_state((servers.into(), people))
}

async fn handle_ask(
    State((servers, people)): State<(Arc<[IceServer]>, SignIns)>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let told = async {
        if servers.iter().any(IceServer::asks) {
            people.require_anybody(peer, &headers).await?;
        }
        let chance = getrandom::u64().map_err(|_| Refusal::NoRandomness)?;
        Ok::<_, Refusal>(Json(ice_servers(&servers, SystemTime::now(), chance)))
    };
    ([(header::CACHE_CONTROL, "no-store")], told.await)
}

/// What a browser is told. `now` is the time of day, `chance` a random number.
fn ice_servers(servers: &[IceServer], now: SystemTime, chance: u64) -> api::IceServers {
    let lifetimes = servers
        .iter()
        .filter_map(|server| match &server.credentials {
            IceCredentials::Shared { lifetime, .. } => Some(lifetime.as_secs()),
            _ => None,
        });
    let told = |server: &IceServer| {
        let (username, credential) = match &server.credentials {
            IceCredentials::None => (None, None),
            IceCredentials::Fixed { username, password } => {
                (Some(username.clone()), Some(password.reveal().to_owned()))
            }
            IceCredentials::Shared { secret, lifetime } => {
                let end = now + *lifetime;
                let end = end.duration_since(UNIX_EPOCH).unwrap_or_default();
                let username = format!("{}:{chance:016x}", end.as_secs());
                let credential = password(secret.reveal(), &username);
                (Some(username), credential)
            }
        };
        api::IceServer {
            urls: server.urls.clone(),
            username,
            credential,
        }
    };
    api::IceServers {
        ice_servers: servers.iter().map(told).collect(),
        lifetime: lifetimes.min(),
    }
}

fn password(secret: &str, username: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(username.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sidetone_sip::auth::Secret;

    use super::*;

    fn server(urls: &[&str], credentials: IceCredentials) -> IceServer {
        IceServer {
            urls: urls.iter().map(ToString::to_string).collect(),
            credentials,
        }
    }

    fn shared(lifetime: u64) -> IceCredentials {
        IceCredentials::Shared {
            secret: Secret::new("hush-hush"),
            lifetime: Duration::from_secs(lifetime),
        }
    }

    #[test]
    fn credentials_say_until_when_and_are_signed() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let servers = [
            server(&["stun:a.example"], IceCredentials::None),
            server(&["turn:b.example", "turns:b.example"], shared(3600)),
            server(&["turn:c.example"], shared(7200)),
        ];
        let told = ice_servers(&servers, now, 0xab);
        assert_eq!(told.lifetime, Some(3600), "the shorter one");
        let json = serde_json::to_value(&told.ice_servers[..2]).unwrap();
        let expected = serde_json::json!([
            { "urls": ["stun:a.example"] },
            {
                "urls": ["turn:b.example", "turns:b.example"],
                "username": "1700003600:00000000000000ab",
                "credential": "AXq4G3UYmgRcK/x7CTUtBE3ezoo=",
            },
        ]);
        assert_eq!(json, expected);
    }

    #[test]
    fn what_never_changes_has_no_lifetime() {
        let fixed = IceCredentials::Fixed {
            username: "sidetone".to_owned(),
            password: Secret::new("for everybody"),
        };
        let told = ice_servers(&[server(&["turn:a.example"], fixed)], UNIX_EPOCH, 0);
        assert_eq!(told.lifetime, None);
        let [one] = &told.ice_servers[..] else {
            panic!("one server");
        };
        assert_eq!(one.username.as_deref(), Some("sidetone"));
        assert_eq!(one.credential.as_deref(), Some("for everybody"));
    }
}
