use std::time::Duration;

use sidetone_sip::message::{HeaderName, Reason};
use sidetone_sip::{Body, Message, Request, Status};

use super::bench::{Bench, PhoneId, audio};
use crate::call::reason;

const ELSEWHERE: &str = "ended RemoteCancel SIP;cause=200;text=\"Call completed elsewhere\"";

fn invite_to(bench: &mut Bench, phone: PhoneId) -> Request {
    let invites = bench
        .received(phone)
        .into_iter()
        .filter_map(|message| match message {
            Message::Request(request) if request.method == sidetone_sip::Method::Invite => {
                Some(request)
            }
            _ => None,
        });
    invites.last().unwrap()
}

fn reject(bench: &mut Bench, phone: PhoneId, status: Status) {
    let session = bench.incoming(phone);
    bench
        .command(phone, |ua, now| ua.reject(now, session, status, Vec::new()))
        .unwrap();
}

pub(super) fn offer(
    bench: &mut Bench,
    phone: PhoneId,
    session: sidetone_sip::SessionId,
    name: &str,
) {
    bench
        .command(phone, |ua, now| ua.offer(now, session, audio(name)))
        .unwrap();
}

#[test]
fn a_call_from_a_to_b_and_its_end() {
    for caller_hangs_up in [true, false] {
        let mut bench = Bench::new();
        let (alice, bob) = (bench.phone("101"), bench.phone("102"));
        let out = bench.call(alice, "102");
        assert_eq!(bench.heard(bob), ["incoming"]);
        assert_eq!(bench.heard(alice), [""; 0]);
        assert_eq!(bench.exchange.snapshot().ringing, 1);
        bench.ring(bob);
        assert_eq!(bench.heard(alice), ["180"]);
        bench.answer(bob, "answer");
        assert_eq!(bench.heard(alice), ["accepted answer"]);
        assert_eq!(bench.heard(bob), ["confirmed"]);
        assert_eq!(bench.exchange.snapshot().up, 1);
        let into = bench.incoming(bob);
        let (by, session, other) = if caller_hangs_up {
            (alice, out, bob)
        } else {
            (bob, into, alice)
        };
        bench.hang_up(by, session);
        assert_eq!(bench.heard(by), ["ended Local"]);
        assert_eq!(bench.heard(other), ["ended RemoteBye"]);
        assert_eq!(bench.exchange.snapshot().calls_total, 1);
        leave(&mut bench);
    }
}

/// Everybody signs out, so that nothing may be left.
pub(super) fn leave(bench: &mut Bench) {
    for flow in 1..10 {
        bench
            .exchange
            .handle_flow_closed(bench.now, sidetone_sip::FlowId(flow));
        bench.settle();
    }
    bench.assert_quiet();
}

#[test]
fn the_called_see_who_calls_and_descriptions_pass_untouched() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.received(bob);
    bench.call(alice, "102");
    let invite = invite_to(&mut bench, bob);
    // The phone calls itself "The Queen".
    let from = invite.headers.from.clone();
    assert_eq!(from.display_name.as_deref(), Some("Alice"));
    assert_eq!(from.uri.to_string(), "sip:101@demo.local");
    let identities: Vec<&str> = invite
        .headers
        .raw(&HeaderName::PAssertedIdentity)
        .map(|v| v.as_str())
        .collect();
    assert_eq!(identities, ["\"Alice\" <sip:101@demo.local>"]);
    assert_eq!(
        invite.uri.to_string(),
        "sip:102-1@phone1.invalid;transport=ws"
    );
    assert_eq!(invite.headers.to.uri.to_string(), "sip:102@demo.local");
    assert_eq!(invite.body, audio("offer").bytes);
    bench.answer(bob, "answer");
    let answers = bench
        .received(alice)
        .into_iter()
        .filter_map(|message| match message {
            Message::Response(response) if response.status == Status::OK => Some(response.body),
            _ => None,
        });
    assert_eq!(answers.last(), Some(audio("answer").bytes));
}

#[test]
fn all_phones_ring_and_the_first_answer_wins() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.call(alice, "102");
    bench.ring(desk);
    bench.ring(mobile);
    assert_eq!(bench.heard(alice), ["180"]);
    bench.answer(mobile, "mobile");
    assert_eq!(bench.heard(alice), ["accepted mobile"]);
    assert_eq!(bench.heard(mobile), ["incoming", "confirmed"]);
    assert_eq!(bench.heard(desk), ["incoming", ELSEWHERE]);
    assert_eq!(bench.exchange.snapshot().up, 1);
}

