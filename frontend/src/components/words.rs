//! What the views say: states, reasons and faults in words.

use crate::model::{Call, EndReason, Line, Party, Phase, Problem, Silence};

/// `02:14`, or `1:02:14` from an hour on.
#[must_use]
pub fn duration(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// Whole seconds since a call was answered, by the page's clock in milliseconds.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates"
)]
pub fn talked(since: f64, now: f64) -> u32 {
    ((now - since) / 1000.0) as u32
}

/// The name of the other party, or else the number.
#[must_use]
pub fn called(peer: &Party) -> &str {
    peer.name
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(&peer.number)
}

/// Up to two letters that stand for a person; none for a bare number.
#[must_use]
pub fn initials(name: &str) -> Option<String> {
    let letters: String = name
        .split_whitespace()
        .filter_map(|word| word.chars().next().filter(|first| first.is_alphabetic()))
        .take(2)
        .flat_map(char::to_uppercase)
        .collect();
    (!letters.is_empty()).then_some(letters)
}

/// The state as tests and styles name it.
#[must_use]
pub fn phase_token(phase: &Phase) -> &'static str {
    match phase {
        Phase::Calling => "calling",
        Phase::Ringing { .. } => "ringing",
        Phase::Incoming => "incoming",
        Phase::Connecting { .. } => "connecting",
        Phase::Active { .. } => "active",
        Phase::Ended { .. } => "ended",
    }
}

/// Whether the sound of an answered call has stopped for now.
#[must_use]
pub fn is_interrupted(call: &Call) -> bool {
    matches!(
        call.phase,
        Phase::Active {
            interrupted: true,
            ..
        }
    )
}

/// Where a call stands.
#[must_use]
pub fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Calling => "Calling…".into(),
        Phase::Ringing { .. } => "Ringing…".into(),
        Phase::Incoming => "Incoming call".into(),
        Phase::Connecting { silent: None } => "Connecting…".into(),
        Phase::Connecting { silent: Some(_) } => "No sound yet".into(),
        Phase::Active {
            interrupted: true, ..
        } => "Reconnecting sound…".into(),
        Phase::Active { .. } => "On the line".into(),
        Phase::Ended { reason, .. } => reason_title(reason).into(),
    }
}

fn reason_title(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::HungUp => "You hung up",
        EndReason::PeerHungUp => "They hung up",
        EndReason::Cancelled => "Cancelled",
        EndReason::Rejected => "You rejected it",
        EndReason::Missed => "Missed call",
        EndReason::AnsweredElsewhere => "Answered on another device",
        EndReason::Busy => "Busy",
        EndReason::Declined => "Declined",
        EndReason::NoAnswer => "No answer",
        EndReason::Unavailable => "Not available",
        EndReason::UnknownNumber => "No such number",
        EndReason::Failed(_) => "Call failed",
    }
}

/// What else helps to know: why a call is silent, or what to do after it ended.
#[must_use]
pub fn advice(call: &Call) -> Option<String> {
    let reason = match &call.phase {
        Phase::Ended { reason, .. } => reason,
        Phase::Connecting {
            silent: Some(Silence::Network),
        } => {
            return Some(
                "The network lets no sound through. Turn off a VPN, or call again from another network."
                    .into(),
            );
        }
        Phase::Connecting {
            silent: Some(Silence::Blocked(port)),
        } => {
            return Some(format!(
                "The sound was to come from port {port}, which browsers block. Hang up and call again; \
                 whoever runs the phone system should leave that port out."
            ));
        }
        _ => {
            return call.background.then(|| {
                "Another call is in front. Neither of you hears the other until you talk again."
                    .into()
            });
        }
    };
    match reason {
        EndReason::Busy => Some("They are in another call. Try again in a while.".into()),
        EndReason::NoAnswer => Some("It rang, but nobody picked up.".into()),
        EndReason::Unavailable => Some(format!(
            "No phone is signed in as {} right now.",
            call.peer.number
        )),
        EndReason::UnknownNumber => Some("Check the number and call again.".into()),
        EndReason::Failed(sentence) => Some(sentence.clone()),
        _ => None,
    }
}

