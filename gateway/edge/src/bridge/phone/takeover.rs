//! Sockets come and go, the phone stays: whoever registers as the same device of the same account is
//! given the task that served it before.

use std::time::Duration;

use sidetone_sip::FlowId;
use sidetone_sip::message::Transport;
use tokio::sync::mpsc;

use super::{BROWSER, CANCEL_PATIENCE, Due, Phone};
use crate::bridge::binding::{Binding, Outcome, Registering};
use crate::bridge::link::Link;
use crate::bridge::phones::Input;
use crate::bridge::seat::Seat;
use crate::bridge::token::PhoneId;

/// What was asked is answered before its browser is sent away.
const RENEW_SOONEST: Duration = Duration::from_millis(250);
/// What each phone adds to the time in which all are sent away.
const RENEW_EACH: Duration = Duration::from_millis(50);
/// The longest such time: a PBX that is back is to know every phone within five seconds.
const RENEW_ALL: Duration = Duration::from_secs(2);

impl Phone {
    pub(super) fn raise(&mut self) {
        let transport = match self.secure {
            true => Transport::Wss,
            false => Transport::Ws,
        };
        self.transactions.handle_transport_up(BROWSER, transport);
    }

    pub(super) fn on_socket_gone(&mut self) {
        self.seat = None;
        self.waiting.clear();
        self.stop_timer(Due::Waiting);
        self.stop_sending_away();
        self.transactions.handle_transport_down(BROWSER);
        self.start_timer(Due::Linger, self.shared.linger);
        self.expect_back();
    }

    /// Closes the socket; a browser that wants to go on comes back.
    pub(super) fn drop_seat(&mut self) {
        self.on_socket_gone();
        // The socket closes when nobody can write to it.
        self.outbound = mpsc::channel(1).0;
    }

    /// The browser is sent away for this before long, so that it comes back; the more there are, the
    /// more time they take, so that not all come back at once.
    pub(super) fn send_away(&mut self, why: Due) {
        if !self.due.iter().any(|(_, due)| *due == why) {
            let phones = u32::try_from(self.shared.phones.count()).unwrap_or(u32::MAX);
            let spread = RENEW_EACH.saturating_mul(phones.max(1)).min(RENEW_ALL);
            let chance = crate::bridge::random() % (spread.as_millis() as u64);
            self.start_timer(why, RENEW_SOONEST + Duration::from_millis(chance));
        }
    }

    /// There is no reason any more to send it away.
    fn stop_sending_away(&mut self) {
        let is_reason = |due: &Due| matches!(due, Due::Renew | Due::Retry(_));
        self.due.retain(|(_, due)| !is_reason(due));
    }

    /// The PBX believes that this is the phone.
    pub(super) async fn on_registered(
        &mut self,
        registering: Registering,
        outcome: Outcome,
        link: FlowId,
    ) {
        let Registering {
            upstream,
            account,
            phone,
        } = registering;
        let seats = self.seat.as_mut();
        if outcome == Outcome::Unregistered {
            if let Some(seat) = seats {
                seat.bindings.retain(|binding| binding.phone != phone);
            }
            if phone != self.id && self.claims.contains(&phone) {
                self.claims.retain(|claim| *claim != phone);
                self.shared.phones.release(phone, &self.task);
            }
            return;
        }
        let binding = Binding {
            upstream,
            account,
            phone,
            link,
        };
        if let Some(successor) = &self.successor {
            // A successor that is over has no use for it.
            let line = self.link(link).filter(|link| link.is_connection()).cloned();
            let _ = successor
                .send(Input::Bound(Box::new((binding, line))))
                .await;
            return;
        }
        self.bind(binding);
        if self.claims.contains(&phone) {
            self.release_waiting().await;
        } else if let Some(other) = self.shared.phones.find(phone) {
            self.hand_over(other).await;
        }
    }

    /// The phone had a task already: that one takes the socket, and this one only ends what it has
    /// begun.
    async fn hand_over(&mut self, other: mpsc::Sender<Input>) {
        while let Some(broken) = self.flush() {
            self.links.retain(|link| link.flow != broken);
            self.transactions.handle_transport_down(broken);
        }
        let Some(seat) = self.seat.take() else { return };
        let waiting = std::mem::take(&mut self.waiting);
        self.stop_timer(Due::Waiting);
        self.start_timer(Due::Linger, CANCEL_PATIENCE);
        self.successor = Some(other.clone());
        let lines = self.links.iter().filter(|link| link.is_connection());
        let lines: Vec<Link> = lines.cloned().collect();
        if let Err(failed) = other.send(Input::Adopt(Box::new((seat, lines)))).await {
            // It ended just now.
            self.successor = None;
            if let Input::Adopt(phone) = failed.0 {
                let (seat, _) = *phone;
                let bindings = seat.bindings.clone();
                self.seat = Some(seat);
                self.stop_timer(Due::Linger);
                for binding in bindings {
                    self.bind(binding);
                }
            }
        }
        for request in waiting {
            if let Some(destination) = self.destination(&request) {
                Box::pin(self.on_request(request, destination)).await;
            }
        }
    }

    /// The same phone on a new socket: the old one is over, and what waited goes on.
    pub(super) async fn adopt(&mut self, seat: Seat, lines: Vec<Link>) {
        tracing::info!(flow = seat.info.id.0, "a phone came back");
        self.take_lines(lines);
        self.transactions.handle_transport_down(BROWSER);
        self.stop_timer(Due::Linger);
        self.stop_sending_away();
        self.outbound = seat.outbound.clone();
        self.person = seat.info.person.clone();
        self.secure = seat.info.secure;
        let bindings = seat.bindings.clone();
        self.seat = Some(seat);
        for binding in bindings {
            self.bind(binding);
        }
        self.on_return();
        self.settle(None).await;
    }

    pub(super) fn bind(&mut self, binding: Binding) {
        if self.claim(binding.phone) {
            let line = self.link(binding.link).filter(|link| link.is_connection());
            self.shared.phones.note_line(binding.phone, line.cloned());
        }
        self.stop_timer(Due::Retry(binding.upstream));
        if let Some(seat) = &mut self.seat {
            seat.bindings.retain(|other| other.phone != binding.phone);
            seat.unserved
                .retain(|upstream| *upstream != binding.upstream);
            seat.bindings.reserve_exact(1);
            seat.bindings.push(binding);
        }
    }

    /// Makes this the task of `phone`; false if another one is.
    pub(super) fn claim(&mut self, phone: PhoneId) -> bool {
        let claimed = self.shared.phones.claim(phone, &self.task).is_ok();
        if claimed && !self.claims.contains(&phone) {
            self.claims.reserve_exact(1);
            self.claims.push(phone);
        }
        claimed
    }
}
