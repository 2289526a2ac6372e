//! What became of a message.

use std::fmt;

use crate::transaction::NoResponse;
use crate::{Response, Status, Text};

/// What became of a message that was sent. It prints as a sentence for its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is there.
    Delivered,
    /// It is kept until somebody fetches it (202).
    Stored,
    /// It was refused.
    Failed {
        /// The status.
        status: Status,
        /// Its phrase.
        phrase: Text,
    },
    /// Nobody answered. It may have arrived all the same.
    TimedOut,
    /// The connection broke before the answer came. It may have arrived all the same.
    ConnectionLost,
}

impl Delivery {
    /// What [`crate::Event::RequestAnswered`] says of a message.
    #[must_use]
    pub fn of(outcome: &Result<Box<Response>, NoResponse>) -> Self {
        match outcome {
            Err(NoResponse::TimedOut) => Self::TimedOut,
            Err(NoResponse::FlowDown) => Self::ConnectionLost,
            Ok(response) => match response.status {
                Status::ACCEPTED => Self::Stored,
                Status::REQUEST_TIMEOUT => Self::TimedOut,
                status if status.is_success() => Self::Delivered,
                status => Self::Failed {
                    status,
                    phrase: response.reason.detached(),
                },
            },
        }
    }

    /// Whether it makes sense to send the same once more.
    #[must_use]
    pub const fn may_be_repeated(&self) -> bool {
        match self {
            Self::Delivered | Self::Stored => false,
            Self::TimedOut | Self::ConnectionLost => true,
            Self::Failed { status, .. } => {
                matches!(status.code(), 430 | 480 | 486 | 500 | 503 | 504 | 600)
            }
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, phrase) = match self {
            Self::Delivered => return f.write_str("Delivered."),
            Self::Stored => return f.write_str("It will be delivered later."),
            Self::TimedOut => {
                return f.write_str("Nobody answered, so it may not have arrived. Send it again.");
            }
            Self::ConnectionLost => {
                return f.write_str(
                    "The connection broke, so it may not have arrived. Send it again when you are \
                     connected.",
                );
            }
            Self::Failed { status, phrase } => (status, phrase),
        };
        f.write_str(match status.code() {
            401 | 407 => "The server did not accept your sign-in. Sign in again.",
            403 | 603 | 606 => "It was refused.",
            404 | 410 | 484 | 604 => "There is nobody with this number. Check it.",
            405 | 501 => "This number takes no messages.",
            413 | 513 => "It is too long. Send it in several parts.",
            415 | 488 => "The other phone can't show a message of this kind.",
            430 | 480 => "Nobody is there at the moment. Send it again later.",
            486 | 600 => "The other phone is busy. Send it again later.",
            500 | 503 | 504 => "The server can't deliver it at the moment. Send it again later.",
            code => return write!(f, "It was refused: {code} {phrase}."),
        })
    }
}
