use super::*;

const A: Leg = Leg::Caller;
const B: Leg = Leg::Callee(0);
const C: Leg = Leg::Callee(1);

fn sdp(text: &str) -> Body {
    Body::sdp(text)
}

fn rings(status: Status) -> LegEvent {
    LegEvent::Progress { status, body: None }
}

fn answers(text: &str) -> LegEvent {
    LegEvent::Accepted {
        body: Some(sdp(text)),
    }
}

fn refuses(status: Status) -> LegEvent {
    LegEvent::Refused(Refusal::new(status))
}

fn gone() -> LegEvent {
    LegEvent::Ended { reason: None }
}

fn end(leg: Leg, reason: Option<Reason>) -> Action {
    Action::End { leg, reason }
}

fn reject(status: Status) -> Action {
    Action::Reject {
        status,
        headers: Vec::new(),
    }
}

fn up() -> Call {
    let mut call = Call::new(1);
    assert_eq!(
        call.handle(B, answers("answer")),
        [Action::Accept {
            body: sdp("answer")
        }]
    );
    assert!(call.is_up());
    call
}

#[test]
fn one_phone_rings_and_answers() {
    let mut call = Call::new(1);
    let ringing = Action::Progress {
        status: Status::RINGING,
        body: None,
    };
    assert_eq!(call.handle(B, rings(Status::RINGING)), [ringing]);
    assert_eq!(call.handle(B, rings(Status::RINGING)), []);
    assert_eq!(
        call.handle(B, answers("answer")),
        [Action::Accept {
            body: sdp("answer")
        }]
    );
    assert_eq!(call.handle(B, gone()), [end(A, None)]);
    assert!(!call.is_gone());
    assert_eq!(call.handle(A, gone()), []);
    assert!(call.is_gone());
}

#[test]
fn early_media_passes_from_a_single_phone_only() {
    let early = || LegEvent::Progress {
        status: Status::SESSION_PROGRESS,
        body: Some(sdp("early")),
    };
    let told = |body| Action::Progress {
        status: Status::SESSION_PROGRESS,
        body,
    };
    assert_eq!(Call::new(1).handle(B, early()), [told(Some(sdp("early")))]);
    assert_eq!(Call::new(2).handle(B, early()), [told(None)]);
}

#[test]
fn the_first_answer_wins_and_the_others_hear_of_it() {
    let mut call = Call::new(2);
    let elsewhere = Some(reason(200, "Call completed elsewhere"));
    let won = [Action::Accept { body: sdp("c") }, end(B, elsewhere.clone())];
    assert_eq!(call.handle(C, answers("c")), won);
    // The other phone answered before its CANCEL came.
    assert_eq!(call.handle(B, answers("b")), [end(B, elsewhere)]);
    assert_eq!(call.handle(B, gone()), []);
    assert!(call.is_up());
}

#[test]
fn the_best_refusal_is_passed_on_when_none_is_left() {
    let table = [
        (Status::BUSY_HERE, Status::BUSY_HERE, Status::BUSY_HERE),
        (
            Status::TEMPORARILY_UNAVAILABLE,
            Status::BUSY_HERE,
            Status::BUSY_HERE,
        ),
        (
            Status::BUSY_HERE,
            Status::SERVER_INTERNAL_ERROR,
            Status::BUSY_HERE,
        ),
        (
            Status::NOT_ACCEPTABLE_HERE,
            Status::NOT_FOUND,
            Status::NOT_ACCEPTABLE_HERE,
        ),
        (
            Status::REQUEST_TIMEOUT,
            Status::REQUEST_TIMEOUT,
            Status::TEMPORARILY_UNAVAILABLE,
        ),
        (
            Status::MOVED_TEMPORARILY,
            Status::NOT_FOUND,
            Status::TEMPORARILY_UNAVAILABLE,
        ),
        (
            Status::SERVICE_UNAVAILABLE,
            Status::SERVICE_UNAVAILABLE,
            Status::TEMPORARILY_UNAVAILABLE,
        ),
    ];
    for (first, second, told) in table {
        let mut call = Call::new(2);
        assert_eq!(call.handle(B, refuses(first)), []);
        assert_eq!(
            call.handle(C, refuses(second)),
            [reject(told)],
            "{first} and {second}"
        );
        assert_eq!(call.handle(A, gone()), []);
        assert!(call.is_gone());
    }
}

#[test]
fn a_refusal_keeps_its_reasons_and_its_retry_after() {
    let mut refusal = Refusal::new(Status::BUSY_HERE);
    refusal.reasons.push(reason(486, "In a meeting"));
    refusal.retry_after = Some(std::time::Duration::from_secs(90));
    let (status, headers) = refusal.into_response();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|h| (h.name.as_str(), h.value.as_str()))
        .collect();
    assert_eq!(status, Status::BUSY_HERE);
    assert_eq!(
        headers,
        [
            ("Reason", "SIP;cause=486;text=\"In a meeting\""),
            ("Retry-After", "90")
        ]
    );
}

#[test]
fn a_decline_ends_the_ringing_everywhere() {
    let mut call = Call::new(2);
    let declined = Some(reason(603, "Declined elsewhere"));
    assert_eq!(
        call.handle(B, refuses(Status::DECLINE)),
        [reject(Status::DECLINE), end(C, declined)]
    );
    assert_eq!(call.handle(C, refuses(Status::REQUEST_TERMINATED)), []);
    assert_eq!(call.handle(A, gone()), []);
    assert!(call.is_gone());
}

