//! Event notification as the application and the network ask for it (RFC 6665).

use super::{CommandError, UserAgent};
use crate::dialog::DialogId;
use crate::endpoint::config::Body;
use crate::endpoint::event::Event;
use crate::endpoint::{Endpoint, body};
use crate::message::{EventType, Expires, RawHeader, SubscriptionState};
use crate::subscription::{
    Notifier, Notifying, Subscribe, Subscriber, Subscribing, SubscriptionId,
};
use crate::transaction::{FlowId, ServerId};
use crate::{Method, Moment, Request, Status};

type Command = Result<(), CommandError>;

/// What a subscription lasts if nothing is said: that of most packages (RFC 6665 §5.4.4).
const DEFAULT_EXPIRES: u32 = 3600;

impl UserAgent {
    // Commands of a subscriber

    /// Subscribes: now if the flow is up, else when it comes up. The subscription is refreshed
    /// and, where that may help, made again until [`UserAgent::unsubscribe`]; what it tells and
    /// how it fares comes by [`Event::Subscription`].
    ///
    /// # Errors
    /// [`CommandError::Gone`] if the account is, [`CommandError::WrongState`] without a package.
    pub fn subscribe(
        &mut self,
        now: Moment,
        mut wish: Subscribe,
    ) -> Result<SubscriptionId, CommandError> {
        self.enter(now)?;
        if wish.packages.is_empty() {
            return Err(CommandError::WrongState);
        }
        let speaker = self.endpoint.speaker(wish.origin.clone())?;
        wish.headers.extend(speaker.privacy.iter().cloned());
        let id = SubscriptionId(self.next_id());
        let subscriber = Subscriber::new(id, speaker, wish);
        self.subscribers.insert(id, Box::new(subscriber));
        self.parts.on_subscription_request = Some(Self::on_subscription_request);
        self.with_subscriber(id, |s, e| s.ask(e));
        self.leave();
        Ok(id)
    }