/// Says aloud what changed: one sentence for a call.
#[must_use]
pub fn spoken(call: &Call) -> String {
    let who = called(&call.peer);
    match &call.phase {
        Phase::Calling => format!("Calling {who}"),
        Phase::Ringing { .. } => format!("{who} is ringing"),
        Phase::Incoming => {
            format!("Incoming call from {who}. Alt A answers, Alt R rejects.")
        }
        Phase::Connecting { silent: None } => format!("Connecting with {who}"),
        Phase::Connecting { silent: Some(_) } => format!("No sound with {who} yet"),
        Phase::Active {
            interrupted: true, ..
        } => format!("Sound with {who} is interrupted"),
        Phase::Active { .. } => format!("Talking with {who}"),
        Phase::Ended { reason, .. } => format!("{who}: {}", reason_title(reason)),
    }
}

/// The line's state as tests and styles name it.
#[must_use]
pub fn line_token(line: &Line) -> &'static str {
    match line {
        Line::SignedOut => "signed-out",
        Line::Connecting => "connecting",
        Line::Ready => "ready",
        Line::Down { .. } => "down",
        Line::Refused { .. } => "refused",
    }
}

/// The line's state in a word or two.
#[must_use]
pub fn line(line: &Line) -> &'static str {
    match line {
        Line::SignedOut => "Signed out",
        Line::Connecting => "Connecting",
        Line::Ready => "Ready",
        Line::Down { .. } => "Offline",
        Line::Refused { .. } => "Not signed in",
    }
}

/// A fault: what it is, what to do, and whether trying again helps.
#[must_use]
pub fn problem(problem: Problem) -> (&'static str, &'static str, bool) {
    match problem {
        Problem::MicrophoneDenied => (
            "The microphone is blocked",
            "Others can't hear you. Allow the microphone for this page at the left of the address bar, then try again.",
            true,
        ),
        Problem::NoMicrophone => (
            "No microphone found",
            "Others can't hear you. Plug in a headset or a microphone, then try again.",
            true,
        ),
        Problem::MicrophoneBusy => (
            "Another program holds the microphone",
            "Close the other call or recording, then try again.",
            true,
        ),
        Problem::NoSpeaker => (
            "Nothing to hear with",
            "Plug in a headset or turn on a speaker, then try again.",
            true,
        ),
        Problem::InsecurePage => (
            "This page isn't secure",
            "Browsers give a microphone only to secure pages. Open this address with https:// instead of http://, or use localhost on the gateway's own machine.",
            false,
        ),
        Problem::NoWebRtc => (
            "This browser can't make calls",
            "It has no WebRTC, or it is switched off. Use a current Chrome, Edge, Firefox or Safari.",
            false,
        ),
        Problem::SoundBlocked => (
            "The browser keeps the sound off",
            "It wants one tap before it plays anything.",
            true,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_grow_an_hour_only_when_needed() {
        assert_eq!(duration(0), "00:00");
        assert_eq!(duration(134), "02:14");
        assert_eq!(duration(3599), "59:59");
        assert_eq!(duration(3600), "1:00:00");
        assert_eq!(duration(36_125), "10:02:05");
    }

    #[test]
    fn a_clock_behind_the_answer_counts_from_zero() {
        assert_eq!(talked(5_000.0, 4_000.0), 0);
        assert_eq!(talked(5_000.0, 65_999.0), 60);
    }

    #[test]
    fn initials_stand_for_names_only() {
        assert_eq!(initials("Alice"), Some("A".into()));
        assert_eq!(initials("carol ann smith"), Some("CA".into()));
        assert_eq!(initials("+49 30 1234"), None);
        assert_eq!(initials(""), None);
    }

    #[test]
    fn an_empty_name_falls_back_to_the_number() {
        let peer = Party {
            name: Some(String::new()),
            number: "102".into(),
        };
        assert_eq!(called(&peer), "102");
    }
}
