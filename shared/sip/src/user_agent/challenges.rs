//! Challenges whose answer the application gives.

use super::{CommandError, UserAgent};
use crate::endpoint::event::{ChallengeId, Event};
use crate::endpoint::held::{Held, Pending};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Alarm, Owner, Purpose};
use crate::transaction::{ClientId, FlowId, NoResponse};
use crate::{Moment, Response, Text};

/// How the wait for the application ended.
pub(super) enum Outcome {
    Answered,
    Refused,
    Unanswered(NoResponse),
}

impl UserAgent {
    /// Answers [`Event::Challenged`] with the response value; `None` refuses to, which ends the
    /// request as its refusal does. Unanswered, it ends after 64·T1 as if the peer hadn't answered.
    ///
    /// # Errors
    /// [`CommandError::Gone`] if it was answered before, or nobody waits for the answer any more.
    pub fn answer_challenge(
        &mut self,
        now: Moment,
        challenge: ChallengeId,
        response: Option<Text>,
    ) -> Result<(), CommandError> {
        self.enter(now)?;
        let found = self.endpoint.held.iter_mut().find_map(|(key, held)| {
            held.open(challenge)?.response.clone_from(&response);
            Some((*key, held.is_answered()))
        });
        match (found, response) {
            (None, _) => return Err(CommandError::Gone),
            (Some((key, _)), None) => self.release(key, Outcome::Refused),
            (Some((key, true)), Some(_)) => self.release(key, Outcome::Answered),
            (Some((_, false)), Some(_)) => {}
        }
        self.leave();
        Ok(())
    }

    /// Keeps a challenged request until the application has answered. False if that is not for
    /// the application, or not for us.
    pub(super) fn hold(
        &mut self,
        client: ClientId,
        owner: Owner,
        answered: u8,
        response: &Response,
    ) -> bool {
        let account = self.account_of(owner).filter(|_| self.wants(owner, client));
        let Some(account) = account else { return false };
        let endpoint = &mut self.endpoint;
        let identity = endpoint.identities.get_mut(&account);
        let Some(identity) = identity.filter(|identity| identity.asks_application()) else {
            return false;
        };
        let Some(request) = endpoint.transactions.request_of(client) else {
            return false;
        };
        if identity
            .take_challenges(request, answered, response)
            .is_err()
        {
            return false;
        }
        let (request, flow) = (request.clone(), identity.flow);
        let asked = identity.ask_again(&request, response, endpoint.tokens.as_mut());
        let mut questions = Vec::with_capacity(asked.len());
        for asked in asked {
            let id = ChallengeId(self.next_id());
            self.endpoint.tell(Event::Challenged {
                challenge: id,
                account,
                question: Box::new(asked.question.clone()),
            });
            questions.push(Pending {
                id,
                asked,
                response: None,
            });
        }
        let Some(Pending { id, .. }) = questions.first() else {
            return false;
        };
        let id = *id;
        let patience = self.endpoint.config.timers.patience();
        self.endpoint.start_alarm(Alarm::Challenge(id), patience);
        let held = Held {
            client,
            owner,
            answered,
            flow,
            request,
            response: response.clone(),
            questions,
            is_gone: false,
        };
        self.endpoint.held.insert(id, held);
        true
    }

    /// Whether somebody waits for the answer to this request.
    fn wants(&self, owner: Owner, client: ClientId) -> bool {
        match owner {
            Owner::Registration(id) => {
                let registration = self.registrations.get(&id);
                registration.is_some_and(|registration| registration.awaits(client))
            }
            Owner::Session(id, purpose) => {
                let session = self.sessions.get(&id);
                session.is_some_and(|session| session.wants_retry(purpose))
            }
            Owner::Outgoing(id) => self.outgoing.contains_key(&id),
            Owner::Subscriber(id) => {
                let subscriber = self.subscribers.get(&id);
                subscriber.is_some_and(|subscriber| subscriber.awaits(client))
            }
            Owner::Notifier(id) => {
                let notifier = self.notifiers.get(&id);
                notifier.is_some_and(|notifier| notifier.awaits(client))
            }
            Owner::Publication(id) => {
                let publication = self.publications.get(&id);
                publication.is_some_and(|publication| publication.awaits(client))
            }
        }
    }

    /// Requests of sessions and notifiers move to another flow with them.
    pub(super) fn rebind_held(&mut self, from: FlowId, to: FlowId) {
        for held in self.endpoint.held.values_mut() {
            let moves = matches!(held.owner, Owner::Session(..) | Owner::Notifier(_));
            if moves && held.flow == from {
                held.flow = to;
            }
        }
    }

    /// Notes that the transaction of a held request is over; false if it is none.
    pub(super) fn keep_held(&mut self, client: ClientId) -> bool {
        let mut held = self.endpoint.held.values_mut();
        let held = held.find(|held| held.client == client);
        held.map(|held| held.is_gone = true).is_some()
    }

    pub(super) fn on_challenge_ignored(&mut self, id: ChallengeId) {
        self.give_up(id, NoResponse::TimedOut);
    }

    /// Requests within dialogs wait for the flow, others don't.
    pub(super) fn on_flow_down_of_held(&mut self, flow: FlowId) {
        let waits = |owner| match owner {
            Owner::Session(_, purpose) => purpose != Purpose::Invite,
            Owner::Notifier(_) => true,
            Owner::Registration(_)
            | Owner::Outgoing(_)
            | Owner::Subscriber(_)
            | Owner::Publication(_) => false,
        };
        let fails = |held: &Held| held.flow == flow && !waits(held.owner);
        for id in self.held_that(fails) {
            self.give_up(id, NoResponse::FlowDown);
        }
    }

    /// Drops what nobody waits for any more.
    pub(super) fn drop_unwanted(&mut self) {
        if self.endpoint.held.is_empty() {
            return;
        }
        for id in self.held_that(|held| !self.wants(held.owner, held.client)) {
            self.endpoint.alarms.stop(Alarm::Challenge(id));
            if let Some(held) = self.endpoint.held.remove(&id).filter(|held| held.is_gone) {
                self.on_gone(held.owner, held.client);
            }
        }
    }

    fn held_that(&self, is_meant: impl Fn(&Held) -> bool) -> Vec<ChallengeId> {
        let held = self.endpoint.held.iter();
        let meant = held.filter(|(_, held)| is_meant(held));
        meant.map(|(id, _)| *id).collect()
    }

    fn give_up(&mut self, id: ChallengeId, why: NoResponse) {
        if let Some(release) = self.parts.release {
            release(self, id, Outcome::Unanswered(why));
        }
    }

    pub(super) fn release(&mut self, id: ChallengeId, outcome: Outcome) {
        let Some(held) = self.endpoint.held.remove(&id) else {
            return;
        };
        self.endpoint.alarms.stop(Alarm::Challenge(id));
        let (client, owner, is_gone) = (held.client, held.owner, held.is_gone);
        let verdict = match outcome {
            Outcome::Unanswered(why) => {
                self.on_unanswered(owner, why);
                None
            }
            Outcome::Answered => {
                let (answered, response) = (held.answered, held.response.clone());
                let request = Box::new(held.authorized());
                Some((Verdict::Retry(request), answered, response))
            }
            Outcome::Refused => Some((Verdict::NotOurs, held.answered, held.response)),
        };
        if let Some((verdict, answered, response)) = verdict {
            self.endpoint.given = Some((client, verdict));
            self.deliver_response(client, owner, answered, response);
            self.endpoint.given = None;
        }
        if is_gone {
            self.on_gone(owner, client);
        }
    }
}
