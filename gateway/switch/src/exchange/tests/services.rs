//! Calls to the switch's own numbers.

use sidetone_sip::Status;

use super::bench::{Bench, audio};
use super::calls::{leave, offer};
use crate::exchange::{CallKey, Output};
use crate::service::{Farewell, ServiceEvent};

#[test]
fn the_echo_answers_and_is_told_when_the_caller_leaves() {
    let mut bench = Bench::new();
    let alice = bench.phone("101");
    let session = bench.call(alice, "600");
    let call = CallKey(1);
    let offered = String::from_utf8(audio("offer").bytes).unwrap();
    assert_eq!(
        bench.outputs(),
        [Output::StartService {
            call,
            number: "600".into(),
            offer: offered
        }]
    );
    bench.report(call, ServiceEvent::Answered("v=0\r\ns=echo\r\n".into()));
    assert_eq!(bench.heard(alice), ["accepted echo"]);
    offer(&mut bench, alice, session, "again");
    let offered = String::from_utf8(audio("again").bytes).unwrap();
    assert_eq!(
        bench.outputs(),
        [Output::OfferService {
            call,
            offer: offered
        }]
    );
    bench.report(
        call,
        ServiceEvent::Answered("v=0\r\ns=echo again\r\n".into()),
    );
    assert_eq!(bench.heard(alice), ["offer answered echo again"]);
    bench.hang_up(alice, session);
    assert_eq!(bench.outputs(), [Output::StopService { call }]);
    assert_eq!(bench.heard(alice), ["ended Local"]);
    // The service's own farewell comes late and means nothing any more.
    bench.report(call, ServiceEvent::Over(Farewell::Finished));
    leave(&mut bench);
}

#[test]
fn a_service_ends_the_call_by_itself() {
    let lost = "ended RemoteBye SIP;cause=503;text=\"The sound connection was lost\"";
    let table = [
        (Farewell::Finished, "ended RemoteBye"),
        (Farewell::MediaFailed, lost),
    ];
    for (farewell, expected) in table {
        let mut bench = Bench::new();
        let alice = bench.phone("101");
        bench.call(alice, "601");
        bench.report(
            CallKey(1),
            ServiceEvent::Answered("v=0\r\ns=hello\r\n".into()),
        );
        assert_eq!(bench.heard(alice), ["accepted hello"]);
        bench.report(CallKey(1), ServiceEvent::Over(farewell));
        assert_eq!(bench.heard(alice), [expected]);
        leave(&mut bench);
    }
}

#[test]
fn a_service_that_can_t_use_the_offer_refuses_the_call() {
    let mut bench = Bench::new();
    let alice = bench.phone("101");
    bench.call(alice, "600");
    bench.report(
        CallKey(1),
        ServiceEvent::Refused(Status::NOT_ACCEPTABLE_HERE),
    );
    assert_eq!(bench.heard(alice), ["ended Refused 488"]);
    bench.report(CallKey(1), ServiceEvent::Over(Farewell::Finished));
    leave(&mut bench);
}
