//! Clients that speak for themselves, well and badly.

use std::time::Duration;

use sidetone_sip::auth::{
    Authorization, ProxyAuthorization, Secret, answer, challenges, strongest,
};
use sidetone_sip::message::HeaderName;
use sidetone_sip::{FlowId, Method, Response, Status, Text};

use super::bench::{Bench, audio};
use crate::exchange::{CallKey, Output};

/// A request outside of dialogs, as simple clients write it.
struct Ask<'a> {
    method: &'a str,
    uri: &'a str,
    from: &'a str,
    to: &'a str,
    cseq: u32,
    more: String,
    body: String,
}

impl Ask<'_> {
    /// As it is written by the client on `flow`.
    fn text(&self, flow: FlowId) -> String {
        let Self {
            method,
            uri,
            from,
            to,
            cseq,
            more,
            body,
        } = self;
        let FlowId(client) = flow;
        format!(
            "{method} {uri} SIP/2.0\n\
             Via: SIP/2.0/WS client{client}.invalid;branch=z9hG4bK{method}{cseq}\n\
             Max-Forwards: 69\n\
             To: <{to}>\n\
             From: <{from}>;tag=tag{cseq}\n\
             Call-ID: {client}-{method}\n\
             CSeq: {cseq} {method}\n\
             {more}Content-Length: {}\n\n{body}",
            body.replace('\n', "\r\n").len()
        )
    }
}

fn ask<'a>(method: &'a str, uri: &'a str) -> Ask<'a> {
    let (from, to) = ("sip:101@demo.local", "sip:101@demo.local");
    Ask {
        method,
        uri,
        from,
        to,
        cseq: 1,
        more: String::new(),
        body: String::new(),
    }
}

const CONTACT: &str = "Contact: <sip:k3v1n@client.invalid;transport=ws>;+sip.ice;reg-id=1;\
    +sip.instance=\"<urn:uuid:0b9ad2a5-9a64-4a4b-9d5b-4ee0a8d1bd5e>\";expires=600\n\
    Expires: 600\n\
    Supported: path,gruu,outbound\n\
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY\n\
    User-Agent: JsSIP 3.13.8\n";

fn register() -> Ask<'static> {
    Ask {
        more: CONTACT.into(),
        ..ask("REGISTER", "sip:demo.local")
    }
}

fn invite(from: &'static str) -> Ask<'static> {
    let body = String::from_utf8(audio("raw").bytes)
        .unwrap()
        .replace("\r\n", "\n");
    let more = "Contact: <sip:k3v1n@client.invalid;transport=ws>\nContent-Type: application/sdp\n";
    let to = "sip:600@demo.local";
    Ask {
        from,
        to,
        more: more.into(),
        body,
        ..ask("INVITE", "sip:600@demo.local")
    }
}

/// The only response to a request.
fn told(bench: &mut Bench, flow: FlowId, ask: &Ask) -> Response {
    bench.send(flow, &ask.text(flow));
    let mut responses = bench.responses(flow);
    assert_eq!(responses.len(), 1, "{responses:?}");
    responses.remove(0)
}

/// The same request again, with the answer to the challenge in `response`.
fn with_digest<'a>(ask: Ask<'a>, response: &Response, user: &str, password: &str) -> Ask<'a> {
    let proxy = response.status == Status::PROXY_AUTHENTICATION_REQUIRED;
    let name = if proxy {
        HeaderName::ProxyAuthenticate
    } else {
        HeaderName::WwwAuthenticate
    };
    let offered = challenges(&response.headers, &name);
    let challenge = strongest(&offered).unwrap();
    let method = Method::from_token(&Text::from(ask.method));
    let secret = Secret::new(password);
    let credentials = answer(challenge, user, &secret, &method, ask.uri, "cnonce", 1).unwrap();
    let line = match proxy {
        true => format!("Proxy-Authorization: {}\n", ProxyAuthorization(credentials)),
        false => format!("Authorization: {}\n", Authorization(credentials)),
    };
    Ask {
        cseq: ask.cseq + 1,
        more: ask.more + &line,
        ..ask
    }
}

