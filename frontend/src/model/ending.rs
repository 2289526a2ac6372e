//! Why a call ended, in the phone's own terms.

use sidetone_sip::message::Reason;
use sidetone_sip::{Ended, EndedBy, Status};

use super::{Direction, EndReason};

/// What the end of a session means to its user.
#[must_use]
pub fn end_reason(direction: Direction, answered: bool, ended: &Ended) -> EndReason {
    match ended.by {
        // Accepting the call that took its place ended it.
        EndedBy::Local | EndedBy::Replaced(_) if answered => EndReason::HungUp,
        EndedBy::Local | EndedBy::Replaced(_) if direction == Direction::Outgoing => {
            EndReason::Cancelled
        }
        EndedBy::Local | EndedBy::Replaced(_) => EndReason::Rejected,
        EndedBy::RemoteBye => EndReason::PeerHungUp,
        EndedBy::RemoteCancel => cancelled(&ended.reasons),
        EndedBy::Refused => refused(ended),
        EndedBy::WrongCredentials => {
            EndReason::Failed("The server refused the password. Sign out and in again.".into())
        }
        EndedBy::TimedOut if answered => {
            EndReason::Failed("The other side stopped answering. Call again.".into())
        }
        EndedBy::TimedOut => {
            EndReason::Failed("The server did not answer. Check the network and call again.".into())
        }
        EndedBy::FlowDown if direction == Direction::Incoming => EndReason::Missed,
        EndedBy::FlowDown => EndReason::Failed(
            "The connection to the server was lost. Call again when the light is green.".into(),
        ),
    }
}

/// A CANCEL says in its Reason whether somebody else dealt with the call (RFC 3326 §2).
fn cancelled(reasons: &[Reason]) -> EndReason {
    match sip_cause(reasons) {
        Some(200) => EndReason::AnsweredElsewhere,
        Some(600 | 603) => EndReason::Rejected,
        _ => EndReason::Missed,
    }
}

fn refused(ended: &Ended) -> EndReason {
    let Some(status) = ended.status else {
        return EndReason::Unavailable;
    };
    match status {
        Status::NOT_FOUND | Status::ADDRESS_INCOMPLETE | Status::DOES_NOT_EXIST_ANYWHERE => {
            EndReason::UnknownNumber
        }
        Status::BUSY_HERE | Status::BUSY_EVERYWHERE => EndReason::Busy,
        Status::DECLINE => EndReason::Declined,
        Status::REQUEST_TIMEOUT | Status::REQUEST_TERMINATED => EndReason::NoAnswer,
        Status::TEMPORARILY_UNAVAILABLE if rang_out(&ended.reasons) => EndReason::NoAnswer,
        Status::TEMPORARILY_UNAVAILABLE | Status::FLOW_FAILED => EndReason::Unavailable,
        Status::FORBIDDEN => {
            EndReason::Failed("You are not allowed to call this number.".to_owned())
        }
        Status::NOT_ACCEPTABLE_HERE
        | Status::NOT_ACCEPTABLE_ANYWHERE
        | Status::UNSUPPORTED_MEDIA_TYPE => {
            EndReason::Failed("The other phone can't take this kind of call.".to_owned())
        }
        _ => {
            let phrase = ended.phrase.as_deref().unwrap_or(status.phrase());
            let code = status.code();
            EndReason::Failed(format!(
                "The call was refused: {phrase} ({code}). Call again later."
            ))
        }
    }
}

/// Q.850 cause 18 or 19: it rang, or should have, and nobody answered.
fn rang_out(reasons: &[Reason]) -> bool {
    sip_cause(reasons) == Some(408)
        || reasons.iter().any(|reason| {
            reason.protocol.eq_ignore_ascii_case("Q.850") && matches!(reason.cause, Some(18 | 19))
        })
}

fn sip_cause(reasons: &[Reason]) -> Option<u16> {
    reasons
        .iter()
        .find(|reason| reason.protocol.eq_ignore_ascii_case("SIP"))?
        .cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Incoming, Outgoing};

    fn ended(by: EndedBy) -> Ended {
        Ended {
            by,
            status: None,
            phrase: None,
            reasons: vec![],
            retry_after: None,
            response: None,
        }
    }

    fn with(by: EndedBy, code: Option<u16>, reason: Option<(&str, u16)>) -> Ended {
        let reasons = reason.map(|(protocol, cause)| Reason {
            protocol: protocol.into(),
            cause: Some(cause),
            text: None,
        });
        Ended {
            status: code.and_then(Status::new),
            reasons: reasons.into_iter().collect(),
            ..ended(by)
        }
    }

    #[test]
    fn our_own_end_depends_on_where_the_call_stood() {
        let local = ended(EndedBy::Local);
        assert_eq!(end_reason(Outgoing, false, &local), EndReason::Cancelled);
        assert_eq!(end_reason(Incoming, false, &local), EndReason::Rejected);
        assert_eq!(end_reason(Incoming, true, &local), EndReason::HungUp);
        assert_eq!(end_reason(Outgoing, true, &local), EndReason::HungUp);
    }

    #[test]
    fn a_cancelled_call_is_missed_unless_somebody_dealt_with_it() {
        let cancel =
            |reason| end_reason(Incoming, false, &with(EndedBy::RemoteCancel, None, reason));
        assert_eq!(cancel(None), EndReason::Missed);
        assert_eq!(cancel(Some(("SIP", 200))), EndReason::AnsweredElsewhere);
        assert_eq!(cancel(Some(("SIP", 603))), EndReason::Rejected);
        assert_eq!(cancel(Some(("Q.850", 200))), EndReason::Missed);
    }

    #[test]
    fn refusals_become_words() {
        let refusal =
            |code, reason| end_reason(Outgoing, false, &with(EndedBy::Refused, Some(code), reason));
        for (code, reason) in [
            (404, EndReason::UnknownNumber),
            (604, EndReason::UnknownNumber),
            (486, EndReason::Busy),
            (600, EndReason::Busy),
            (603, EndReason::Declined),
            (408, EndReason::NoAnswer),
            (480, EndReason::Unavailable),
        ] {
            assert_eq!(refusal(code, None), reason, "{code}");
        }
        assert_eq!(refusal(480, Some(("Q.850", 19))), EndReason::NoAnswer);
        assert_eq!(
            refusal(500, None),
            EndReason::Failed(
                "The call was refused: Server Internal Error (500). Call again later.".into()
            )
        );
    }

    #[test]
    fn who_rings_in_vain_while_the_connection_is_lost_was_missed() {
        let lost = ended(EndedBy::FlowDown);
        assert_eq!(end_reason(Incoming, false, &lost), EndReason::Missed);
    }

    #[test]
    fn a_lost_connection_says_what_to_do() {
        for by in [
            EndedBy::FlowDown,
            EndedBy::TimedOut,
            EndedBy::WrongCredentials,
        ] {
            let EndReason::Failed(words) = end_reason(Outgoing, false, &ended(by)) else {
                panic!("{by:?} is a failure")
            };
            assert!(
                words.ends_with('.') && words.matches(". ").count() == 1,
                "{words}"
            );
        }
    }
}