#[test]
fn a_cancel_reaches_every_phone_with_its_reason() {
    let mut call = Call::new(2);
    let why = Some(reason(487, "Changed my mind"));
    let cancelled = LegEvent::Ended {
        reason: why.clone(),
    };
    assert_eq!(
        call.handle(A, cancelled),
        [end(B, why.clone()), end(C, why)]
    );
    // An answer that crosses the CANCEL is released at once.
    let elsewhere = Some(reason(200, "Call completed elsewhere"));
    assert_eq!(call.handle(B, answers("late")), [end(B, elsewhere)]);
    assert_eq!(call.handle(B, gone()), []);
    assert_eq!(call.handle(C, refuses(Status::REQUEST_TERMINATED)), []);
    assert!(call.is_gone());
}

#[test]
fn nobody_answers_in_time() {
    let mut call = Call::new(1);
    let why = Reason {
        protocol: "Q.850".into(),
        cause: Some(19),
        text: Some("No answer".into()),
    };
    let headers = vec![RawHeader {
        name: sidetone_sip::message::HeaderName::Reason,
        value: "Q.850;cause=19;text=\"No answer\"".into(),
    }];
    let told = Action::Reject {
        status: Status::TEMPORARILY_UNAVAILABLE,
        headers,
    };
    assert_eq!(call.handle_no_answer(), [told, end(B, Some(why))]);
    assert_eq!(call.handle_no_answer(), []);
    assert_eq!(up().handle_no_answer(), []);
}

#[test]
fn a_phone_that_vanishes_while_ringing_is_as_good_as_away() {
    let mut call = Call::new(2);
    assert_eq!(call.handle(B, gone()), []);
    assert_eq!(
        call.handle(C, gone()),
        [reject(Status::TEMPORARILY_UNAVAILABLE)]
    );
}

#[test]
fn an_answer_without_description_is_no_answer() {
    let mut call = Call::new(1);
    let why = Some(reason(488, "Answered without a session description"));
    let expected = [end(B, why), reject(Status::NOT_ACCEPTABLE_HERE)];
    assert_eq!(call.handle(B, LegEvent::Accepted { body: None }), expected);
}

#[test]
fn offers_and_their_answers_pass_both_ways() {
    let mut call = up();
    for (from, to) in [(A, B), (B, A)] {
        let offer = LegEvent::Offer {
            body: Some(sdp("hold")),
        };
        assert_eq!(
            call.handle(from, offer),
            [Action::Offer {
                leg: to,
                body: sdp("hold")
            }]
        );
        let answer = LegEvent::OfferAnswered {
            body: Some(sdp("held")),
        };
        assert_eq!(
            call.handle(to, answer),
            [Action::AnswerOffer {
                leg: from,
                body: sdp("held")
            }]
        );
        let status = Status::NOT_ACCEPTABLE_HERE;
        let refused = [Action::RejectOffer { leg: from, status }];
        assert_eq!(call.handle(to, LegEvent::OfferRefused { status }), refused);
        let refused = [Action::RejectOffer { leg: from, status }];
        assert_eq!(call.handle(from, LegEvent::Offer { body: None }), refused);
        assert_eq!(
            call.handle(from, LegEvent::OfferWithdrawn),
            [Action::WithdrawOffer { leg: to }]
        );
        let key = LegEvent::Info {
            body: Some(sdp("Signal=5")),
        };
        assert_eq!(
            call.handle(from, key),
            [Action::Info {
                leg: to,
                body: sdp("Signal=5")
            }]
        );
    }
}

#[test]
fn a_hang_up_passes_its_reason_on() {
    let why = Some(reason(200, "Transferred"));
    assert_eq!(
        up().handle(
            A,
            LegEvent::Ended {
                reason: why.clone()
            }
        ),
        [end(B, why.clone())]
    );
    assert_eq!(
        up().handle(
            B,
            LegEvent::Ended {
                reason: why.clone()
            }
        ),
        [end(A, why)]
    );
}

#[test]
fn a_phone_that_stays_away_ends_the_call() {
    let why = Some(reason(480, "The connection was lost"));
    let mut call = up();
    assert_eq!(call.handle_abandoned(A), [end(A, why.clone()), end(B, why)]);
    assert_eq!(call.handle_abandoned(A), []);
    assert_eq!(call.handle(A, gone()), []);
    assert_eq!(call.handle(B, gone()), []);
    assert!(call.is_gone());
}

#[test]
fn a_shutdown_ends_what_rings_and_what_is_up() {
    let why = reason(503, "The gateway restarts");
    let refusal = || {
        let mut refusal = Refusal::new(Status::SERVICE_UNAVAILABLE);
        refusal.reasons.push(why.clone());
        refusal
    };
    let both = [end(A, Some(why.clone())), end(B, Some(why.clone()))];
    assert_eq!(up().handle_shutdown(refusal()), both);
    let (status, headers) = refusal().into_response();
    let expected = [
        Action::Reject { status, headers },
        end(B, Some(why.clone())),
    ];
    assert_eq!(Call::new(1).handle_shutdown(refusal()), expected);
    assert_eq!(status, Status::SERVICE_UNAVAILABLE);
}