/// A client that is registered as 101.
fn registered(bench: &mut Bench) -> FlowId {
    let flow = bench.client();
    let challenge = told(bench, flow, &register());
    let granted = told(
        bench,
        flow,
        &with_digest(register(), &challenge, "101", "demo-101"),
    );
    assert_eq!(granted.status, Status::OK);
    flow
}

fn values(response: &Response, name: HeaderName) -> Vec<String> {
    response.headers.raw(&name).map(|v| v.to_string()).collect()
}

#[test]
fn a_standard_client_registers() {
    let mut bench = Bench::new();
    let flow = bench.client();
    let challenge = told(&mut bench, flow, &register());
    assert_eq!(challenge.status, Status::UNAUTHORIZED);
    let offered = values(&challenge, HeaderName::WwwAuthenticate);
    assert_eq!(offered.len(), 2);
    assert!(offered[0].contains("algorithm=SHA-256"), "{}", offered[0]);
    assert!(offered[1].contains("algorithm=MD5"), "{}", offered[1]);
    let granted = told(
        &mut bench,
        flow,
        &with_digest(register(), &challenge, "101", "demo-101"),
    );
    assert_eq!(granted.status, Status::OK);
    let contacts = granted.headers.contact.list();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].uri.user().as_deref(), Some("k3v1n"));
    assert_eq!(contacts[0].params.value("expires"), Some("600"));
    let instance = "<urn:uuid:0b9ad2a5-9a64-4a4b-9d5b-4ee0a8d1bd5e>";
    assert_eq!(contacts[0].params.value("+sip.instance"), Some(instance));
    assert_eq!(values(&granted, HeaderName::Require), [""; 0]);
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut bench = Bench::new();
    let flow = bench.client();
    let for_bob = || Ask {
        to: "sip:102@demo.local",
        ..register()
    };
    let challenge = told(&mut bench, flow, &for_bob());
    assert_eq!(challenge.status, Status::UNAUTHORIZED);
    let refused = told(
        &mut bench,
        flow,
        &with_digest(for_bob(), &challenge, "101", "demo-101"),
    );
    assert_eq!(refused.status, Status::FORBIDDEN);
    assert_eq!(bench.exchange.snapshot().registered, 0);
}

#[test]
fn registrations_have_bounds() {
    let table = [
        (
            register().more.replace("600", "30"),
            Status::INTERVAL_TOO_BRIEF,
        ),
        ("Contact: *\n".into(), Status::BAD_REQUEST),
        ("Contact: <tel:101>\n".into(), Status::BAD_REQUEST),
        ("Require: outbound\n".into(), Status::BAD_EXTENSION),
        ("Contact: *\nExpires: 0\n".into(), Status::OK),
        (String::new(), Status::OK),
    ];
    for (more, expected) in table {
        let mut bench = Bench::new();
        let flow = bench.client();
        let asked = || Ask {
            more: more.clone(),
            ..register()
        };
        let mut response = told(&mut bench, flow, &asked());
        if response.status == Status::UNAUTHORIZED {
            let again = with_digest(asked(), &response, "101", "demo-101");
            response = told(&mut bench, flow, &again);
        }
        assert_eq!(response.status, expected, "{more}");
        let least = if expected == Status::INTERVAL_TOO_BRIEF {
            vec!["60"]
        } else {
            vec![]
        };
        assert_eq!(values(&response, HeaderName::MinExpires), least);
        let unknown = if expected == Status::BAD_EXTENSION {
            vec!["outbound"]
        } else {
            vec![]
        };
        assert_eq!(values(&response, HeaderName::Unsupported), unknown);
        assert_eq!(bench.exchange.snapshot().registered, 0);
    }
}

