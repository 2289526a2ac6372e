//! Requests outside of sessions, in both directions.

use super::{CommandError, UserAgent};
use crate::dialog::DialogId;
use crate::endpoint::config::{Answer, OutgoingRequest};
use crate::endpoint::event::{AccountId, Event, OutgoingId, RequestId, SessionId};
use crate::endpoint::identity::Verdict;
use crate::endpoint::{Owner, Speaker, Task, body, contact, is_challenge};
use crate::message::{Accept, CSeq, Contacts, Headers};
use crate::session::Session;
use crate::transaction::{ClientId, FlowId, NoResponse, Persistence, ServerId};
use crate::{Address, Method, Request, Response, Status, Uri};

/// A response, the transaction it is for, and how many challenges that has answered.
pub(super) type Answered = (ClientId, u8, Response);

impl UserAgent {
    // Received

    /// A new request, neither ACK nor CANCEL (RFC 3261 §8.2, §12.2.2).
    pub(super) fn on_request(&mut self, server: ServerId, flow: FlowId, request: Request) {
        if self.misplaces_replaces(&request) {
            self.endpoint
                .respond_status(server, &request, Status::BAD_REQUEST);
            return;
        }
        if request.headers.to.tag().is_some() {
            match self.session_of(&request) {
                Some(id) => self.with_session(id, |session, endpoint| {
                    session.on_request(endpoint, server, request);
                }),
                None => match self.parts.on_subscription_request {
                    Some(serve) => serve(self, server, &request),
                    None => {
                        let status = Status::CALL_DOES_NOT_EXIST;
                        self.endpoint.respond_status(server, &request, status);
                    }
                },
            }
            return;
        }
        let is_for_application = self.endpoint.config.accepts.contains(&request.method);
        let is_invite = request.method == Method::Invite;
        let serve = self.parts.on_event_request;
        let serve = serve.filter(|_| self.serves_events(&request));
        let is_known =
            is_invite || request.method == Method::Options || is_for_application || serve.is_some();
        if !is_known {
            self.endpoint.respond_not_allowed(server, &request);
        } else if let Uri::Other { .. } = request.uri {
            self.endpoint
                .respond_status(server, &request, Status::UNSUPPORTED_URI_SCHEME);
        } else if self.endpoint.transactions.is_merged(server) {
            self.endpoint
                .respond_status(server, &request, Status::LOOP_DETECTED);
        } else if self
            .endpoint
            .refuse_unsupported(server, &request, is_invite)
        {
            // Answered.
        } else if is_invite && !accepts_description(&request) {
            self.endpoint
                .respond_status(server, &request, Status::NOT_ACCEPTABLE);
        } else if is_invite {
            self.on_invite(server, flow, request);
        } else if let Some(serve) = serve {
            serve(self, server, flow, request);
        } else if is_for_application {
            let id = RequestId(server.0);
            let request = Box::new(request);
            self.endpoint
                .tell(Event::RequestReceived { id, flow, request });
        } else {
            self.endpoint.respond_options(server, &request);
        }
    }

    /// An INVITE that sets up a session.
    fn on_invite(&mut self, server: ServerId, flow: FlowId, invite: Request) {
        let find_replaced = self.parts.find_replaced;
        let replacing = match find_replaced.map(|find| find(self, &invite)) {
            Some(Ok(replacing)) => replacing,
            None => None,
            Some(Err(status)) => {
                self.endpoint.respond_status(server, &invite, status);
                return;
            }
        };
        let id = SessionId(self.next_id());
        let account = self.account_called(flow, &invite.uri);
        let endpoint = &mut self.endpoint;
        let session = Session::ring(endpoint, id, server, flow, account, invite, replacing);
        self.add_session(id, session);
    }

    pub(super) fn session_of(&self, request: &Request) -> Option<SessionId> {
        self.endpoint
            .dialogs
            .get(&DialogId::of_received(request))
            .copied()
    }

    /// The account on this flow whose Contact, or else whose user, is called.
    pub(super) fn account_called(&self, flow: FlowId, target: &Uri) -> Option<AccountId> {
        let on_flow = || {
            self.endpoint
                .identities
                .iter()
                .filter(|(_, i)| i.flow == flow)
        };
        let by_contact = on_flow().find(|(_, i)| i.is_at(target));
        let by_user = || on_flow().find(|(_, i)| i.address_of_record.uri.user() == target.user());
        by_contact
            .or_else(by_user)
            .or_else(|| on_flow().next())
            .map(|(id, _)| *id)
    }

