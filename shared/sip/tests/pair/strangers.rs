//! Requests that an agent does not serve, and messages that are none.

use sidetone_sip::message::{HeaderName, Host, Incoming, Limits, read_frame};
use sidetone_sip::{
    Answer, Config, Counters, EndedBy, Event, Input, Message, Method, Request, Response,
    SessionEvent, Status,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::cancelling::incoming_invite;
use crate::harness::{A, FLOW, Link, Pair, address, config, uri};
use crate::offers::{in_dialog, scripted_call, scripted_end};

/// A request outside of sessions, as a stranger would send it.
fn stranger(method: Method, body_type: Option<&str>) -> Request {
    let mut request = incoming_invite();
    request.headers.cseq.method = method.clone();
    request.method = method;
    request.headers.remove(&HeaderName::ContentType);
    request.body.clear();
    if let Some(body_type) = body_type {
        request.headers.push_raw(HeaderName::ContentType, body_type);
        request.body = b"body".to_vec();
    }
    request
}

/// What A answers to a request of which its application hears nothing.
fn answer_to(request: Request) -> Response {
    let mut pair = Pair::scripted();
    let method = request.method.clone();
    let is_invite = method == Method::Invite;
    let mut ack = request.clone();
    pair.deliver(A, &Message::Request(request));
    pair.no_events();
    let Some(Message::Response(response)) = pair.messages.last().cloned() else {
        panic!("no response");
    };
    assert_eq!(response.headers.cseq.method, method);
    assert!(response.headers.raw(&HeaderName::Server).next().is_some());
    if is_invite {
        ack.method = Method::Ack;
        ack.headers.cseq.method = Method::Ack;
        ack.headers.to = response.headers.to.clone();
        pair.deliver(A, &Message::Request(ack));
    }
    assert_eq!(pair.trace().len(), 1);
    pair.finish();
    response
}

fn header(response: &Response, name: &HeaderName) -> String {
    response
        .headers
        .raw(name)
        .map(|value| value.as_str())
        .collect::<Vec<_>>()
        .join("|")
}

#[test]
fn methods_that_are_not_served_are_not_allowed() {
    for method in [
        "REGISTER",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "REFER",
        "INFO",
        "DANCE",
    ] {
        let response = answer_to(stranger(Method::from_token(&method.into()), None));
        assert_eq!(response.status, Status::METHOD_NOT_ALLOWED, "{method}");
        let allow = header(&response, &HeaderName::Allow);
        assert_eq!(
            allow,
            "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
        );
        assert!(response.headers.to.tag().is_some());
    }
}

#[test]
fn options_tell_what_the_agent_can() {
    let response = answer_to(stranger(Method::Options, None));
    assert_eq!(response.status, Status::OK);
    let allow = header(&response, &HeaderName::Allow);
    assert_eq!(
        allow,
        "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
    );
    assert_eq!(header(&response, &HeaderName::Accept), "application/sdp");
    assert_eq!(response.headers.raw(&HeaderName::Supported).count(), 1);
}

#[test]
fn the_application_may_take_requests_for_itself() {
    let accepts = vec![Method::Options, Method::Publish];
    let link = Link::new(sidetone_sip::message::Transport::Ws);
    let mut pair = Pair::with(
        link,
        Config {
            accepts,
            ..config("a")
        },
        config("b"),
    );
    pair.link.is_scripted = true;
    for method in [Method::Options, Method::Publish] {
        let mut request = stranger(method.clone(), Some("text/plain"));
        request.headers.call_id = method.as_str().into();
        let branch = format!("z9hG4bK{method}");
        request.headers.via[0].params.set("branch", Some(&branch));
        pair.deliver(A, &Message::Request(request.clone()));
        let Event::RequestReceived {
            id,
            flow,
            request: received,
        } = pair.event(A)
        else {
            panic!("nothing received");
        };
        assert_eq!((flow, *received), (FLOW, request));
        pair.no_events();
        let answer = || Answer {
            status: Status::ACCEPTED,
            contacts: vec![address("sip:a@a.invalid")],
            headers: Vec::new(),
            body: None,
        };
        pair.command(A, |a, now| a.respond(now, id, answer()));
        let response = pair.last_response(202, &method);
        assert_eq!(response.headers.contact.list(), answer().contacts);
        let again = pair.try_command(A, |a, now| a.respond(now, id, answer()));
        assert_eq!(again, Err(sidetone_sip::CommandError::Gone));
    }
    pair.sent(&["A 202 OPTIONS", "A 202 PUBLISH"]);
    pair.finish();
}

#[test]
fn what_can_not_be_understood_is_refused_with_the_reason() {
    let mut request = stranger(Method::Invite, Some("application/sdp"));
    request
        .headers
        .push_raw(HeaderName::Require, "precondition, resource-priority");
    let response = answer_to(request);
    assert_eq!(response.status, Status::BAD_EXTENSION);
    assert_eq!(
        header(&response, &HeaderName::Unsupported),
        "precondition, resource-priority"
    );

    for body_type in [
        "text/plain",
        "multipart/mixed;boundary=x",
        "application/sdpx",
    ] {
        let response = answer_to(stranger(Method::Invite, Some(body_type)));
        assert_eq!(response.status, Status::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(header(&response, &HeaderName::Accept), "application/sdp");
    }
    let mut request = stranger(Method::Invite, Some("application/sdp"));
    request
        .headers
        .push_raw(HeaderName::ContentEncoding, "gzip");
    assert_eq!(answer_to(request).status, Status::UNSUPPORTED_MEDIA_TYPE);

    let mut request = stranger(Method::Invite, Some("application/sdp"));
    request.uri = uri("http://example.test/");
    assert_eq!(answer_to(request).status, Status::UNSUPPORTED_URI_SCHEME);
}

#[test]
fn the_last_hop_may_bring_a_call() {
    let mut pair = Pair::scripted();
    let invite = incoming_invite();
    assert_eq!(invite.headers.max_forwards, Some(0));
    pair.deliver(A, &Message::Request(invite.clone()));
    let callee = pair.incoming(A);
    pair.command(A, |a, now| {
        a.reject(now, callee, Status::BUSY_HERE, Vec::new())
    });
    pair.ended(A, callee);

    // A copy that came by another way, while the first is being served.
    let mut copy = invite;
    copy.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKanother"));
    pair.deliver(A, &Message::Request(copy));
    pair.no_events();
    pair.sent(&["A 486 INVITE", "A 482 INVITE"]);
    pair.finish();
}

#[test]
fn requests_of_unknown_dialogs_are_told_so() {
    for method in [
        Method::Bye,
        Method::Info,
        Method::Options,
        Method::Invite,
        Method::Notify,
    ] {
        let mut request = stranger(method, None);
        request.headers.to = request.headers.to.with_tag("nobody");
        let response = answer_to(request);
        assert_eq!(response.status, Status::CALL_DOES_NOT_EXIST);
        assert_eq!(response.headers.to.tag(), Some("nobody"));
    }
    let mut pair = Pair::scripted();
    let mut ack = stranger(Method::Ack, None);
    ack.headers.to = ack.headers.to.with_tag("nobody");
    pair.deliver(A, &Message::Request(ack));
    pair.finish();
}

#[test]
fn a_guess_at_a_dialog_does_not_end_it() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    let mut bye = in_dialog(&invite, Method::Bye, 1);
    bye.headers.from = bye.headers.from.with_tag("guessed");
    pair.deliver(A, &Message::Request(bye));
    pair.sent(&["A 481 BYE"]);
    scripted_end(pair, caller);
}

#[test]
fn requests_within_a_dialog_that_are_not_served() {
    let mut pair = Pair::scripted();
    let (caller, invite) = scripted_call(&mut pair);
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Options, 5)));
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Refer, 6)));
    assert_eq!(
        header(pair.last_response(405, &Method::Refer), &HeaderName::Allow),
        "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
    );
    let mut demanding = in_dialog(&invite, Method::Info, 7);
    demanding
        .headers
        .push_raw(HeaderName::Require, "precondition");
    pair.deliver(A, &Message::Request(demanding));
    // Out of order: RFC 3261 §12.2.2.
    pair.deliver(A, &Message::Request(in_dialog(&invite, Method::Bye, 4)));
    let mut unreadable = in_dialog(&invite, Method::Invite, 8);
    unreadable.headers.remove(&HeaderName::ContentType);
    unreadable
        .headers
        .push_raw(HeaderName::ContentType, "text/plain");
    pair.deliver(A, &Message::Request(unreadable.clone()));
    let mut ack = unreadable;
    ack.method = Method::Ack;
    ack.headers.cseq.method = Method::Ack;
    pair.deliver(A, &Message::Request(ack));
    pair.sent(&[
        "A 200 OPTIONS",
        "A 405 REFER",
        "A 420 INFO",
        "A 500 BYE",
        "A 415 INVITE",
    ]);
    pair.no_events();
    scripted_end(pair, caller);
}

