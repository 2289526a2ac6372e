//! The callee's side until the answer (RFC 3261 §13.3, §9.2).

use std::time::Duration;

use super::confirmed::Confirmed;
use super::offers::Offers;
use super::reliable::{Exchange, Reliable};
use super::timer::SessionTimer;
use super::{Command, Over, Phase, Replacing, Session, Transfers};
use crate::dialog::Dialog;
use crate::endpoint::config::Body;
use crate::endpoint::errand::Errand;
use crate::endpoint::event::{AccountId, Ended, EndedBy, SessionEvent, SessionId};
use crate::endpoint::{Endpoint, Owner, Purpose, SessionAlarm, Task, body, contact};
use crate::message::RawHeader;
use crate::transaction::{FlowId, ServerId};
use crate::{Address, CommandError, Method, Request, Response, Status};

/// RFC 3261 §13.3.1.1.
const PROVISIONAL_INTERVAL: Duration = Duration::from_secs(60);

/// The peer's INVITE waits for the user.
#[derive(Debug)]
pub(super) struct Ringing {
    server: ServerId,
    invite: Request,
    pub(super) dialog: Dialog,
    /// The last provisional response above 100.
    progress: Option<Response>,
    /// Its status, if it was sent reliably.
    renewal: Option<Status>,
    /// The session that it takes the place of.
    pub(super) replacing: Option<Replacing>,
}

impl Session {
    pub(crate) fn ring(
        endpoint: &mut Endpoint,
        id: SessionId,
        server: ServerId,
        flow: FlowId,
        account: Option<AccountId>,
        invite: Request,
        replacing: Option<Replacing>,
    ) -> Self {
        let of_account = account.and_then(|account| endpoint.identities.get(&account));
        // A server has no address of its own in a call: it is reached as the one who was called.
        let contact = of_account.map_or_else(|| invite.uri.clone(), |i| i.contact.uri.clone());
        let tag = endpoint.tokens.token();
        let dialog = Dialog::of_callee(&invite, &tag);
        let task = Task {
            owner: Owner::Session(id, Purpose::Invite),
            answered: 0,
        };
        endpoint.transactions.note(server, task);
        let reliable = Reliable::asked_by(&invite);
        let request = Box::new(invite.clone());
        let ringing = Ringing {
            server,
            invite,
            dialog: dialog.clone(),
            progress: None,
            renewal: None,
            replacing,
        };
        let mut session = Self {
            id,
            flow,
            account,
            contact: Address::new(contact),
            is_caller: false,
            phase: Phase::Ringing(Box::new(ringing)),
            names: Vec::new(),
            is_probing: false,
            is_challenged: false,
            tasks: 0,
            acks: Vec::new(),
            answer: None,
            offers: Offers::default(),
            peer_updates: false,
            reliable,
            predecessor: None,
            referral: None,
            referee: None,
            transfers: Transfers::default(),
            timer: SessionTimer::default(),
            description: None,
        };
        session.note_abilities(&request.headers);
        session.take_name(endpoint, &dialog);
        let replaced = replacing.map(|replacing| replacing.session);
        let facts = endpoint.readers.facts.map(|read| read(&request, replaced));
        let event = SessionEvent::Incoming {
            flow,
            facts: Box::new(facts.unwrap_or_default()),
            request,
        };
        session.tell(endpoint, event);
        session
    }

    pub(crate) fn progress(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
        body: Option<Body>,
    ) -> Command {
        if !status.is_provisional() || status == Status::TRYING || self.reliable.is_accepting() {
            return Err(CommandError::WrongState);
        }
        let policy = endpoint.config.reliable_provisionals;
        let ringing = match &mut self.phase {
            Phase::Ringing(ringing) => ringing,
            Phase::Over(_) => return Err(CommandError::Gone),
            Phase::Calling(_) | Phase::Confirmed(_) => return Err(CommandError::WrongState),
        };
        if self.reliable.covers(policy, body.is_some()) {
            ringing.renewal = Some(status);
            return self.progress_reliably(endpoint, status, body);
        }
        let mut response = ringing.response(status);
        contact(&mut response.headers, &self.contact);
        if let Some(body) = body.filter(|_| !self.reliable.was_used()) {
            body::write(&mut response.headers, &mut response.body, body);
        }
        ringing.renewal = None;
        ringing.progress = Some(response.clone());
        let server = ringing.server;
        endpoint.respond(server, response);
        self.start_alarm(endpoint, SessionAlarm::Provisional, PROVISIONAL_INTERVAL);
        Ok(())
    }

    pub(super) fn repeat_provisional(&mut self, endpoint: &mut Endpoint) {
        if let Phase::Ringing(ringing) = &self.phase
            && let Some(status) = ringing.renewal
        {
            self.renew_reliable(endpoint, status);
        } else if let Phase::Ringing(ringing) = &self.phase
            && let Some(response) = &ringing.progress
        {
            endpoint.respond(ringing.server, response.clone());
            self.start_alarm(endpoint, SessionAlarm::Provisional, PROVISIONAL_INTERVAL);
        }
    }

    pub(crate) fn accept(&mut self, endpoint: &mut Endpoint, answer: Body) -> Command {
        match &self.phase {
            Phase::Ringing(_) if !self.reliable.is_accepting() => {}
            Phase::Over(_) => return Err(CommandError::Gone),
            _ => return Err(CommandError::WrongState),
        }
        if self.reliable.must_hold_answer() {
            self.reliable.hold_answer(answer);
        } else {
            self.answer_invite(endpoint, answer);
        }
        Ok(())
    }