#[test]
fn a_foreign_domain_is_not_registered_here() {
    let mut bench = Bench::new();
    let flow = bench.client();
    let foreign = Ask {
        uri: "sip:elsewhere.example",
        ..register()
    };
    assert_eq!(told(&mut bench, flow, &foreign).status, Status::NOT_FOUND);
    let foreign = Ask {
        to: "sip:101@elsewhere.example",
        cseq: 2,
        ..register()
    };
    assert_eq!(told(&mut bench, flow, &foreign).status, Status::NOT_FOUND);
}

#[test]
fn a_call_needs_a_digest_or_a_registration() {
    let mut bench = Bench::new();
    let flow = bench.client();
    let from_alice = || invite("sip:101@demo.local");
    let challenge = told(&mut bench, flow, &from_alice());
    assert_eq!(challenge.status, Status::PROXY_AUTHENTICATION_REQUIRED);
    assert_eq!(bench.outputs(), []);
    bench.send(
        flow,
        &with_digest(from_alice(), &challenge, "101", "demo-101").text(flow),
    );
    assert!(matches!(
        bench.outputs()[..],
        [Output::StartService {
            call: CallKey(1),
            ..
        }]
    ));

    let flow = registered(&mut bench);
    bench.send(flow, &from_alice().text(flow));
    assert!(matches!(
        bench.outputs()[..],
        [Output::StartService {
            call: CallKey(2),
            ..
        }]
    ));
}

#[test]
fn from_must_be_true() {
    let mut bench = Bench::new();
    let flow = bench.client();
    // With the digest of somebody else.
    let as_bob = || invite("sip:102@demo.local");
    let challenge = told(&mut bench, flow, &as_bob());
    assert_eq!(challenge.status, Status::PROXY_AUTHENTICATION_REQUIRED);
    let refused = told(
        &mut bench,
        flow,
        &with_digest(as_bob(), &challenge, "101", "demo-101"),
    );
    assert_eq!(refused.status, Status::FORBIDDEN);
    // From a foreign domain.
    let foreign = Ask {
        cseq: 9,
        ..invite("sip:101@elsewhere.example")
    };
    assert_eq!(told(&mut bench, flow, &foreign).status, Status::FORBIDDEN);
    // Over the flow of somebody else.
    let flow = registered(&mut bench);
    assert_eq!(told(&mut bench, flow, &as_bob()).status, Status::FORBIDDEN);
    assert_eq!(bench.outputs(), []);
}

#[test]
fn a_call_needs_a_digest_again_after_signing_out() {
    let mut bench = Bench::new();
    let flow = registered(&mut bench);
    let sign_out = || Ask {
        more: "Contact: *\nExpires: 0\n".into(),
        cseq: 10,
        ..register()
    };
    let challenge = told(&mut bench, flow, &sign_out());
    let done = told(
        &mut bench,
        flow,
        &with_digest(sign_out(), &challenge, "101", "demo-101"),
    );
    assert_eq!(done.status, Status::OK);
    let response = told(&mut bench, flow, &invite("sip:101@demo.local"));
    assert_eq!(response.status, Status::PROXY_AUTHENTICATION_REQUIRED);
}

#[test]
fn who_guesses_loses_the_connection() {
    let mut bench = Bench::new();
    let flow = bench.client();
    let bob = bench.phone("102");
    let mut challenge = told(&mut bench, flow, &register());
    for n in 1..=10 {
        assert_eq!(bench.outputs(), [], "guess {n}");
        let guess = Ask {
            cseq: 10 * n,
            ..register()
        };
        challenge = told(
            &mut bench,
            flow,
            &with_digest(guess, &challenge, "101", "guess"),
        );
        assert_eq!(challenge.status, Status::UNAUTHORIZED);
    }
    assert_eq!(bench.outputs(), [Output::CloseFlow { flow }]);
    bench.send(flow, &ask("OPTIONS", "sip:demo.local").text(flow));
    assert_eq!(bench.responses(flow), []);
    bench.call(bob, "199");
    assert_eq!(bench.heard(bob), ["ended Refused 404"]);
}