    pub(super) fn answer_request(
        &mut self,
        id: RequestId,
        answer: Answer,
    ) -> Result<(), CommandError> {
        let server = ServerId(id.0);
        let pending = self.endpoint.transactions.pending_request(server);
        let request = pending
            .filter(|r| r.method != Method::Invite)
            .ok_or(CommandError::Gone)?;
        if answer.status.is_provisional() {
            return Err(CommandError::WrongState);
        }
        let tag = self.endpoint.tokens.token();
        let mut response = Response::to(request, answer.status, Some(&tag));
        response.headers.contact = Contacts::List(answer.contacts);
        response.headers.others.extend(answer.headers);
        if let Some(content) = answer.body {
            body::write(&mut response.headers, &mut response.body, content);
        }
        self.endpoint.respond(server, response);
        Ok(())
    }

    // Sent

    pub(super) fn send_outgoing(
        &mut self,
        outgoing: OutgoingRequest,
    ) -> Result<OutgoingId, CommandError> {
        if matches!(
            outgoing.method,
            Method::Invite | Method::Ack | Method::Cancel | Method::Register
        ) {
            return Err(CommandError::WrongState);
        }
        let speaker = self.endpoint.speaker(outgoing.origin)?;
        let Speaker {
            flow,
            account,
            from,
            contact: own,
            privacy,
        } = speaker;
        if !self.endpoint.transactions.is_up(flow) {
            return Err(CommandError::NoFlow);
        }
        let from = from.with_tag(&self.endpoint.tokens.token());
        let to = Address::new(outgoing.target.clone());
        let cseq = CSeq {
            number: 1,
            method: outgoing.method.clone(),
        };
        let mut headers = Headers::new(from, to, self.endpoint.call_id(), cseq);
        // RFC 3428 §4: a MESSAGE has none.
        if outgoing.method != Method::Message {
            contact(&mut headers, &own);
        }
        let identity = account.and_then(|account| self.endpoint.identities.get(&account));
        if let Some(identity) = identity {
            headers.route.clone_from(&identity.service_route);
        }
        headers.others = privacy;
        headers.others.extend(outgoing.headers);
        let mut request = Request::new(outgoing.method, outgoing.target, headers);
        if let Some(content) = outgoing.body {
            body::write(&mut request.headers, &mut request.body, content);
        }
        if request.method == Method::Message {
            self.endpoint.admit_message(flow, account, &mut request)?;
        }
        Ok(self.follow(flow, account, request))
    }

    /// Sends a request whose end is told by [`Event::RequestAnswered`].
    pub(super) fn follow(
        &mut self,
        flow: FlowId,
        account: Option<AccountId>,
        request: Request,
    ) -> OutgoingId {
        let id = OutgoingId(self.next_id());
        self.outgoing.insert(id, account);
        self.parts.on_outgoing_end = Some(Self::on_outgoing_end);
        self.transmit_outgoing(flow, id, request, 0);
        id
    }

    fn transmit_outgoing(&mut self, flow: FlowId, id: OutgoingId, request: Request, answered: u8) {
        let task = Task {
            owner: Owner::Outgoing(id),
            answered,
        };
        self.endpoint.send(flow, request, Persistence::Fails, task);
    }

    fn on_outgoing_end(&mut self, id: OutgoingId, end: Result<Answered, NoResponse>) {
        match end {
            Ok((client, answered, response)) => {
                self.on_outgoing_response(id, client, answered, response);
            }
            Err(why) => self.on_outgoing_answered(id, Err(why)),
        }
    }

    fn on_outgoing_response(
        &mut self,
        id: OutgoingId,
        client: ClientId,
        answered: u8,
        response: Response,
    ) {
        if response.status.is_provisional() {
            return;
        }
        let account = self.outgoing.get(&id).copied().flatten();
        if is_challenge(response.status) {
            let verdict = self
                .endpoint
                .answer_challenge(account, client, answered, &response);
            let identity = account.and_then(|account| self.endpoint.identities.get(&account));
            if let (Verdict::Retry(mut request), Some(identity)) = (verdict, identity) {
                request.headers.cseq.number += 1;
                self.transmit_outgoing(identity.flow, id, *request, answered + 1);
                return;
            }
        }
        self.on_outgoing_answered(id, Ok(Box::new(response)));
    }

    fn on_outgoing_answered(&mut self, id: OutgoingId, outcome: Result<Box<Response>, NoResponse>) {
        if self.outgoing.remove(&id).is_some() {
            self.endpoint.tell(Event::RequestAnswered { id, outcome });
        }
    }
}

/// Whether an answer may be a session description (RFC 3261 §20.1, RFC 4475 §3.3.15); one that says
/// nothing of it, or nothing that can be read, takes anything.
fn accepts_description(invite: &Request) -> bool {
    let accept = invite.headers.typed::<Accept>().ok().flatten();
    accept.is_none_or(|ranges| ranges.allows("application/sdp"))
}