#[test]
fn a_phone_that_has_not_rung_yet_is_cancelled_as_well() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.call(alice, "102");
    bench.answer(mobile, "mobile");
    bench.heard(mobile);
    // RFC 3261 §9.1: a CANCEL waits for the first provisional response.
    assert_eq!(bench.heard(desk), ["incoming"]);
    bench.ring(desk);
    assert_eq!(bench.heard(desk), [ELSEWHERE]);
    assert_eq!(bench.heard(alice), ["accepted mobile"]);
}

#[test]
fn busy_everywhere_is_busy() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.call(alice, "102");
    reject(&mut bench, desk, Status::BUSY_HERE);
    assert_eq!(bench.heard(alice), [""; 0]);
    reject(&mut bench, mobile, Status::BUSY_HERE);
    assert_eq!(bench.heard(alice), ["ended Refused 486"]);
    for phone in [desk, mobile] {
        assert_eq!(bench.heard(phone), ["incoming", "ended Local 486"]);
    }
    leave(&mut bench);
}

#[test]
fn a_decline_on_one_phone_stops_the_others() {
    let mut bench = Bench::new();
    let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
    bench.call(alice, "102");
    bench.ring(mobile);
    reject(&mut bench, desk, Status::DECLINE);
    assert_eq!(bench.heard(alice), ["180", "ended Refused 603"]);
    let declined = "ended RemoteCancel SIP;cause=603;text=\"Declined elsewhere\"";
    assert_eq!(bench.heard(mobile), ["incoming", declined]);
    bench.heard(desk);
    leave(&mut bench);
}

#[test]
fn nobody_there_and_nobody_known() {
    let table = [
        ("sip:102@demo.local", "ended Refused 480"),
        ("sip:199@demo.local", "ended Refused 404"),
        ("sip:102@elsewhere.example", "ended Refused 404"),
        ("mailto:102@demo.local", "ended Refused 416"),
        ("sip:101@demo.local", "ended Refused 486"),
        ("sip:101@phones.example", "ended Refused 486"),
    ];
    let mut bench = Bench::new();
    let alice = bench.phone("101");
    for (uri, expected) in table {
        bench.try_call(alice, uri, Some(audio("offer")));
        assert_eq!(bench.heard(alice), [expected], "{uri}");
    }
    assert_eq!(bench.exchange.snapshot().calls_total, 0);
    leave(&mut bench);
}

#[test]
fn an_invite_must_offer_audio() {
    let video = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/SAVPF 96\r\n";
    let text = Body {
        content_type: "text/plain".into(),
        bytes: b"m=audio 9 RTP/AVP 0".to_vec(),
    };
    let table = [
        (None, "ended Refused 488"),
        (Some(Body::sdp(video)), "ended Refused 488"),
        (Some(text), "ended Refused 415"),
    ];
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    for (body, expected) in table {
        bench.try_call(alice, "sip:102@demo.local", body);
        assert_eq!(bench.heard(alice), [expected]);
        assert_eq!(bench.heard(bob), [""; 0]);
    }
    let warnings: Vec<String> = bench
        .received(alice)
        .iter()
        .flat_map(|m| {
            m.headers()
                .raw(&HeaderName::Warning)
                .map(|w| w.to_string())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        warnings,
        [
            "399 sidetone \"the INVITE must hold a session description\"",
            "304 sidetone \"the offer holds no audio\"",
        ]
    );
}

#[test]
fn nobody_answers_in_time() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    bench.call(alice, "102");
    bench.ring(bob);
    bench.advance(Duration::from_millis(29_999));
    assert_eq!(bench.heard(alice), ["180"]);
    bench.advance(Duration::from_millis(1));
    let no_answer = "Q.850;cause=19;text=\"No answer\"";
    assert_eq!(
        bench.heard(alice),
        [format!("ended Refused 480 {no_answer}")]
    );
    assert_eq!(
        bench.heard(bob),
        [
            "incoming".to_owned(),
            format!("ended RemoteCancel {no_answer}")
        ]
    );
    leave(&mut bench);
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let why = Some(reason(487, "Found him"));
    let table: [(Option<Reason>, &str); 2] = [
        (None, "ended RemoteCancel"),
        (why, "ended RemoteCancel SIP;cause=487;text=\"Found him\""),
    ];
    for (reason, expected) in table {
        let mut bench = Bench::new();
        let (alice, desk, mobile) = (bench.phone("101"), bench.phone("102"), bench.phone("102"));
        let session = bench.call(alice, "102");
        bench.ring(desk);
        bench.ring(mobile);
        bench
            .command(alice, |ua, now| ua.end(now, session, reason))
            .unwrap();
        assert_eq!(bench.heard(alice), ["180", "ended Local"]);
        assert_eq!(bench.heard(desk), ["incoming", expected]);
        assert_eq!(bench.heard(mobile), ["incoming", expected]);
        leave(&mut bench);
    }
}