#[test]
fn every_method_has_an_answer() {
    let table = [
        ("OPTIONS", Status::OK),
        ("MESSAGE", Status::METHOD_NOT_ALLOWED),
        ("REFER", Status::METHOD_NOT_ALLOWED),
        ("SUBSCRIBE", Status::METHOD_NOT_ALLOWED),
        ("PUBLISH", Status::METHOD_NOT_ALLOWED),
        ("NOTIFY", Status::METHOD_NOT_ALLOWED),
        ("BYE", Status::METHOD_NOT_ALLOWED),
        ("INFO", Status::METHOD_NOT_ALLOWED),
        ("UPDATE", Status::METHOD_NOT_ALLOWED),
        ("FOO", Status::METHOD_NOT_ALLOWED),
        ("CANCEL", Status::CALL_DOES_NOT_EXIST),
    ];
    let mut bench = Bench::new();
    let flow = registered(&mut bench);
    for (method, expected) in table {
        let response = told(&mut bench, flow, &ask(method, "sip:101@demo.local"));
        assert_eq!(response.status, expected, "{method}");
        let allowed = !values(&response, HeaderName::Allow).is_empty();
        let must = [Status::OK, Status::METHOD_NOT_ALLOWED].contains(&expected);
        assert!(allowed || !must, "{method}: {response:?}");
    }
}

#[test]
fn rubbish_disturbs_nobody() {
    let rubbish: [&[u8]; 8] = [
        b"",
        b"hello",
        b"\x00\xff\xfe\x80",
        b"INVITE\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:102@demo.local SIP/2.0\r\nVia: SIP/2.0/WS x;branch=z9hG4bKx\r\n\r\n",
        b"REGISTER sip:demo.local SIP/2.0\r\nFrom: <sip:\r\nTo: >\r\nCSeq: x\r\nCall-ID:\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/WS sidetone.invalid;branch=z9hG4bKnever\r\nFrom: <sip:a@b>\r\n\
          To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
    ];
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, _] = bench.talk(alice, bob, "102");
    let bad = bench.client();
    for bytes in rubbish {
        bench.send_bytes(bad, bytes.to_vec());
    }
    let refusals = bench.responses(bad);
    assert!(
        refusals.iter().all(|r| r.status == Status::BAD_REQUEST),
        "{refusals:?}"
    );
    assert_eq!(bench.outputs(), []);
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(bob), ["ended RemoteBye"]);
}

#[test]
fn a_shutdown_waits_until_the_phones_have_heard_of_it() {
    let mut bench = Bench::new();
    let flow = registered(&mut bench);
    let idle = bench.client();
    bench.send(flow, &invite("sip:101@demo.local").text(flow));
    bench.outputs();
    bench.exchange.handle_shutdown(bench.now);
    bench.settle();
    let call = CallKey(1);
    assert_eq!(bench.outputs(), [Output::StopService { call }]);
    assert_eq!(bench.responses(flow)[0].status, Status::SERVICE_UNAVAILABLE);
    assert!(!bench.exchange.is_quiet());
    bench.send(idle, "\n");
    assert!(!bench.exchange.is_quiet());
    bench.send(flow, "\n");
    assert!(bench.exchange.is_quiet());
}

#[test]
fn who_floods_is_closed_and_who_talks_steadily_is_not() {
    let mut bench = Bench::new();
    let (steady, flooder) = (bench.client(), bench.client());
    for _ in 0..2_000 {
        bench.send(steady, "hello");
        bench.advance(Duration::from_millis(5));
    }
    for _ in 0..1_000 {
        bench.send(flooder, "hello");
    }
    assert_eq!(bench.outputs(), []);
    bench.send(flooder, "hello");
    assert_eq!(bench.outputs(), [Output::CloseFlow { flow: flooder }]);
    assert_eq!(bench.exchange.snapshot().flows, 1);
}

#[test]
fn a_flow_that_is_gone_is_not_heard() {
    let mut bench = Bench::new();
    let flow = bench.client();
    bench.exchange.handle_flow_closed(bench.now, flow);
    bench.send(flow, &ask("OPTIONS", "sip:demo.local").text(flow));
    assert_eq!(bench.responses(flow), []);
}
