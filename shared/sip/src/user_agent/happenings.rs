//! What the transactions have to say, and whom it concerns.

use super::UserAgent;
use crate::endpoint::event::AccountId;
use crate::endpoint::{Owner, is_challenge};
use crate::transaction::{ClientId, Happening, NoResponse, ServerId};
use crate::{Request, Response, Status};

impl UserAgent {
    /// Hands what the transactions have to say to those whom it concerns.
    pub(super) fn settle(&mut self) {
        while let Some(happening) = self.endpoint.transactions.poll_happening() {
            match happening {
                Happening::Response {
                    client,
                    task,
                    response,
                } => {
                    self.on_response(client, task.owner, task.answered, response);
                }
                Happening::Unanswered { task, why, .. } => self.on_unanswered(task.owner, why),
                Happening::Gone { client, task } => {
                    if !self.keep_held(client) {
                        self.on_gone(task.owner, client);
                    }
                }
                Happening::Request {
                    server,
                    flow,
                    request,
                } => {
                    self.on_request(server, flow, request);
                }
                Happening::Ack { request } => {
                    if let Some(id) = self.session_of(&request) {
                        self.with_session(id, |s, e| s.on_ack(e, &request));
                    }
                }
                Happening::Cancel {
                    server,
                    request,
                    invite,
                } => {
                    self.on_cancel(server, &request, invite);
                }
            }
        }
    }

    pub(super) fn account_of(&self, owner: Owner) -> Option<AccountId> {
        match owner {
            Owner::Registration(account) => Some(account),
            Owner::Session(id, _) => self.sessions.get(&id)?.account(),
            Owner::Outgoing(id) => self.outgoing.get(&id).copied().flatten(),
            Owner::Subscriber(id) => self.subscribers.get(&id)?.account(),
            Owner::Notifier(id) => self.notifiers.get(&id)?.account(),
            Owner::Publication(id) => self.publications.get(&id)?.account(),
        }
    }

    pub(super) fn on_unanswered(&mut self, owner: Owner, why: NoResponse) {
        match owner {
            Owner::Registration(account) => {
                self.with_registration(account, |r, e| r.on_unanswered(e, why));
            }
            Owner::Session(id, purpose) => {
                self.with_session(id, |s, e| s.on_unanswered(e, purpose, why));
            }
            Owner::Outgoing(id) => {
                if let Some(on_end) = self.parts.on_outgoing_end {
                    on_end(self, id, Err(why));
                }
            }
            Owner::Subscriber(id) => self.with_subscriber(id, |s, e| s.on_unanswered(e, why)),
            Owner::Notifier(id) => self.with_notifier(id, |n, e| n.on_unanswered(e, why)),
            Owner::Publication(id) => self.with_publication(id, |p, e| p.on_unanswered(e, why)),
        }
    }

    pub(super) fn on_gone(&mut self, owner: Owner, client: ClientId) {
        if let Owner::Session(id, _) = owner {
            self.with_session(id, |session, _| session.on_gone(client));
        }
    }

    fn on_response(&mut self, client: ClientId, owner: Owner, answered: u8, response: Response) {
        if is_challenge(response.status)
            && let Some(hold) = self.parts.hold
            && hold(self, client, owner, answered, &response)
        {
            return;
        }
        self.deliver_response(client, owner, answered, response);
    }

    pub(super) fn deliver_response(
        &mut self,
        client: ClientId,
        owner: Owner,
        answered: u8,
        response: Response,
    ) {
        if let Some(account) = self
            .account_of(owner)
            .filter(|_| response.status.is_success())
        {
            self.endpoint.on_success(account, client, &response);
        }
        match owner {
            Owner::Registration(account) => {
                self.with_registration(account, |r, endpoint| {
                    r.on_response(endpoint, client, answered, &response);
                });
                self.follow_flow_timer(account);
            }
            Owner::Session(id, purpose) => self.with_session(id, |session, endpoint| {
                session.on_response(endpoint, purpose, client, answered, response);
            }),
            Owner::Outgoing(id) => {
                if let Some(on_end) = self.parts.on_outgoing_end {
                    on_end(self, id, Ok((client, answered, response)));
                }
            }
            Owner::Subscriber(id) => self.with_subscriber(id, |subscriber, endpoint| {
                subscriber.on_response(endpoint, client, answered, &response);
            }),
            Owner::Notifier(id) => self.with_notifier(id, |notifier, endpoint| {
                notifier.on_response(endpoint, client, answered, &response);
            }),
            Owner::Publication(id) => self.with_publication(id, |publication, endpoint| {
                publication.on_response(endpoint, client, answered, &response);
            }),
        }
    }

    /// RFC 3261 §9.2.
    fn on_cancel(&mut self, server: ServerId, cancel: &Request, invite: Option<ServerId>) {
        let task = invite.and_then(|invite| self.endpoint.transactions.task_of(invite));
        match task.map(|task| task.owner) {
            Some(Owner::Session(id, _)) if self.sessions.contains_key(&id) => {
                self.with_session(id, |session, e| session.on_cancel(e, server, cancel));
            }
            // The INVITE was refused or its session is over: there is nothing to cancel.
            _ if invite.is_some() => self.endpoint.respond_status(server, cancel, Status::OK),
            _ => self
                .endpoint
                .respond_status(server, cancel, Status::CALL_DOES_NOT_EXIST),
        }
    }
}
