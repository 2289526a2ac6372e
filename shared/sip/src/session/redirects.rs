//! A call that is sent elsewhere by 3xx (RFC 3261 §8.1.3.4).

use super::{Over, Phase, Session};
use crate::endpoint::config::Redirection;
use crate::endpoint::event::{Ended, EndedBy, SessionEvent};
use crate::endpoint::{Endpoint, Purpose};
use crate::transaction::ClientId;
use crate::{Address, CommandError, Request, Response, Status, Uri};

/// So many targets are kept; the caller would not wait for more.
const MOST_TARGETS: usize = 16;

/// Where else a call may go.
///
/// ```text
///               3xx, policy Ask: Redirected
///  +---------+ ----------------------------> +-----------+
///  | Calling |                               | Undecided |
///  +---------+ <---------------------------- +-----------+
///     |   ^        follow_redirect(): INVITE       | end()
///     +---+ 3xx, policy Follow: INVITE             V
///       4xx, 5xx, no answer: INVITE to the next   Over
/// ```
#[derive(Debug, Default)]
pub(super) struct Redirects {
    /// Where the call has been, so that it goes nowhere twice.
    tried: Vec<Uri>,
    /// Where it may still go, the best first.
    targets: Vec<Address>,
    /// The INVITE that waits for the application to choose.
    undecided: Option<Box<Request>>,
}

impl Redirects {
    /// Takes the targets that a response to `invite` names.
    fn take(&mut self, invite: &Request, response: &Response) {
        let is_secure = |uri: &Uri| uri.as_sip().is_some_and(|uri| uri.secure);
        if self.tried.is_empty() {
            self.tried.push(invite.uri.clone());
        }
        for contact in response.headers.contact.list() {
            let Some(target) = callable(contact) else {
                continue;
            };
            let known = self.targets.iter().map(|target| &target.uri);
            let is_known = known
                .chain(&self.tried)
                .any(|uri| uri.equivalent(&target.uri));
            let is_weaker = is_secure(&self.tried[0]) && !is_secure(&target.uri);
            if !is_known && !is_weaker && self.targets.len() < MOST_TARGETS {
                // RFC 3261 §20.10: one without a q is as good as any.
                let preference = |target: &Address| target.q().unwrap_or(1000);
                let behind = |known: &Address| preference(known) >= preference(&target);
                let at = self.targets.partition_point(behind);
                self.targets.insert(at, target);
            }
        }
    }

    fn next(&mut self, most: u8) -> Option<Uri> {
        if self.targets.is_empty() || self.tried.len() > usize::from(most) {
            return None;
        }
        Some(self.targets.remove(0).uri)
    }
}

/// A Contact as the target of an INVITE: one that can be called, and without words for our mouth.
fn callable(contact: &Address) -> Option<Address> {
    let mut target = contact.clone();
    match &mut target.uri {
        Uri::Sip(uri) => {
            let method = uri.params.value("method");
            if method.is_some_and(|method| method != "INVITE") {
                return None;
            }
            uri.params.remove("method");
            uri.headers = None;
        }
        Uri::Tel(_) => {}
        Uri::Other { .. } => return None,
    }
    Some(target)
}

/// 305 and 380 need more than another Request-URI.
const fn is_redirect(status: Status) -> bool {
    matches!(
        status,
        Status::MULTIPLE_CHOICES | Status::MOVED_PERMANENTLY | Status::MOVED_TEMPORARILY
    )
}

impl Session {
    /// A final response to our INVITE that is no success.
    pub(super) fn on_refused(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        response: Response,
    ) {
        let invite = endpoint.transactions.request_of(client);
        if let Phase::Calling(calling) = &mut self.phase
            && let Some(invite) = invite
            && is_redirect(response.status)
            && endpoint.config.redirection != Redirection::End
        {
            calling.redirects.take(invite, &response);
        }
        // RFC 3261 §21.6: nobody else can help with a 6xx.
        let is_hopeless = response.status.code() >= 600;
        if is_hopeless || !self.go_elsewhere(endpoint, client, response.status) {
            self.over(endpoint, Over::default());
            self.tell_ended(endpoint, Ended::refused(EndedBy::Refused, response));
        }
    }

    /// Calls the next target, or lets the application choose; false if there is none.
    pub(super) fn go_elsewhere(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        status: Status,
    ) -> bool {
        let Some(invite) = endpoint.transactions.request_of(client).cloned() else {
            return false;
        };
        let Phase::Calling(calling) = &mut self.phase else {
            return false;
        };
        match endpoint.config.redirection {
            Redirection::End => false,
            Redirection::Ask => {
                let targets = calling.redirects.targets.clone();
                if targets.is_empty() {
                    return false;
                }
                calling.redirects.undecided = Some(Box::new(invite));
                self.leave_early_dialogs(endpoint, "");
                self.tell(endpoint, SessionEvent::Redirected { status, targets });
                true
            }
            Redirection::Follow { most } => {
                let next = calling.redirects.next(most);
                let is_found = next.is_some();
                if let Some(target) = next {
                    self.call_elsewhere(endpoint, invite, target);
                }
                is_found
            }
        }
    }

    fn call_elsewhere(&mut self, endpoint: &mut Endpoint, mut invite: Request, target: Uri) {
        if let Phase::Calling(calling) = &mut self.phase {
            calling.redirects.tried.push(target.clone());
        }
        invite.uri = target;
        self.retry(endpoint, Purpose::Invite, invite, 0);
    }

    /// Calls the target that the application chose.
    pub(crate) fn follow_redirect(
        &mut self,
        endpoint: &mut Endpoint,
        target: &Uri,
    ) -> super::Command {
        let is_up = endpoint.transactions.is_up(self.flow);
        let Phase::Calling(calling) = &mut self.phase else {
            self.alive()?;
            return Err(CommandError::WrongState);
        };
        let redirects = &mut calling.redirects;
        let chosen = redirects.targets.iter().position(|t| t.uri == *target);
        let (Some(chosen), true) = (chosen, redirects.undecided.is_some()) else {
            return Err(CommandError::WrongState);
        };
        if !is_up {
            return Err(CommandError::NoFlow);
        }
        let target = redirects.targets.remove(chosen).uri;
        if let Some(invite) = redirects.undecided.take() {
            self.call_elsewhere(endpoint, *invite, target);
        }
        Ok(())
    }
}
