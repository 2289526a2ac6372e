//! Calls that the gateway ends itself.

use sidetone_sip::transaction::{ClientId, Persistence, ServerId};
use sidetone_sip::{FlowId, Method, Request, Response, Text, Uri};

use crate::bridge::border;
use crate::bridge::phone::leg::{Note, Way};
use crate::bridge::phone::{BROWSER, Due, FAREWELL, Phone};
use crate::bridge::post;

impl Phone {
    /// Nobody came back. Sound that still flows is let flow; a call without any is ended, for nobody
    /// else would tell the PBX.
    pub(in crate::bridge::phone) fn on_abandoned(&mut self) {
        if self.calls.values().any(|call| call.anchored.is_heard()) {
            self.start_timer(Due::Linger, self.shared.linger);
            return;
        }
        let now = self.now();
        let calls: Vec<Text> = self.calls.keys().cloned().collect();
        for call_id in calls {
            let call = self.calls.get_mut(&call_id);
            if let Some((mut bye, flow)) = call.and_then(|call| call.farewell.take())
                && let Some(link) = self.link(flow)
            {
                let branch = post::branch(self.id, crate::bridge::random(), 0);
                bye.headers.via = vec![border::via(link, &branch)];
                bye.headers.cseq.number += 1;
                bye.headers.cseq.method = Method::Bye;
                bye.method = Method::Bye;
                let note = Note { server: None };
                self.transactions
                    .forward(now, flow, bye, Persistence::Fails, note);
                self.start_timer(Due::Farewell, FAREWELL);
            }
            self.release(&call_id);
        }
    }

    /// The number of the browser's last request, as the PBX knows it.
    pub(in crate::bridge::phone) fn note_number(&mut self, request: &Request) {
        if let Some(call) = self.calls.get_mut(&request.headers.call_id)
            && let Some((bye, _)) = &mut call.farewell
        {
            let number = &mut bye.headers.cseq.number;
            *number = request.headers.cseq.number.max(*number);
        }
    }

    /// A call is up: how it would be ended.
    pub(super) fn note_farewell(&mut self, server: ServerId, response: &Response) {
        let Some(leg) = self.legs.get(&server) else {
            return;
        };
        let farewell = match &leg.way {
            Way::ToPbx(outgoing) => {
                let invite = leg.client.and_then(|c| self.transactions.request_of(c));
                invite.map(|invite| (within_dialog(invite, response), outgoing.flow))
            }
            Way::ToBrowser(incoming) => {
                let invite = self.transactions.served_request(server);
                invite.map(|invite| (against_dialog(invite, response), incoming.flow))
            }
        };
        if let Some(call) = self.calls.get_mut(&response.headers.call_id)
            && call.farewell.is_none()
        {
            call.farewell = farewell;
        }
    }

    /// Ends a call that was answered in a way that nobody can use: who answered is told ACK and BYE.
    pub(in crate::bridge::phone) fn hang_up(
        &mut self,
        client: Option<ClientId>,
        flow: FlowId,
        answer: &Response,
    ) {
        let Some(invite) = client.and_then(|client| self.transactions.request_of(client)) else {
            return;
        };
        let Some(via) = invite.headers.via.first() else {
            return;
        };
        let mut request = within_dialog(invite, answer);
        if flow == BROWSER {
            request.headers.route.clear();
        }
        let mut via = via.clone();
        let now = self.now();
        for (method, after) in [(Method::Ack, 0), (Method::Bye, 1)] {
            let rest = crate::bridge::random();
            let branch = post::branch(self.id, rest, 0);
            via.params.set("branch", Some(&branch));
            request.headers.via = vec![via.clone()];
            request.headers.cseq.number += after;
            request.headers.cseq.method = method.clone();
            request.method = method;
            if after == 0 {
                self.transactions.transmit(flow, request.to_bytes());
            } else {
                let note = Note { server: None };
                let request = request.clone();
                self.transactions
                    .forward(now, flow, request, Persistence::Fails, note);
            }
        }
    }
}

/// A request without a body in the dialog that `answer` to `invite` made (RFC 3261 §12.2.1.1).
pub(super) fn within_dialog(invite: &Request, answer: &Response) -> Request {
    let asked = &invite.headers;
    let mut headers = sidetone_sip::Headers::new(
        asked.from.clone(),
        answer.headers.to.clone(),
        asked.call_id.clone(),
        asked.cseq.clone(),
    );
    headers.via.clone_from(&asked.via);
    headers.max_forwards = Some(70);
    headers.route = answer.headers.record_route.iter().rev().cloned().collect();
    let contact = answer.headers.contact.first();
    let uri: Uri = contact.map_or_else(|| invite.uri.clone(), |contact| contact.uri.clone());
    Request::new(invite.method.clone(), uri, headers)
}

/// A request the other way in that dialog, before any other (RFC 3261 §12.1.1).
fn against_dialog(invite: &Request, answer: &Response) -> Request {
    let asked = &invite.headers;
    let mut cseq = asked.cseq.clone();
    cseq.number = 0;
    let mut headers = sidetone_sip::Headers::new(
        answer.headers.to.clone(),
        asked.from.clone(),
        asked.call_id.clone(),
        cseq,
    );
    headers.max_forwards = Some(70);
    headers.route.clone_from(&asked.record_route);
    let contact = asked.contact.first();
    let uri = contact.map_or_else(|| asked.from.uri.clone(), |contact| contact.uri.clone());
    Request::new(invite.method.clone(), uri, headers)
}