    /// Sends the 2xx.
    pub(super) fn answer_invite(&mut self, endpoint: &mut Endpoint, answer: Body) {
        let Phase::Ringing(ringing) = &self.phase else {
            return;
        };
        let (server, mut response) = (ringing.server, ringing.response(Status::OK));
        let asked = ringing.invite.headers.clone();
        // RFC 3261 §13.2.1: what was described reliably is not described again.
        let answer = Some(answer).filter(|_| self.reliable.exchange() == Exchange::Open);
        let makes_offer = answer.is_some() && !ringing.has_offer();
        let dialog = ringing.dialog.clone();
        let replacing = ringing.replacing;
        for alarm in SessionAlarm::OF_RINGING {
            self.stop_alarm(endpoint, alarm);
        }
        self.reliable.finish();
        self.grant_timer(endpoint, &asked, &mut response.headers);
        self.phase = Phase::Confirmed(Box::new(Confirmed { dialog }));
        self.send_answer(endpoint, server, response, answer, makes_offer, true);
        if let Some(Replacing { session, .. }) = replacing {
            let to = self.id;
            endpoint.add_errand(Errand::Yield { session, to });
        }
    }

    pub(crate) fn reject(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
        headers: Vec<RawHeader>,
    ) -> Command {
        match self.phase {
            Phase::Ringing(_) if status.code() >= 300 => {}
            Phase::Over(_) => return Err(CommandError::Gone),
            _ => return Err(CommandError::WrongState),
        }
        self.refuse(endpoint, status, headers);
        let status = Some(status);
        self.tell_ended(
            endpoint,
            Ended {
                status,
                ..Ended::by(EndedBy::Local)
            },
        );
        Ok(())
    }

    /// Answers the INVITE with a refusal.
    pub(super) fn refuse(
        &mut self,
        endpoint: &mut Endpoint,
        status: Status,
        headers: Vec<RawHeader>,
    ) {
        if let Phase::Ringing(ringing) = self.over(endpoint, Over::default()) {
            let mut response = ringing.response(status);
            response.headers.others.extend(headers);
            endpoint.respond(ringing.server, response);
        }
    }

    /// The flow was lost; by now it should be back, and whoever sent the INVITE has repeated it.
    pub(super) fn on_ringing_deadline(&mut self, endpoint: &mut Endpoint) {
        if let Phase::Ringing(ringing) = &self.phase
            && endpoint.transactions.is_stale(ringing.server)
        {
            self.stop_ringing(endpoint);
        }
    }

    /// The caller can't be reached any more.
    pub(super) fn stop_ringing(&mut self, endpoint: &mut Endpoint) {
        self.refuse(endpoint, Status::TEMPORARILY_UNAVAILABLE, Vec::new());
        self.tell_ended(endpoint, Ended::by(EndedBy::FlowDown));
    }

    /// A CANCEL for an INVITE of this dialog, to which `server` belongs (RFC 3261 §9.2).
    pub(crate) fn on_cancel(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        cancel: &Request,
    ) {
        let tag = match &self.phase {
            Phase::Ringing(ringing) => ringing.dialog.local_tag(),
            Phase::Confirmed(confirmed) => confirmed.dialog.local_tag(),
            Phase::Calling(_) | Phase::Over(_) => "",
        };
        let tag = if tag.is_empty() {
            endpoint.tokens.token()
        } else {
            tag.to_owned()
        };
        endpoint.respond(server, Response::to(cancel, Status::OK, Some(&tag)));
        match &self.phase {
            Phase::Ringing(_) => {
                self.refuse(endpoint, Status::REQUEST_TERMINATED, Vec::new());
                self.tell_ended(endpoint, Ended::by_request(EndedBy::RemoteCancel, cancel));
            }
            Phase::Confirmed(_) => self.on_offer_withdrawn(endpoint),
            Phase::Calling(_) | Phase::Over(_) => {}
        }
    }

    /// A request in the early dialog that our provisional response made.
    pub(super) fn on_early_request(
        &mut self,
        endpoint: &mut Endpoint,
        server: ServerId,
        request: Request,
    ) {
        match request.method {
            // RFC 3261 §15.1.2.
            Method::Bye => {
                endpoint.respond_status(server, &request, Status::OK);
                self.refuse(endpoint, Status::REQUEST_TERMINATED, Vec::new());
                self.tell_ended(endpoint, Ended::by_request(EndedBy::RemoteBye, &request));
            }
            Method::Invite => endpoint.respond_retry_later(server, &request),
            Method::Prack => self.on_prack(endpoint, server, request),
            Method::Update => self.on_update(endpoint, server, request),
            Method::Options => endpoint.respond_options(server, &request),
            Method::Info => {
                endpoint.respond_status(server, &request, Status::OK);
                let body = body::read(&request.headers, &request.body);
                self.tell(endpoint, SessionEvent::Info { body });
            }
            _ => endpoint.respond_not_allowed(server, &request),
        }
    }
}

impl Ringing {
    pub(super) const fn server(&self) -> ServerId {
        self.server
    }

    pub(super) const fn has_offer(&self) -> bool {
        !self.invite.body.is_empty()
    }

    pub(super) fn response(&self, status: Status) -> Response {
        Response::to(&self.invite, status, Some(self.dialog.local_tag()))
    }
}