#[test]
fn what_is_no_message_is_refused_or_dropped_and_counted() {
    let mut pair = Pair::scripted();
    let request = "OPTIONS sip:a@a.invalid SIP/2.0\n\
                   Via: SIP/2.0/WS b.invalid;branch=z9hG4bK1\n\
                   From: <sip:b@b.test>;tag=1\n\
                   To: <sip:a@a.test>\n\
                   Call-ID: 1\n\
                   CSeq: one OPTIONS\n\n";
    pair.receive(A, request);
    pair.sent(&["A 400 OPTIONS"]);
    for nonsense in [
        "nonsense",
        "SIP/2.0 200 OK\n\n",
        "ACK sip:a@a SIP/2.0\n\n",
        "\0\u{1}\n\n",
    ] {
        pair.receive(A, nonsense);
        pair.sent(&[]);
    }
    assert_eq!(
        pair.agent(A).counters(),
        Counters {
            refused: 1,
            dropped: 4
        }
    );
    pair.finish();
}

#[test]
fn responses_to_others_are_ignored() {
    let mut pair = Pair::scripted();
    let invite = pair.invitation();
    let caller = pair.command(A, |a, now| a.invite(now, invite));
    let request = pair.last_request(&Method::Invite).clone();
    let ok = pair.response(&request, 200, "b");

    let mut other_branch = ok.clone();
    other_branch.headers.via[0]
        .params
        .set("branch", Some("z9hG4bKguess"));
    let mut other_host = ok.clone();
    other_host.headers.via[0].host = Host::Name("c.invalid".into());
    let mut two_hops = ok.clone();
    two_hops.headers.via.push(ok.headers.via[0].clone());
    let mut other_method = ok;
    other_method.headers.cseq.method = Method::Options;
    for stray in [other_branch, other_host, two_hops, other_method] {
        pair.deliver(A, &Message::Response(stray));
    }
    pair.no_events();
    pair.answer(&Method::Invite, 600, "b");
    assert_eq!(pair.ended(A, caller).by, EndedBy::Refused);
    pair.sent(&["A INVITE", "A ACK"]);
    pair.finish();
}

