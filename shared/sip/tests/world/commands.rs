//! What a user does.

use sidetone_sip::auth::Secret;
use sidetone_sip::message::{HeaderName, RawHeader};
use sidetone_sip::push::Push;
use sidetone_sip::{
    Account, Answer, Body, CommandError, CredentialSource, Invite, Method, Moment, OutgoingRequest,
    Publish, Refer, SessionId, Status, UserAgent,
};

use super::operation::{Command, Side};
use super::watch::Watch;
use super::{FLOW, World, address, chosen, uri};

fn header(name: HeaderName, value: &str) -> RawHeader {
    RawHeader {
        name,
        value: value.into(),
    }
}

type Done = Result<(), CommandError>;

fn account(credentials: CredentialSource) -> Account {
    Account {
        flow: FLOW,
        address_of_record: address("sip:me@example.org"),
        registrar: uri("sip:example.org"),
        auth_user: None,
        credentials,
        contact: address("sip:me@me.invalid"),
        expires: 600,
    }
}

impl World {
    pub(super) fn command(&mut self, side: Side, command: Command) {
        let origin = self.person(side).origin();
        let body = || Body::sdp("description");
        let session = |this: &mut Self, which| this.person(side).session(which);
        let on_session = |this: &mut Self,
                          which,
                          command: &dyn Fn(&mut UserAgent, Moment, SessionId) -> Done,
                          note: fn(&mut Watch, SessionId)| {
            if let Some(session) = session(this, which) {
                let done = this.attempt(side, |agent, now| command(agent, now, session));
                if done.is_some() {
                    let watch = &mut this.person(side).watch;
                    watch.on_command(session);
                    note(watch, session);
                }
            }
        };
        match command {
            Command::Invite { with_offer } => {
                let invite = Invite {
                    origin,
                    target: uri("sip:peer@example.org"),
                    to: address("sip:peer@example.org"),
                    headers: Vec::new(),
                    body: with_offer.then(body),
                };
                if let Some(id) = self.attempt(side, |agent, now| agent.invite(now, invite)) {
                    self.person(side).watch.on_invited(id, with_offer);
                }
            }
            Command::Progress(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.progress(now, id, Status::RINGING, None),
                |_, _| {},
            ),
            Command::EarlyMedia(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    agent.progress(now, id, Status::SESSION_PROGRESS, Some(Body::sdp("early")))
                },
                |_, _| {},
            ),
            Command::Accept(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.accept(now, id, Body::sdp("answer")),
                Watch::on_accepted,
            ),
            Command::Reject(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject(now, id, Status::BUSY_HERE, Vec::new()),
                |_, _| {},
            ),
            Command::End(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.end(now, id, None),
                |_, _| {},
            ),
            Command::Offer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.offer(now, id, Body::sdp("offer")),
                Watch::on_offered,
            ),
            Command::RequestOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.request_offer(now, id),
                Watch::on_offer_asked,
            ),
            Command::Update(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.update(now, id, Body::sdp("update")),
                Watch::on_offered,
            ),
            Command::WithdrawOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.withdraw_offer(now, id),
                Watch::on_offer_withdrawn,
            ),
            Command::AnswerOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.answer_offer(now, id, Body::sdp("answer")),
                Watch::on_offer_answered,
            ),
            Command::RejectOffer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject_offer(now, id, Status::NOT_ACCEPTABLE_HERE),
                Watch::on_offer_refused,
            ),
            Command::Info(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.info(now, id, Body::sdp("info")),
                |_, _| {},
            ),
            Command::Refer(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let refer = Refer {
                        target: address("sip:third@example.org"),
                        referred_by: Some(address("sip:me@example.org")),
                        wants_reports: which % 4 != 0,
                    };
                    agent.refer(now, id, refer)
                },
                Watch::on_referred,
            ),
            Command::ReferToPeer(which, other) => {
                if let Some(other) = session(self, other) {
                    on_session(
                        self,
                        which,
                        &|agent, now, id| agent.refer_to_peer(now, id, other, None),
                        Watch::on_referred,
                    );
                }
            }
            Command::FollowRefer(which) => {
                if let Some(asked) = session(self, which) {
                    let call = self.attempt(side, |agent, now| {
                        agent.follow_refer(now, asked, origin, Some(body()))
                    });
                    if let Some(call) = call {
                        self.person(side).watch.on_invited(call, true);
                    }
                }
            }
            Command::AcceptRefer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.accept_refer(now, id),
                |_, _| {},
            ),
            Command::RejectRefer(which) => on_session(
                self,
                which,
                &|agent, now, id| agent.reject_refer(now, id, Status::DECLINE),
                |_, _| {},
            ),
            Command::ReportRefer(which, is_over) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let status = if is_over { Status::OK } else { Status::RINGING };
                    agent.report_refer(now, id, status)
                },
                |_, _| {},
            ),
            Command::Replace(which) => {
                let replaced = session(self, which);
                let agent = &self.person(side).agent;
                if let Some(Ok(replaces)) = replaced.map(|id| agent.replaces_of(id)) {
                    let invite = Invite {
                        origin,
                        target: uri("sip:peer@example.org"),
                        to: address("sip:peer@example.org"),
                        headers: Vec::new(),
                        body: Some(body()),
                    };
                    let call = self.attempt(side, |agent, now| {
                        agent.invite_replacing(now, invite, &replaces)
                    });
                    if let Some(call) = call {
                        self.person(side).watch.on_invited(call, true);
                    }
                }
            }
            Command::Redirect(which) => on_session(
                self,
                which,
                &|agent, now, id| {
                    let contact = RawHeader {
                        name: HeaderName::Contact,
                        value: format!("<sip:{which}@example.org>").into(),
                    };
                    let moved = Status::MOVED_TEMPORARILY;
                    agent.reject(now, id, moved, vec![contact])
                },
                |_, _| {},
            ),
            Command::Message => {
                let request = OutgoingRequest {
                    origin,
                    method: Method::Message,
                    target: uri("sip:peer@example.org"),
                    headers: Vec::new(),
                    body: Some(body()),
                };
                self.attempt(side, |agent, now| agent.request(now, request));
            }
            Command::Respond(which) => {
                if let Some(id) = self.person(side).requests.pop_front() {
                    let (status, header) = match which {
                        0x40..0x80 => (Status::UNAUTHORIZED, self.challenge()),
                        _ if which % 4 == 2 => (Status::NOT_FOUND, None),
                        _ if which % 4 == 3 => (Status::TEMPORARILY_UNAVAILABLE, None),
                        0xf0.. => (Status::CONDITIONAL_REQUEST_FAILED, None),
                        _ => (Status::OK, Some(header(HeaderName::SipEtag, "tag"))),
                    };
                    let answer = Answer {
                        headers: header.into_iter().collect(),
                        ..Answer::of(status)
                    };
                    self.attempt(side, |agent, now| agent.respond(now, id, answer));
                }
            }
            Command::AddAccount => self.add_account(side, Secret::new("secret").into()),
            Command::AddKept => self.add_account(side, CredentialSource::Application),
            Command::AnswerChallenge(which) => {
                if let Some(id) = self.person(side).challenges.pop_front() {
                    let response = (which % 3 != 0).then(|| "00".into());
                    self.attempt(side, |agent, now| agent.answer_challenge(now, id, response));
                }
            }
            Command::Challenge(which) => {
                let challenge = self.challenge();
                on_session(
                    self,
                    which,
                    &|agent, now, id| {
                        let challenge = challenge.iter().cloned().collect();
                        agent.reject(now, id, Status::UNAUTHORIZED, challenge)
                    },
                    |_, _| {},
                );
            }
            Command::Publish => {
                let publish = Publish {
                    origin,
                    target: uri("sip:me@example.org"),
                    package: "presence".into(),
                    body: body(),
                    expires: 600,
                    headers: Vec::new(),
                };
                if self.person(side).publications.len() < 3 {
                    let made = self.attempt(side, |agent, now| agent.publish(now, publish));
                    self.person(side).publications.extend(made);
                }
            }
            Command::Modify(which) => {
                if let Some(id) = chosen(&self.person(side).publications, which) {
                    self.attempt(side, |agent, now| agent.modify_publication(now, id, body()));
                }
            }
            Command::Unpublish(which) => {
                if let Some(id) = chosen(&self.person(side).publications, which) {
                    self.person(side).publications.retain(|other| *other != id);
                    self.attempt(side, |agent, now| agent.unpublish(now, id));
                }
            }
            Command::SetPush(which) => {
                let push = Push {
                    provider: "webpush".into(),
                    param: None,
                    prid: Some("1".into()),
                    wakes_itself: true,
                };
                let push = Some(&push).filter(|_| which % 2 == 0);
                if let Some(id) = self.person(side).account(which) {
                    self.attempt(side, |agent, now| agent.set_push(now, id, push));
                }
            }
            Command::RefreshAccount(which) => {
                if let Some(id) = self.person(side).account(which) {
                    self.attempt(side, |agent, now| agent.refresh_account(now, id));
                }
            }
            Command::QueryContacts(which) => {
                if let Some(id) = self.person(side).account(which) {
                    self.attempt(side, |agent, now| agent.query_contacts(now, id));
                }
            }
            Command::RemoveAccount(which) => {
                if let Some(id) = self.person(side).account(which) {
                    self.person(side).accounts.retain(|account| *account != id);
                    self.attempt(side, |agent, now| agent.remove_account(now, id));
                }
            }
            Command::Probe => {
                self.attempt(side, |agent, now| agent.probe_flow(now, FLOW));
            }
        }
        self.drain(side);
    }

    fn add_account(&mut self, side: Side, credentials: CredentialSource) {
        if self.person(side).accounts.len() < 3 {
            let account = account(credentials);
            let added = self.attempt(side, |agent, now| agent.add_account(now, account));
            self.person(side).accounts.extend(added);
        }
    }

    /// A challenge with a nonce of its own.
    pub(super) fn challenge(&mut self) -> Option<RawHeader> {
        self.nonces += 1;
        let value = format!(r#"Digest realm="r", nonce="{}", qop="auth""#, self.nonces);
        Some(header(HeaderName::WwwAuthenticate, &value))
    }
}
