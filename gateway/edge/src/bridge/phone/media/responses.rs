//! Descriptions in responses.

use sidetone_sip::message::{Contacts, HeaderName};
use sidetone_sip::transaction::ServerId;
use sidetone_sip::{Method, Response, Text};

use super::{Seen, has_description};
use crate::bridge::anchor::{AnchorError, Rewritten, Step};
use crate::bridge::border;
use crate::bridge::phone::leg::Way;
use crate::bridge::phone::{BROWSER, Phone};

impl Phone {
    /// Rewrites the description in a response; an error says that nobody can use it.
    pub(in crate::bridge::phone) async fn media_of_response(
        &mut self,
        server: ServerId,
        response: &mut Response,
        from_browser: bool,
    ) -> Result<(), AnchorError> {
        let Some(asked) = self.transactions.served_request(server) else {
            return Ok(());
        };
        let call_id = asked.headers.call_id.clone();
        let is_invite = asked.method == Method::Invite;
        let offered = !asked.body.is_empty();
        let succeeded = response.status.is_success();
        if !self.calls.contains_key(&call_id) {
            return Ok(());
        }
        if is_invite && succeeded {
            self.note_farewell(server, response);
        }
        let branch: Text = response.headers.to.tag().unwrap_or_default().into();
        if has_description(response.headers.typed().ok().flatten(), &response.body) {
            let seen = self.legs.get(&server).and_then(|leg| leg.seen.as_ref());
            if let Some(seen) = seen
                && seen.branch == branch
                && seen.body == response.body
            {
                response.body = seen.rewritten.clone().into_bytes();
            } else {
                let step = match (from_browser, is_invite && !offered) {
                    (true, true) => Step::OfferFromBrowser,
                    (true, false) => Step::AnswerFromBrowser,
                    (false, true) => Step::OfferFromPbx,
                    (false, false) => Step::AnswerFromPbx { branch: &branch },
                };
                let rewritten = match self.rewrite(&call_id, step, &response.body).await? {
                    Rewritten::Pass(sdp) | Rewritten::Answer(sdp) => sdp,
                };
                let bytes = rewritten.clone().into_bytes();
                let body = std::mem::replace(&mut response.body, bytes);
                if let Some(leg) = self.legs.get_mut(&server) {
                    leg.seen = Some(Seen {
                        branch: branch.clone(),
                        body,
                        rewritten,
                    });
                }
            }
        }
        if is_invite
            && succeeded
            && let Some(call) = self.calls.get_mut(&call_id)
        {
            call.established = true;
            if !from_browser {
                call.anchored.confirm(&branch).await;
            }
        }
        Ok(())
    }

    /// An answer that nobody can use: while it rings it is passed without its description; a call
    /// that is up is ended.
    pub(in crate::bridge::phone) fn on_useless_answer(
        &mut self,
        server: ServerId,
        error: &AnchorError,
        mut response: Response,
        from_browser: bool,
    ) {
        tracing::info!(%error, "the session description of an answer can't be used");
        let Some(leg) = self.legs.get(&server) else {
            return;
        };
        let (client, call) = (leg.client, leg.call.clone());
        let flow = match (&leg.way, from_browser) {
            (Way::ToPbx(outgoing), false) => outgoing.flow,
            _ => BROWSER,
        };
        let Some(asked) = self.transactions.served_request(server) else {
            return;
        };
        if response.status.is_provisional() {
            border::readdress(&mut response, asked);
            response.headers.contact = Contacts::default();
            response.headers.record_route.clear();
            response.headers.remove(&HeaderName::ContentType);
            response.body.clear();
            self.respond(server, &response);
            return;
        }
        let is_invite = asked.method == Method::Invite;
        self.refuse(server, error.status);
        if is_invite && call.is_some() {
            self.hang_up(client, flow, &response);
        }
        if let Some(call) = call {
            self.release(&call);
        }
    }
}
