//! What the application may ask for.

use super::{CommandError, UserAgent};
use crate::endpoint::binding::Binding;
use crate::endpoint::config::{Account, Answer, Body, Invite, OutgoingRequest};
use crate::endpoint::event::{AccountId, OutgoingId, RequestId, SessionId};
use crate::endpoint::identity::Identity;
use crate::endpoint::{Endpoint, Speaker};
use crate::message::{RawHeader, Reason};
use crate::push::Push;
use crate::registration::Registration;
use crate::session::Session;
use crate::transaction::FlowId;
use crate::{Moment, Status, Uri};

type Command = Result<(), CommandError>;

impl UserAgent {
    /// Adds an account and registers it: now if its flow is up, else when it comes up. It is
    /// refreshed until it is removed, and registered again whenever the flow comes up, unless its
    /// secret was refused: then [`UserAgent::refresh_account`] has to say so.
    /// States are told by [`crate::Event::Registration`].
    ///
    /// # Errors
    /// [`CommandError::Contract`].
    pub fn add_account(
        &mut self,
        now: Moment,
        account: Account,
    ) -> Result<AccountId, CommandError> {
        self.enter(now)?;
        let id = AccountId(self.next_id());
        let identity = Identity::new(
            account.flow,
            account.address_of_record.clone(),
            account.contact.clone(),
            account.auth_user.clone(),
            account.credentials.clone(),
        );
        self.endpoint.identities.insert(id, identity);
        let mut registration = Registration::new(&mut self.endpoint, id, account);
        registration.register(&mut self.endpoint);
        self.registrations.insert(id, registration);
        self.leave();
        Ok(id)
    }

    /// Registers afresh at once, for example after the machine woke up or a failure was mended.
    ///
    /// # Errors
    /// [`CommandError::Gone`], [`CommandError::NoFlow`].
    pub fn refresh_account(&mut self, now: Moment, account: AccountId) -> Command {
        self.enter(now)?;
        let registration = self
            .registrations
            .get_mut(&account)
            .filter(|r| !r.is_removed());
        let registration = registration.ok_or(CommandError::Gone)?;
        if !self.endpoint.transactions.is_up(registration.flow()) {
            return Err(CommandError::NoFlow);
        }
        registration.refresh(&mut self.endpoint);
        self.leave();
        Ok(())
    }

    /// What the registrar granted last, once it has.
    #[must_use]
    pub fn binding(&self, account: AccountId) -> Option<&Binding> {
        self.endpoint.identities.get(&account)?.binding.as_ref()
    }

