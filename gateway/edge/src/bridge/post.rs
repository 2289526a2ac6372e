//! What comes from PBXs, and whom it is for.

use std::net::SocketAddr;
use std::sync::Arc;

use sidetone_sip::message::{Host, Incoming, Limits, Repairs, read_frame_of_pbx};
use sidetone_sip::{Message, Method, Request, Response, Status};
use tokio::sync::mpsc;

use super::binding::token_of;
use super::link::{LONGEST, Link};
use super::phones::{Input, Origin};
use super::shared::Shared;
use super::token::PhoneId;

/// Where bytes came from.
pub(crate) enum Source {
    Datagram(SocketAddr),
    Stream(Link),
}

const LIMITS: Limits = Limits {
    message: LONGEST,
    headers: 200,
    line: 8 * 1024,
    vias: 70,
    addresses: 100,
};

/// A datagram is lost if its phone has no room for it; its sender repeats it.
pub(crate) fn handle_datagram(shared: &Arc<Shared>, bytes: &[u8], peer: SocketAddr) {
    if let Some((task, input)) = sort(shared, bytes, Source::Datagram(peer)) {
        let _ = task.try_send(input);
    }
}

/// A connection waits until its phone has room.
pub(crate) async fn handle_message(shared: &Arc<Shared>, bytes: &[u8], source: Source) {
    if let Some((task, input)) = sort(shared, bytes, source) {
        let _ = task.send(input).await;
    }
}

/// Finds the phone that a message is for. Without one it is answered here, without state.
fn sort(
    shared: &Arc<Shared>,
    bytes: &[u8],
    source: Source,
) -> Option<(mpsc::Sender<Input>, Input)> {
    let mut repairs = Repairs::default();
    let read = read_frame_of_pbx(bytes, &LIMITS, &mut repairs);
    if repairs != Repairs::default() {
        tracing::debug!(?repairs, "a PBX's message was mended");
    }
    let message = match read {
        Incoming::Message(message) => message,
        Incoming::Ping => {
            reply(shared, &source, b"\r\n".to_vec());
            return None;
        }
        Incoming::Pong => return None,
        Incoming::Refused(refusal) => {
            tracing::debug!(why = refusal.why, "a PBX's request is refused");
            reply(shared, &source, refusal.response.to_bytes());
            return None;
        }
        Incoming::Dropped(why) => {
            tracing::debug!(why, "a PBX's message is dropped");
            return None;
        }
    };
    match message {
        Message::Response(response) => {
            let branch = response.headers.via.first()?.branch()?;
            let task = shared.phones.find(phone_of_branch(branch)?)?;
            let origin = match source {
                Source::Datagram(peer) => Origin::Datagram(peer),
                Source::Stream(link) => Origin::Stream(link),
            };
            let received = (Message::Response(response), origin);
            Some((task, Input::Pbx(Box::new(received))))
        }
        Message::Request(request) => sort_request(shared, request, source),
    }
}

fn sort_request(
    shared: &Arc<Shared>,
    mut request: Request,
    source: Source,
) -> Option<(mpsc::Sender<Input>, Input)> {
    let origin = match source {
        Source::Datagram(peer) => Origin::Datagram(note_source(&mut request, peer)),
        Source::Stream(link) => Origin::Stream(link),
    };
    let status = match token_of(&shared.key, &request.uri) {
        Some(token) => match shared.phones.find(token.phone) {
            Some(task) => {
                let received = (Message::Request(request), origin);
                let input = Input::Pbx(Box::new(received));
                return Some((task, input));
            }
            // RFC 3261 §17.1.1.2: it comes again, and so may the phone by then.
            None if request.method == Method::Invite
                && matches!(origin, Origin::Datagram(_))
                && shared.has_just_begun() =>
            {
                return None;
            }
            // RFC 3261 §21.4.18: the phone is not there now.
            None => Status::TEMPORARILY_UNAVAILABLE,
        },
        None if request.method == Method::Options && is_gateway(&request) => Status::OK,
        None if request.headers.to.tag().is_some() => Status::CALL_DOES_NOT_EXIST,
        None => Status::NOT_FOUND,
    };
    if request.method != Method::Ack {
        let tag = format!("{:016x}", shared.key.branch(&request_parts(&request)));
        let response = Response::to(&request, status, Some(&tag)).to_bytes();
        match origin {
            Origin::Datagram(peer) => shared.socket.send(peer, &response),
            // A connection that is gone needs no answer.
            Origin::Stream(link) => drop(link.send(response)),
        }
    }
    None
}

/// What is the same in every copy of a request.
pub(crate) fn request_parts(request: &Request) -> [&[u8]; 3] {
    let via = request.headers.via.first();
    [
        via.and_then(|via| via.branch()).unwrap_or("").as_bytes(),
        request.headers.call_id.as_bytes(),
        request.headers.from.tag().unwrap_or("").as_bytes(),
    ]
}

/// Whether the gateway itself is asked.
fn is_gateway(request: &Request) -> bool {
    let uri = request.uri.as_sip();
    uri.is_some_and(|uri| uri.user.is_none())
}

/// RFC 3261 §18.2.1 and RFC 3581 §4: notes in Via where a datagram came from; answers where its
/// response goes.
fn note_source(request: &mut Request, peer: SocketAddr) -> SocketAddr {
    let Some(via) = request.headers.via.first_mut() else {
        return peer;
    };
    let wants_port = via.params.has("rport");
    let is_same = match via.host {
        Host::V4(address) => peer.ip() == address,
        Host::V6(address) => peer.ip() == address,
        Host::Name(_) => false,
    };
    if wants_port {
        via.params.set("rport", Some(&peer.port().to_string()));
    }
    if wants_port || !is_same {
        via.params.set("received", Some(&peer.ip().to_string()));
    }
    match wants_port {
        true => peer,
        false => SocketAddr::new(peer.ip(), via.port.unwrap_or(5060)),
    }
}

fn reply(shared: &Arc<Shared>, source: &Source, bytes: Vec<u8>) {
    match source {
        Source::Datagram(peer) => shared.socket.send(*peer, &bytes),
        // A connection that is gone needs no answer.
        Source::Stream(link) => drop(link.send(bytes)),
    }
}

const COOKIE: &str = "z9hG4bKb";

/// A branch of `phone`'s own.
pub(crate) fn branch(phone: PhoneId, rest: u64, attempt: u8) -> String {
    format!("{COOKIE}{:016x}{rest:016x}{attempt:x}", phone.0)
}

/// Whose branch it is.
pub(crate) fn phone_of_branch(branch: &str) -> Option<PhoneId> {
    let digits = branch.strip_prefix(COOKIE)?.get(..16)?;
    u64::from_str_radix(digits, 16).ok().map(PhoneId)
}
