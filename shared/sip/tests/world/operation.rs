//! What a user, a network or a peer may do next.

use std::time::Duration;

/// One of the two agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Time passes.
    Wait(Duration),
    /// The user does something.
    Command(Side, Command),
    /// What becomes of the next four messages, two bits each; see [`Fate`].
    Fates(u8),
    /// How long messages travel from now on.
    Delay(Duration),
    /// The transport breaks.
    Cut,
    /// The transport is back.
    Mend,
    /// A timer fires though none is due.
    FireTimer(Side),
}

/// A command to an agent. Numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    Invite {
        with_offer: bool,
    },
    Progress(u8),
    EarlyMedia(u8),
    Accept(u8),
    Reject(u8),
    End(u8),
    Offer(u8),
    RequestOffer(u8),
    Update(u8),
    WithdrawOffer(u8),
    AnswerOffer(u8),
    RejectOffer(u8),
    Info(u8),
    Refer(u8),
    /// Refer to the peer of another session.
    ReferToPeer(u8, u8),
    FollowRefer(u8),
    AcceptRefer(u8),
    RejectRefer(u8),
    ReportRefer(u8, bool),
    /// Call to take the place of a call that there is.
    Replace(u8),
    Redirect(u8),
    Message,
    Respond(u8),
    AddAccount,
    RefreshAccount(u8),
    QueryContacts(u8),
    RemoveAccount(u8),
    Probe,
    /// An account whose secret is kept elsewhere.
    AddKept,
    /// Answers a challenge; every third time with a refusal.
    AnswerChallenge(u8),
    /// Rejects a call with a challenge.
    Challenge(u8),
    Publish,
    Modify(u8),
    Unpublish(u8),
    SetPush(u8),
}

/// What a link does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    Lost,
    /// Twice, the second time later.
    Repeated,
}

impl Fate {
    /// The fate that two bits stand for.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 | 1 => Self::Delivered,
            2 => Self::Lost,
            _ => Self::Repeated,
        }
    }
}

impl Operation {
    /// Any three bytes are an operation.
    pub(crate) fn decode([kind, which, amount]: [u8; 3]) -> Self {
        let side = if kind & 0x80 == 0 { Side::A } else { Side::B };
        if kind & 0x60 == 0x60 {
            let command = match kind & 0x1f {
                4 => Command::AddKept,
                5 => Command::AnswerChallenge(which),
                6 | 7 => Command::Challenge(which),
                8 => Command::Publish,
                9 => Command::Modify(which),
                10 => Command::Unpublish(which),
                11 => Command::SetPush(which),
                12 => Command::QueryContacts(which),
                20 | 28 => match amount % 8 {
                    0..4 => Command::Refer(which),
                    _ => Command::ReferToPeer(which, amount / 8),
                },
                21 | 29 => match amount % 8 {
                    0..4 => Command::FollowRefer(which),
                    4 => Command::AcceptRefer(which),
                    5 => Command::RejectRefer(which),
                    _ => Command::ReportRefer(which, amount % 8 == 6),
                },
                22 | 30 => Command::Replace(which),
                23 | 31 => Command::Redirect(which),
                kind => match kind & 3 {
                    0 => Command::Update(which),
                    1 => Command::RequestOffer(which),
                    2 => Command::WithdrawOffer(which),
                    _ => Command::EarlyMedia(which),
                },
            };
            return Self::Command(side, command);
        }
        let command = match kind & 0x1f {
            0 | 1 => return Self::Wait(Duration::from_millis(u64::from(amount) * 4)),
            2 => return Self::Wait(Duration::from_millis(u64::from(amount) * 150)),
            3 => return Self::Fates(amount),
            4 => return Self::Delay(Duration::from_millis(1 + u64::from(amount) * 3)),
            5 => return Self::Cut,
            6 | 7 => return Self::Mend,
            8 => return Self::FireTimer(side),
            9..=11 => Command::Invite {
                with_offer: amount % 4 != 0,
            },
            12 => Command::Progress(which),
            13..=16 => Command::Accept(which),
            17 => Command::Reject(which),
            18 | 19 => Command::End(which),
            20 | 21 => Command::Offer(which),
            22 | 23 => Command::AnswerOffer(which),
            24 => Command::RejectOffer(which),
            25 => Command::Info(which),
            26 => Command::Message,
            27 => Command::Respond(which),
            28 => Command::AddAccount,
            29 => Command::RefreshAccount(which),
            30 => Command::RemoveAccount(which),
            _ => Command::Probe,
        };
        Self::Command(side, command)
    }
}