    /// Says how the phone is woken from now on (RFC 8599 §4.1), or that it isn't any more. An
    /// account that is registered says so at once, and others when they register.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn set_push(&mut self, now: Moment, account: AccountId, push: Option<&Push>) -> Command {
        self.enter(now)?;
        let registration = self.registrations.get_mut(&account);
        let registration = registration.filter(|registration| !registration.is_removed());
        let registration = registration.ok_or(CommandError::Gone)?;
        registration.set_push(&mut self.endpoint, push);
        self.leave();
        Ok(())
    }

    /// Asks where the account is registered, with this device or another (RFC 3261 §10.2.3).
    /// [`crate::Event::RequestAnswered`] tells: the Contact of a 2xx lists them all, each with the
    /// seconds that are left as its parameter `expires`.
    ///
    /// # Errors
    /// [`CommandError::Gone`], [`CommandError::NoFlow`].
    pub fn query_contacts(
        &mut self,
        now: Moment,
        account: AccountId,
    ) -> Result<OutgoingId, CommandError> {
        self.enter(now)?;
        let registration = self.registrations.get(&account);
        let registration = registration.filter(|registration| !registration.is_removed());
        let registration = registration.ok_or(CommandError::Gone)?;
        let flow = registration.flow();
        if !self.endpoint.transactions.is_up(flow) {
            return Err(CommandError::NoFlow);
        }
        let query = registration.query(&mut self.endpoint);
        let id = self.follow(flow, Some(account), query);
        self.leave();
        Ok(id)
    }

    /// Unregisters (if registered) and forgets the account; ends with
    /// [`crate::RegistrationState::Unregistered`].
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn remove_account(&mut self, now: Moment, account: AccountId) -> Command {
        self.enter(now)?;
        let registration = self.registrations.get(&account).filter(|r| !r.is_removed());
        registration.ok_or(CommandError::Gone)?;
        self.with_registration(account, |registration, endpoint| {
            registration.remove(endpoint)
        });
        self.leave();
        Ok(())
    }

    /// Starts a session. What becomes of it is told by [`crate::Event::Session`].
    ///
    /// # Errors
    /// [`CommandError::Gone`] if the account is, [`CommandError::NoFlow`] unless
    /// [`crate::Config::invites_wait`].
    pub fn invite(&mut self, now: Moment, invite: Invite) -> Result<SessionId, CommandError> {
        self.enter(now)?;
        let speaker = self.endpoint.speaker(invite.origin.clone())?;
        let may_wait = self.endpoint.config.invites_wait;
        if !may_wait && !self.endpoint.transactions.is_up(speaker.flow) {
            return Err(CommandError::NoFlow);
        }
        let id = self.start_call(speaker, invite);
        self.leave();
        Ok(id)
    }

    pub(super) fn start_call(&mut self, speaker: Speaker, invite: Invite) -> SessionId {
        let id = SessionId(self.next_id());
        let session = Session::call(&mut self.endpoint, id, speaker, invite);
        self.add_session(id, session);
        id
    }

    /// Sends a provisional response (101–199) to an incoming session, with a body if early media
    /// is wanted. Where the caller and [`crate::Config::reliable_provisionals`] want it, it is
    /// repeated until its PRACK is here, and further ones wait for that (RFC 3262 §3).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] also for any other status, and once accepted.
    pub fn progress(
        &mut self,
        now: Moment,
        session: SessionId,
        status: Status,
        body: Option<Body>,
    ) -> Command {
        self.command(now, session, |session, endpoint| {
            session.progress(endpoint, status, body)
        })
    }

    /// Answers an incoming session with 200 and this body; retransmitted until the ACK is here.
    /// If the INVITE had no offer, `body` is one, and [`crate::SessionEvent::OfferAnswered`]
    /// brings its answer. If a reliable provisional response described the session, the 200 waits
    /// for its PRACK and goes out without `body` (RFC 3262 §3, §5).
    ///
    /// A session that takes the place of another ([`crate::CallFacts::replaces`]) ends that one by
    /// this; if that was answered meanwhile and only an unanswered one was meant, this session is
    /// refused with 486 instead and [`crate::SessionEvent::Ended`].
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless it rings.
    pub fn accept(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        self.accept_incoming(now, session, body)
    }

    /// Refuses an incoming session with a final status (300–699) and these headers. It then is
    /// [`crate::SessionEvent::Ended`], too.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless it rings, and for any other status.
    pub fn reject(
        &mut self,
        now: Moment,
        session: SessionId,
        status: Status,
        headers: Vec<RawHeader>,
    ) -> Command {
        self.command(now, session, |session, endpoint| {
            session.reject(endpoint, status, headers)
        })
    }

    /// Ends a session in any state: CANCEL before an answer (held back until a provisional
    /// response is here, RFC 3261 §9.1), 603 to an unanswered incoming one, else BYE.
    /// `reason` goes out as a Reason header.
    ///
    /// [`crate::SessionEvent::Ended`] is told at once; what is left to be sent and answered goes
    /// on without further events.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn end(&mut self, now: Moment, session: SessionId, reason: Option<Reason>) -> Command {
        self.command(now, session, |session, endpoint| {
            session.end(endpoint, reason)
        })
    }

    /// Calls one of the targets of [`crate::SessionEvent::Redirected`] instead, in the same session.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless it was told and this is one of them,
    /// [`CommandError::NoFlow`].
    pub fn follow_redirect(&mut self, now: Moment, session: SessionId, target: &Uri) -> Command {
        self.command(now, session, |session, endpoint| {
            session.follow_redirect(endpoint, target)
        })
    }

    /// Makes a new offer within a confirmed session (re-INVITE).
    /// If both sides do so at once (491), it is made again a little later by itself.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless confirmed and no other offer is under way.
    pub fn offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        self.command(now, session, |session, endpoint| {
            session.offer(endpoint, Some(body))
        })
    }

    /// Asks the peer of a confirmed session for a new offer (a re-INVITE without one, RFC 3261
    /// §14.1). [`crate::SessionEvent::Offer`] brings it, and the ACK waits for
    /// [`UserAgent::answer_offer`]; [`crate::SessionEvent::OfferRefused`] if the peer has none to make.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless confirmed and no offer is under way.
    pub fn request_offer(&mut self, now: Moment, session: SessionId) -> Command {
        self.command(now, session, |session, endpoint| {
            session.offer(endpoint, None)
        })
    }

    /// Makes a new offer by UPDATE (RFC 3311 §5.1), which the peer should answer without asking
    /// its user. It ends as one of [`UserAgent::offer`] does.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless the offer of the INVITE is answered (also by a reliable
    /// provisional response), the peer allows UPDATE and no offer is under way.
    pub fn update(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        self.command(now, session, |session, endpoint| {
            session.update(endpoint, body)
        })
    }

    /// Takes the offer of [`UserAgent::offer`] back, by CANCEL if it is on its way (RFC 3261
    /// §9.1). It still ends by an event: [`crate::SessionEvent::OfferRefused`] with 487, or
    /// [`crate::SessionEvent::OfferAnswered`] if the answer came first. An UPDATE can't be cancelled; its
    /// answer is awaited.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if none is under way.
    pub fn withdraw_offer(&mut self, now: Moment, session: SessionId) -> Command {
        self.command(now, session, |session, endpoint| {
            session.withdraw_offer(endpoint)
        })
    }

    /// Answers [`crate::SessionEvent::Offer`].
    /// Also answers an offer that came in the 2xx to an INVITE without one.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if there is none.
    pub fn answer_offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        self.command(now, session, |session, endpoint| {
            session.answer_offer(endpoint, body)
        })
    }

    /// Refuses [`crate::SessionEvent::Offer`]; the session stays as it was. The offer of a response can't
    /// be refused (RFC 3261 §13.2.2.4): answer it, then end the session.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if there is none to refuse, and for a status below 300.
    pub fn reject_offer(&mut self, now: Moment, session: SessionId, status: Status) -> Command {
        self.command(now, session, |session, endpoint| {
            session.reject_offer(endpoint, status)
        })
    }

    /// Sends an INFO within a confirmed session (RFC 6086).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] unless confirmed.
    pub fn info(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        self.command(now, session, |session, endpoint| {
            session.info(endpoint, body)
        })
    }

    /// Sends a request outside of any session; its end is told by [`crate::Event::RequestAnswered`].
    ///
    /// # Errors
    /// [`CommandError::Gone`] if the account is, [`CommandError::NoFlow`],
    /// [`CommandError::WrongState`] for INVITE, ACK, CANCEL and REGISTER, which have commands of their
    /// own, [`CommandError::TooLarge`] for a MESSAGE.
    pub fn request(
        &mut self,
        now: Moment,
        request: OutgoingRequest,
    ) -> Result<OutgoingId, CommandError> {
        self.enter(now)?;
        let id = self.send_outgoing(request)?;
        self.leave();
        Ok(id)
    }

    /// Answers [`crate::Event::RequestReceived`].
    ///
    /// # Errors
    /// [`CommandError::Gone`] if it was answered before or its sender has given up,
    /// [`CommandError::WrongState`] for a provisional status.
    pub fn respond(&mut self, now: Moment, request: RequestId, answer: Answer) -> Command {
        self.enter(now)?;
        self.answer_request(request, answer)?;
        self.leave();
        Ok(())
    }

    /// Moves sessions from one flow to another: a phone came back with a new connection. What
    /// waited for the old one is sent on the new one.
    ///
    /// # Errors
    /// [`CommandError::Contract`].
    pub fn rebind_flow(&mut self, now: Moment, from: FlowId, to: FlowId) -> Command {
        self.enter(now)?;
        let moved = self.sessions_on(from);
        for id in &moved {
            self.with_session(*id, |session, _| session.rebind(to));
        }
        self.rebind_notifiers(from, to);
        self.rebind_held(from, to);
        self.endpoint.transactions.rebind(from, to);
        if self.endpoint.transactions.is_up(to) {
            for id in moved {
                self.with_session(id, |session, endpoint| session.on_flow_up(endpoint));
            }
        }
        self.leave();
        Ok(())
    }

    /// Asks the flow for a sign of life now: [`crate::Event::FlowAnswered`] or [`crate::Event::FlowSilent`].
    ///
    /// # Errors
    /// [`CommandError::NoFlow`].
    pub fn probe_flow(&mut self, now: Moment, flow: FlowId) -> Command {
        self.enter(now)?;
        let keep_alive = self
            .keep_alives
            .get_mut(&flow)
            .ok_or(CommandError::NoFlow)?;
        keep_alive.probe(&mut self.endpoint);
        self.leave();
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        now: Moment,
        id: SessionId,
        f: impl FnOnce(&mut Session, &mut Endpoint) -> Command,
    ) -> Command {
        self.enter(now)?;
        let session = self.sessions.get_mut(&id).ok_or(CommandError::Gone)?;
        f(session, &mut self.endpoint)?;
        self.forget_finished(id);
        self.leave();
        Ok(())
    }
}
