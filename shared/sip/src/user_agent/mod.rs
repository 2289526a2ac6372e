/// The user agent. See the crate's contract.
pub struct UserAgent {
    config: Config,
    tokens: Box<dyn TokenSource + Send>,
}

type Command = Result<(), CommandError>;

impl UserAgent {
    /// An agent without accounts, sessions or flows.
    #[must_use]
    pub fn new(config: Config, tokens: Box<dyn TokenSource + Send>) -> Self {
        Self { config, tokens }
    }

    /// Gives one input.
    ///
    /// # Errors
    /// [`ContractError`]; the input was not taken.
    pub fn handle_input(&mut self, now: Moment, input: Input) -> Result<(), ContractError> {
        todo!()
    }

    /// The next output; [`Output::Timeout`] when there is none.
    pub fn poll_output(&mut self) -> Output {
        todo!()
    }

    /// Adds an account and registers it: now if its flow is up, else when it comes up. It is
    /// refreshed until it is removed, and registered again whenever the flow comes up.
    /// States are told by [`Event::Registration`].
    pub fn add_account(&mut self, now: Moment, account: Account) -> Result<AccountId, CommandError> {
        todo!()
    }

    /// Registers afresh at once, for example after the machine woke up or a failure was mended.
    pub fn refresh_account(&mut self, now: Moment, account: AccountId) -> Command {
        todo!()
    }

    /// Unregisters (if registered) and forgets the account; ends with
    /// [`RegistrationState::Unregistered`].
    pub fn remove_account(&mut self, now: Moment, account: AccountId) -> Command {
        todo!()
    }

    /// Starts a session. What becomes of it is told by [`Event::Session`].
    pub fn invite(&mut self, now: Moment, invite: Invite) -> Result<SessionId, CommandError> {
        todo!()
    }

    /// Sends a provisional response (101–199) to an incoming session, with a body if early media
    /// is wanted.
    pub fn progress(&mut self, now: Moment, session: SessionId, status: Status, body: Option<Body>) -> Command {
        todo!()
    }

    /// Answers an incoming session with 200 and this body; retransmitted until the ACK is here.
    pub fn accept(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Refuses an incoming session with a final status (300–699) and these headers. It then is
    /// [`SessionEvent::Ended`], too.
    pub fn reject(&mut self, now: Moment, session: SessionId, status: Status, headers: Vec<RawHeader>) -> Command {
        todo!()
    }

    /// Ends a session in any state: CANCEL before an answer (held back until a provisional
    /// response is here, RFC 3261 §9.1), 603 to an unanswered incoming one, else BYE.
    /// `reason` goes out as a Reason header.
    pub fn end(&mut self, now: Moment, session: SessionId, reason: Option<crate::message::Reason>) -> Command {
        todo!()
    }

    /// Makes a new offer within a confirmed session (re-INVITE).
    pub fn offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Answers [`SessionEvent::Offer`].
    pub fn answer_offer(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Refuses [`SessionEvent::Offer`]; the session stays as it was.
    pub fn reject_offer(&mut self, now: Moment, session: SessionId, status: Status) -> Command {
        todo!()
    }

    /// Sends an INFO within a confirmed session (RFC 6086).
    pub fn info(&mut self, now: Moment, session: SessionId, body: Body) -> Command {
        todo!()
    }

    /// Sends a request outside of any session; its end is told by [`Event::RequestAnswered`].
    pub fn request(&mut self, now: Moment, request: OutgoingRequest) -> Result<OutgoingId, CommandError> {
        todo!()
    }

    /// Answers [`Event::RequestReceived`].
    pub fn respond(&mut self, now: Moment, request: RequestId, answer: Answer) -> Command {
        todo!()
    }

    /// Moves sessions from one flow to another: a phone came back with a new connection. What
    /// waited for the old one is sent on the new one.
    pub fn rebind_flow(&mut self, now: Moment, from: FlowId, to: FlowId) -> Command {
        todo!()
    }

    /// Asks the flow for a sign of life now: [`Event::FlowAnswered`] or [`Event::FlowSilent`].
    pub fn probe_flow(&mut self, now: Moment, flow: FlowId) -> Command {
        todo!()
    }

    /// Whether nothing is left: no transaction, no timer, no session, no account.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        todo!()
    }
}
