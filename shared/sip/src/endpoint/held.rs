//! Challenged requests that wait for a secret kept elsewhere.

use super::Owner;
use super::event::ChallengeId;
use super::identity::{Asked, bear};
use crate::transaction::{ClientId, FlowId};
use crate::{Request, Response, Text};

/// A challenged request and what is asked about it.
///
/// ```text
///   401, 407     +---------+ -- all responses given ---> its owner sends it again
///  ------------> | Waiting | -- one refused -----------> its owner is refused
///   a question   +---------+ -- no answer in time -----> its owner hears no answer
///   for each          |  flow down, and it can't wait -> its owner hears that
///   credential        V
///        dropped, as its owner is over
/// ```
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) client: ClientId,
    pub(crate) owner: Owner,
    pub(crate) answered: u8,
    pub(crate) flow: FlowId,
    pub(crate) request: Request,
    /// The response with the challenges.
    pub(crate) response: Response,
    pub(crate) questions: Vec<Pending>,
    /// Its transaction is over; its owner is told when the wait is.
    pub(crate) is_gone: bool,
}

/// One question about a held request.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: ChallengeId,
    pub(crate) asked: Asked,
    pub(crate) response: Option<Text>,
}

impl Held {
    /// The question of this name, if it has no answer yet.
    pub(crate) fn open(&mut self, id: ChallengeId) -> Option<&mut Pending> {
        let mut questions = self.questions.iter_mut();
        questions.find(|question| question.id == id && question.response.is_none())
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.questions.iter().all(|q| q.response.is_some())
    }

    /// The request with the credentials given.
    pub(crate) fn authorized(mut self) -> Request {
        let answers = self.questions.into_iter();
        let answers = answers.filter_map(|question| Some((question.asked, question.response?)));
        bear(&mut self.request, answers.collect());
        self.request
    }
}
