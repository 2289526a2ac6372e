//! What the status light shows.

use std::time::Duration;

use sidetone_sip::{Moment, RegistrationFailure, RegistrationState, Status};

use super::Line;

/// How long an answer counts as recent: one keep-alive interval and its patience.
pub const RECENT: Duration = Duration::from_secs(36);

/// The connection to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Connection {
    /// Not wanted.
    #[default]
    Closed,
    /// Being opened.
    Opening,
    /// Open.
    Open,
    /// Open until the phone has unregistered.
    Leaving,
    /// Lost or refused; tried again at this moment.
    Waiting {
        /// When.
        until: Moment,
    },
}

/// All that the light depends on.
#[derive(Clone, Debug, Default)]
pub struct Light {
    /// The connection.
    pub connection: Connection,
    /// Why nobody can be signed in, until the user tries again.
    pub refused: Option<String>,
    /// Why it was lost or could not be opened, until it works again.
    pub trouble: Option<String>,
    /// What the agent last said of the registration.
    pub registration: Option<RegistrationState>,
    /// When the server last answered a request.
    pub answered: Option<Moment>,
}

impl Light {
    /// What it shows at `now`.
    ///
    /// Green needs a registration in force **and** a request that was answered recently: an open
    /// socket alone proves nothing.
    #[must_use]
    pub fn line(&self, now: Moment) -> Line {
        if let Some(why) = &self.refused {
            return Line::Refused { why: why.clone() };
        }
        if matches!(self.connection, Connection::Closed | Connection::Leaving) {
            return Line::SignedOut;
        }
        if let Some(RegistrationState::Failed { cause, retry_in }) = &self.registration
            && self.connection == Connection::Open
        {
            return failed(cause, *retry_in);
        }
        let registered = self.registered();
        match (self.connection, &self.trouble) {
            (Connection::Open, _) if registered && self.fresh_until().is_some_and(|t| now < t) => {
                Line::Ready
            }
            (Connection::Open, _) if registered => Line::Down {
                why: "The server has stopped answering.".to_owned(),
                retry_in: None,
            },
            (Connection::Waiting { until }, why) => Line::Down {
                why: why
                    .clone()
                    .unwrap_or_else(|| "The connection was lost.".to_owned()),
                retry_in: Some(whole_seconds(until.since(now))),
            },
            (_, Some(why)) => Line::Down {
                why: why.clone(),
                retry_in: None,
            },
            (_, None) => Line::Connecting,
        }
    }

    /// Whether the connection is open and the registration in force.
    #[must_use]
    pub fn registered(&self) -> bool {
        self.connection == Connection::Open
            && matches!(
                self.registration,
                Some(RegistrationState::Registered { .. })
            )
    }

    /// Until when the last answer counts.
    #[must_use]
    pub fn fresh_until(&self) -> Option<Moment> {
        self.answered.map(|at| at + RECENT)
    }
}

fn failed(cause: &RegistrationFailure, retry_in: Option<Duration>) -> Line {
    let why = match cause {
        RegistrationFailure::WrongCredentials => "The server refused the password.".to_owned(),
        // The PBX behind the gateway does not answer, or has too much to do.
        RegistrationFailure::Refused { status, .. } if *status == Status::SERVICE_UNAVAILABLE => {
            "The phone system is not available now.".to_owned()
        }
        RegistrationFailure::Refused { status, reason } => {
            format!(
                "The server refused to register this phone: {reason} ({}).",
                status.code()
            )
        }
        RegistrationFailure::NoAnswer(_) => "The server does not answer.".to_owned(),
    };
    Line::Down {
        why,
        retry_in: retry_in.map(whole_seconds),
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    let begun = u64::from(duration.subsec_millis() > 0);
    u32::try_from(duration.as_secs().saturating_add(begun)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn registered() -> Light {
        Light {
            connection: Connection::Open,
            refused: None,
            trouble: None,
            registration: Some(RegistrationState::Registered { expires: RECENT }),
            answered: Some(at(100)),
        }
    }

    fn down(why: &str, retry_in: Option<u32>) -> Line {
        Line::Down {
            why: why.to_owned(),
            retry_in,
        }
    }

    #[test]
    fn green_lasts_as_long_as_the_answer_is_recent() {
        let light = registered();
        assert_eq!(light.line(at(100)), Line::Ready);
        assert_eq!(light.line(at(135)), Line::Ready);
        assert_eq!(
            light.line(at(136)),
            down("The server has stopped answering.", None)
        );
        let light = Light {
            answered: Some(at(136)),
            ..light
        };
        assert_eq!(light.line(at(136)), Line::Ready);
    }

    #[test]
    fn an_open_socket_alone_is_not_green() {
        let light = Light {
            registration: None,
            ..registered()
        };
        assert_eq!(light.line(at(100)), Line::Connecting);
        let light = Light {
            answered: None,
            ..registered()
        };
        assert_ne!(light.line(at(100)), Line::Ready);
    }

    #[test]
    fn a_lost_socket_counts_down_and_then_says_it_tries() {
        let trouble = Some("This device is offline.".to_owned());
        let waiting = Connection::Waiting { until: at(110) };
        let light = Light {
            connection: waiting,
            trouble,
            ..registered()
        };
        assert_eq!(
            light.line(at(101)),
            down("This device is offline.", Some(9))
        );
        let light = Light {
            connection: Connection::Opening,
            ..light
        };
        assert_eq!(light.line(at(110)), down("This device is offline.", None));
        let light = Light {
            trouble: None,
            ..light
        };
        assert_eq!(light.line(at(110)), Line::Connecting);
    }

    #[test]
    fn a_refusal_stays_until_the_user_tries_again() {
        let light = Light {
            refused: Some("No.".into()),
            ..Light::default()
        };
        assert_eq!(light.line(at(100)), Line::Refused { why: "No.".into() });
    }

    fn refused(status: Status, reason: &str) -> Line {
        let cause = RegistrationFailure::Refused {
            status,
            reason: reason.into(),
        };
        let state = RegistrationState::Failed {
            cause,
            retry_in: Some(Duration::from_millis(1200)),
        };
        let light = Light {
            registration: Some(state),
            ..registered()
        };
        light.line(at(100))
    }

    #[test]
    fn a_registrar_that_fails_is_named_with_its_next_try() {
        let line = refused(Status::SERVER_INTERNAL_ERROR, "Out of Memory");
        let why = "The server refused to register this phone: Out of Memory (500).";
        assert_eq!(line, down(why, Some(2)));
    }

    #[test]
    fn a_phone_system_that_is_away_for_a_while_refuses_nobody() {
        let line = refused(Status::SERVICE_UNAVAILABLE, "Service Unavailable");
        assert_eq!(
            line,
            down("The phone system is not available now.", Some(2))
        );
    }

    #[test]
    fn nobody_signed_in_is_neither_red_nor_green() {
        assert_eq!(Light::default().line(at(5)), Line::SignedOut);
        let leaving = Light {
            connection: Connection::Leaving,
            ..Light::default()
        };
        assert_eq!(leaving.line(at(5)), Line::SignedOut);
    }
}