#[test]
fn a_peer_without_a_branch_or_tags_is_served_as_well() {
    let mut pair = Pair::scripted();
    let mut invite = incoming_invite();
    invite.headers.via[0].params.remove("branch");
    invite.headers.from.params.remove("tag");
    let bytes = invite.to_bytes();
    if let Incoming::Refused(_) | Incoming::Dropped(_) = read_frame(&bytes, &Limits::default()) {
        panic!("the parser refuses it");
    }
    for _ in 0..2 {
        pair.input(
            A,
            Input::Received {
                flow: FLOW,
                bytes: bytes.clone(),
            },
        );
    }
    let callee = pair.incoming(A);
    pair.command(A, |a, now| {
        a.accept(now, callee, sidetone_sip::Body::sdp("answer"))
    });
    let to = pair.last_response(200, &Method::Invite).headers.to.clone();
    let mut ack = invite.clone();
    ack.headers.to = to.clone();
    ack.method = Method::Ack;
    ack.headers.cseq.method = Method::Ack;
    ack.headers.remove(&HeaderName::ContentType);
    ack.body.clear();
    pair.deliver(A, &Message::Request(ack.clone()));
    assert_eq!(pair.session_event(A, callee), SessionEvent::Confirmed);
    let mut bye = ack;
    bye.method = Method::Bye;
    bye.headers.cseq.method = Method::Bye;
    bye.headers.cseq.number += 1;
    pair.deliver(A, &Message::Request(bye));
    assert_eq!(pair.ended(A, callee).by, EndedBy::RemoteBye);
    pair.sent(&["A 200 INVITE", "A 200 BYE"]);
    pair.finish();
}

#[test]
fn calls_to_an_account_are_answered_with_its_contact() {
    use crate::harness::account;
    let mut pair = Pair::scripted();
    let id = pair.command(A, |a, now| a.add_account(now, account("x")));
    pair.event(A);
    pair.deliver(A, &Message::Request(incoming_invite()));
    let callee = pair.incoming(A);
    pair.command(A, |a, now| a.progress(now, callee, Status::RINGING, None));
    let contact = pair
        .last_response(180, &Method::Invite)
        .headers
        .contact
        .list()
        .to_vec();
    assert_eq!(contact, [address("sip:c0ffee@a.invalid")]);
    pair.command(A, |a, now| {
        a.reject(now, callee, Status::BUSY_HERE, Vec::new())
    });
    pair.ended(A, callee);
    pair.answer(&Method::Register, 403, "r");
    pair.event(A);
    pair.command(A, |a, now| a.remove_account(now, id));
    pair.event(A);
    pair.trace();
    pair.finish();
}
