//! What each side may see of the other's headers.

use sidetone_sip::message::{
    Address, Contacts, HeaderName, Host, Params, RAck, RawHeader, SipUri, Supported, Via,
};
use sidetone_sip::{Method, Request, Response, Status, Text, Uri};

use super::binding::token_of;
use super::config::Protocol;
use super::link::Link;
use super::token::{ContactToken, PhoneId, RouteToken, TokenKey, UpstreamId};

/// Hops a request may have if it doesn't say (RFC 3261 §16.6 step 3).
const MAX_FORWARDS: u8 = 70;

/// The host of Record-Routes that browsers see. Nobody looks it up: their requests come over the
/// socket.
const GATEWAY: &str = "gateway.invalid";

/// One hop less.
pub(crate) fn count_hop(request: &mut Request) -> Result<(), Status> {
    match request.headers.max_forwards {
        Some(0) => Err(Status::TOO_MANY_HOPS),
        hops => {
            request.headers.max_forwards = Some(hops.unwrap_or(MAX_FORWARDS + 1) - 1);
            Ok(())
        }
    }
}

/// The token in the topmost Route, if that is ours.
pub(crate) fn route_token(key: &TokenKey, request: &Request) -> Option<RouteToken> {
    route_of(key, request.headers.route.first()?)
}

fn route_of(key: &TokenKey, address: &Address) -> Option<RouteToken> {
    key.open_route(address.uri.as_sip()?.user.as_deref()?)
}

/// What a PBX need not see, and what a browser may not claim, is taken out.
pub(crate) fn clean_for_pbx(key: &TokenKey, request: &mut Request, shift: u8) {
    let headers = &mut request.headers;
    headers.route.retain(|route| route_of(key, route).is_none());
    headers.record_route.clear();
    headers.others.retain(|header| !is_claim(header));
    // Only the hop that a phone registers at can offer RFC 5626, and a PBX sees us there.
    if let Ok(Some(mut supported)) = headers.typed::<Supported>()
        && supported.has("outbound")
    {
        supported
            .0
            .retain(|tag| !tag.eq_ignore_ascii_case("outbound"));
        headers.set(&supported);
    }
    if let Uri::Sip(uri) = &mut request.uri
        && let Some(transport) = uri.params.value("transport")
        && ["ws", "wss"]
            .iter()
            .any(|ws| transport.eq_ignore_ascii_case(ws))
    {
        uri.params.remove("transport");
    }
    if shift > 0 {
        request.headers.cseq.number += u32::from(shift);
        if let Ok(Some(mut rack)) = request.headers.typed::<RAck>() {
            rack.cseq.number += u32::from(shift);
            request.headers.set(&rack);
        }
    }
}

/// Identities are the PBX's to assert (RFC 3325 §5), and paths to us are ours to tell.
fn is_claim(header: &RawHeader) -> bool {
    let named = |name: &str| header.name.as_str().eq_ignore_ascii_case(name);
    matches!(
        header.name,
        HeaderName::PAssertedIdentity | HeaderName::Path
    ) || named("Remote-Party-ID")
}

/// Our Via.
pub(crate) fn via(link: &Link, branch: &str) -> Via {
    let mut params = Params::default();
    params.set("branch", Some(branch));
    if link.protocol == Protocol::Udp {
        // RFC 3581 §3.
        params.set("rport", None);
    }
    Via {
        transport: link.protocol.transport(),
        host: link.local.ip().into(),
        port: Some(link.local.port()),
        params,
    }
}

/// Our Via towards the browser.
pub(crate) fn browser_via(secure: bool, branch: &str) -> Via {
    let mut params = Params::default();
    params.set("branch", Some(branch));
    let protocol = if secure { Protocol::Wss } else { Protocol::Ws };
    Via {
        transport: protocol.transport(),
        host: Host::Name(Text::from_static(GATEWAY)),
        port: None,
        params,
    }
}

/// Puts the gateway into the place of the browser's Contacts.
pub(crate) fn hide_contacts(
    key: &TokenKey,
    contacts: &mut Contacts,
    upstream: UpstreamId,
    phone: PhoneId,
    link: &Link,
) {
    let Contacts::List(contacts) = contacts else {
        return;
    };
    for contact in contacts {
        let original = std::mem::replace(&mut contact.uri, gateway(link));
        let secure = original.as_sip().is_some_and(|uri| uri.secure);
        let token = ContactToken {
            upstream,
            phone,
            contact: original,
        };
        if let Uri::Sip(uri) = &mut contact.uri {
            uri.user = Some(key.seal_contact(&token).into());
            uri.secure = secure;
        }
        // A PBX that saw it would want to know our flows (RFC 5626 §6).
        contact.params.remove("reg-id");
    }
}

/// The gateway itself, as a PBX reaches it.
pub(crate) fn gateway(link: &Link) -> Uri {
    let mut uri = SipUri::of_host(link.local.ip().into());
    uri.port = Some(link.local.port());
    if link.protocol != Protocol::Udp {
        uri.params.set("transport", Some(link.protocol.name()));
    }
    Uri::Sip(uri)
}

/// The Record-Route by which the browser's later requests come back.
pub(crate) fn record_route(key: &TokenKey, token: &RouteToken) -> Address {
    let host = Host::Name(Text::from_static(GATEWAY));
    let mut uri = SipUri::new(&key.seal_route(token), host);
    uri.params.set("lr", None);
    Address::new(Uri::Sip(uri))
}

/// Whether a request of this method, or its answer, may begin a dialog.
pub(crate) fn begins_dialogs(method: &Method) -> bool {
    matches!(
        method,
        Method::Invite | Method::Subscribe | Method::Notify | Method::Refer | Method::Update
    )
}

/// Takes our Record-Routes out of what a browser answers.
pub(crate) fn hide_record_route(key: &TokenKey, response: &mut Response) {
    let routes = &mut response.headers.record_route;
    routes.retain(|route| route_of(key, route).is_none());
}

/// Makes a PBX's request one to the browser's own Contact.
pub(crate) fn reveal_target(key: &TokenKey, request: &mut Request) -> Option<ContactToken> {
    let token = token_of(key, &request.uri)?;
    request.uri = token.contact.clone();
    Some(token)
}

/// The hop's view of a response becomes that of who asked.
pub(crate) fn readdress(response: &mut Response, asked: &Request) {
    response.headers.via.clone_from(&asked.headers.via);
    response.headers.cseq.number = asked.headers.cseq.number;
}