#[test]
fn who_calls_the_own_number_reaches_the_other_phones() {
    let mut bench = Bench::new();
    let (desk, mobile) = (bench.phone("101"), bench.phone("101"));
    bench.talk(desk, mobile, "101");
    assert_eq!(bench.exchange.snapshot().up, 1);
}

#[test]
fn holds_and_keys_pass_both_ways() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, into] = bench.talk(alice, bob, "102");
    for (from, session, to, other) in [(alice, out, bob, into), (bob, into, alice, out)] {
        offer(&mut bench, from, session, "hold");
        assert_eq!(bench.heard(to), ["offer hold"]);
        bench
            .command(to, |ua, now| ua.answer_offer(now, other, audio("held")))
            .unwrap();
        assert_eq!(bench.heard(from), ["offer answered held"]);
        offer(&mut bench, from, session, "video");
        assert_eq!(bench.heard(to), ["offer video"]);
        let status = Status::NOT_ACCEPTABLE_HERE;
        bench
            .command(to, |ua, now| ua.reject_offer(now, other, status))
            .unwrap();
        assert_eq!(bench.heard(from), ["offer refused 488"]);
        let key = Body {
            content_type: "application/dtmf-relay".into(),
            bytes: b"Signal=5".to_vec(),
        };
        bench
            .command(from, |ua, now| ua.info(now, session, key))
            .unwrap();
        assert_eq!(bench.heard(to), ["info Signal=5"]);
        assert_eq!(bench.heard(from), [""; 0]);
    }
    bench.hang_up(alice, out);
    assert_eq!(bench.heard(bob), ["ended RemoteBye"]);
    bench.heard(alice);
    leave(&mut bench);
}

#[test]
fn an_offer_that_is_taken_back_is_taken_back_on_the_other_leg() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.phone("101"), bench.phone("102"));
    let [out, into] = bench.talk(alice, bob, "102");
    offer(&mut bench, alice, out, "video");
    assert_eq!(bench.heard(bob), ["offer video"]);
    bench.advance(Duration::from_millis(300));
    bench
        .command(alice, |ua, now| ua.withdraw_offer(now, out))
        .unwrap();
    assert_eq!(bench.heard(bob), ["offer withdrawn"]);
    assert_eq!(bench.heard(alice), ["offer refused 487"]);
    offer(&mut bench, bob, into, "hold");
    assert_eq!(bench.heard(alice), ["offer hold"]);
    bench
        .command(alice, |ua, now| ua.answer_offer(now, out, audio("held")))
        .unwrap();
    assert_eq!(bench.heard(bob), ["offer answered held"]);
    bench.hang_up(alice, out);
    bench.heard(alice);
    bench.heard(bob);
    leave(&mut bench);
}

#[test]
fn an_extension_has_so_many_calls_at_once() {
    let mut bench = Bench::with(|config| config.calls_per_extension = 1);
    let (alice, bob, carol) = (bench.phone("101"), bench.phone("102"), bench.phone("103"));
    bench.talk(alice, bob, "102");
    bench.call(alice, "103");
    assert_eq!(bench.heard(alice), ["ended Refused 503"]);
    bench.call(carol, "102");
    assert_eq!(bench.heard(carol), ["ended Refused 486"]);
    assert_eq!(bench.heard(bob), [""; 0]);
}

#[test]
fn a_shutdown_says_goodbye() {
    let mut bench = Bench::new();
    let (alice, bob, carol) = (bench.phone("101"), bench.phone("102"), bench.phone("103"));
    bench.talk(alice, bob, "102");
    bench.call(carol, "102");
    assert_eq!(bench.heard(bob), ["incoming"]);
    bench.ring(bob);
    assert_eq!(bench.heard(carol), ["180"]);
    bench.received(carol);
    bench.exchange.handle_shutdown(bench.now);
    bench.settle();
    let why = "SIP;cause=503;text=\"The gateway restarts\"";
    assert_eq!(bench.heard(alice), [format!("ended RemoteBye {why}")]);
    let mut heard = bench.heard(bob);
    heard.sort();
    assert_eq!(
        heard,
        [
            format!("ended RemoteBye {why}"),
            format!("ended RemoteCancel {why}")
        ]
    );
    assert_eq!(bench.heard(carol), [format!("ended Refused 503 {why}")]);
    let refusal = bench.received(carol).pop().unwrap();
    let retry: Vec<&str> = refusal
        .headers()
        .raw(&HeaderName::RetryAfter)
        .map(|v| v.as_str())
        .collect();
    assert_eq!(retry, ["5"]);
    assert!(bench.exchange.is_quiet());
    bench.call(alice, "102");
    assert_eq!(bench.heard(alice), ["ended Refused 503"]);
    leave(&mut bench);
}