    /// Refreshes a subscription of ours now, so that the full state is told: something was missed.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn refresh_subscription(&mut self, now: Moment, subscription: SubscriptionId) -> Command {
        self.enter(now)?;
        let subscriber = self.subscribers.get(&subscription);
        subscriber
            .filter(|subscriber| !subscriber.is_leaving())
            .ok_or(CommandError::Gone)?;
        self.with_subscriber(subscription, |s, e| s.ask(e));
        self.leave();
        Ok(())
    }

    /// Ends a subscription of ours; it is [`crate::SubscriptionEvent::Ended`] at once.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn unsubscribe(&mut self, now: Moment, subscription: SubscriptionId) -> Command {
        self.enter(now)?;
        let subscriber = self.subscribers.get(&subscription);
        subscriber
            .filter(|subscriber| !subscriber.is_leaving())
            .ok_or(CommandError::Gone)?;
        self.with_subscriber(subscription, |s, e| s.leave(e));
        self.leave();
        Ok(())
    }

    // Commands of a notifier

    /// Accepts [`crate::SubscriptionEvent::Requested`] for at most so many seconds and tells the
    /// state at once. A pending subscription tells little and becomes active by the next
    /// [`UserAgent::notify`] (RFC 6665 §4.2.1.3).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if it was accepted before.
    pub fn accept_subscription(
        &mut self,
        now: Moment,
        subscription: SubscriptionId,
        expires: u32,
        is_pending: bool,
        body: Option<Body>,
    ) -> Command {
        self.notifier_command(now, subscription, |notifier, endpoint| {
            notifier.accept(endpoint, expires, is_pending, body)
        })
    }

    /// Refuses [`crate::SubscriptionEvent::Requested`] with a final status (300–699).
    ///
    /// # Errors
    /// [`CommandError::WrongState`] if it was accepted before, and for any other status.
    pub fn reject_subscription(
        &mut self,
        now: Moment,
        subscription: SubscriptionId,
        status: Status,
        headers: Vec<RawHeader>,
    ) -> Command {
        self.notifier_command(now, subscription, |notifier, endpoint| {
            notifier.reject(endpoint, status, headers)
        })
    }

    /// Tells a subscriber the state. NOTIFYs are sent one after the other, in this order.
    ///
    /// # Errors
    /// [`CommandError::WrongState`] until it is accepted, [`CommandError::Gone`].
    pub fn notify(
        &mut self,
        now: Moment,
        subscription: SubscriptionId,
        body: Option<Body>,
    ) -> Command {
        self.notifier_command(now, subscription, |notifier, endpoint| {
            notifier.notify(endpoint, body)
        })
    }

    /// Ends a subscription to us with a last NOTIFY; `told` is
    /// [`SubscriptionState::terminated`].
    ///
    /// # Errors
    /// [`CommandError::WrongState`] until it is accepted, [`CommandError::Gone`].
    pub fn end_subscription(
        &mut self,
        now: Moment,
        subscription: SubscriptionId,
        told: SubscriptionState,
        body: Option<Body>,
    ) -> Command {
        self.notifier_command(now, subscription, |notifier, endpoint| {
            notifier.end(endpoint, told, body)
        })
    }

    fn notifier_command(
        &mut self,
        now: Moment,
        id: SubscriptionId,
        f: impl FnOnce(&mut dyn Notifying, &mut Endpoint) -> Command,
    ) -> Command {
        self.enter(now)?;
        let notifier = self.notifiers.get_mut(&id).ok_or(CommandError::Gone)?;
        f(notifier.as_mut(), &mut self.endpoint)?;
        self.with_notifier(id, |_, _| {});
        self.leave();
        Ok(())
    }

    // Received

    /// Whether a request outside of dialogs is for a notifier or tells what nobody asked for.
    pub(super) fn serves_events(&self, request: &Request) -> bool {
        let config = &self.endpoint.config;
        match request.method {
            Method::Subscribe => !config.notifies.is_empty(),
            Method::Notify => !config.unsolicited.is_empty(),
            _ => false,
        }
    }

    /// A SUBSCRIBE or a NOTIFY outside of dialogs.
    pub(super) fn on_event_request(&mut self, server: ServerId, flow: FlowId, request: Request) {
        let Ok(Some(event)) = request.headers.typed::<EventType>() else {
            // RFC 6665 §4.2.1.1.
            self.endpoint.respond_bad_event(server, &request);
            return;
        };
        let config = &self.endpoint.config;
        let served = if request.method == Method::Subscribe {
            &config.notifies
        } else {
            &config.unsolicited
        };
        let account = self.account_called(flow, &request.uri);
        if !served.contains(&event.package) {
            self.endpoint.respond_bad_event(server, &request);
        } else if request.method == Method::Subscribe {
            let expires = request.headers.typed::<Expires>().ok().flatten();
            let expires = expires.map_or(DEFAULT_EXPIRES, |expires| expires.0);
            let id = SubscriptionId(self.next_id());
            let endpoint = &mut self.endpoint;
            let notifier =
                Notifier::ask(endpoint, id, server, flow, account, event, expires, request);
            self.notifiers.insert(id, Box::new(notifier));
        } else {
            self.endpoint.respond_status(server, &request, Status::OK);
            let body = body::read(&request.headers, &request.body);
            self.endpoint.tell(Event::Unsolicited {
                flow,
                account,
                package: event.package.detached(),
                body,
            });
        }
    }

    /// A request within a dialog that is no session's.
    pub(super) fn on_subscription_request(&mut self, server: ServerId, request: &Request) {
        let dialog = DialogId::of_received(request);
        if request.method == Method::Subscribe
            && let Some(&id) = self.endpoint.notifiers.get(&dialog)
        {
            self.with_notifier(id, |n, e| n.on_subscribe(e, server, request));
        } else if request.method == Method::Notify
            && let Some(&id) = self.endpoint.subscribers.get(&dialog.before_answer())
        {
            self.with_subscriber(id, |s, e| s.on_notify(e, server, request));
        } else {
            self.endpoint
                .respond_status(server, request, Status::CALL_DOES_NOT_EXIST);
        }
    }

    // Shared

    pub(super) fn subscribers_on(&self, flow: FlowId) -> Vec<SubscriptionId> {
        let on_flow = self.subscribers.iter().filter(|(_, s)| s.flow() == flow);
        on_flow.map(|(id, _)| *id).collect()
    }

    pub(super) fn rebind_notifiers(&mut self, from: FlowId, to: FlowId) {
        for notifier in self.notifiers.values_mut().filter(|n| n.flow() == from) {
            notifier.rebind(to);
        }
    }

    pub(super) fn with_subscriber(
        &mut self,
        id: SubscriptionId,
        f: impl FnOnce(&mut dyn Subscribing, &mut Endpoint),
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else {
            return;
        };
        f(subscriber.as_mut(), &mut self.endpoint);
        if subscriber.is_over()
            && let Some(mut subscriber) = self.subscribers.remove(&id)
        {
            subscriber.forget(&mut self.endpoint);
        }
    }

    pub(super) fn with_notifier(
        &mut self,
        id: SubscriptionId,
        f: impl FnOnce(&mut dyn Notifying, &mut Endpoint),
    ) {
        let Some(notifier) = self.notifiers.get_mut(&id) else {
            return;
        };
        f(notifier.as_mut(), &mut self.endpoint);
        if notifier.is_over()
            && let Some(notifier) = self.notifiers.remove(&id)
        {
            notifier.forget(&mut self.endpoint);
        }
    }
}
