//! What PBXs ask of the browser, and what it answers.

use std::net::SocketAddr;
use std::sync::Arc;

use sidetone_sip::transaction::ServerId;
use sidetone_sip::{FlowId, Method, Request, Response, Status};

use super::leg::{Incoming, Leg, Way};
use super::{BROWSER, Phone, statistics};
use crate::bridge::border;
use crate::bridge::pbx::Pbx;
use crate::bridge::post;
use crate::bridge::token::{ContactToken, RouteToken};

impl Phone {
    pub(super) async fn on_pbx_request(
        &mut self,
        server: ServerId,
        flow: FlowId,
        request: Request,
    ) {
        match self.for_browser(request, 0) {
            Err(status) => self.refuse(server, status),
            Ok((request, _)) if self.is_away_for(&request) => {
                self.refuse(server, Status::TEMPORARILY_UNAVAILABLE);
            }
            Ok((mut request, token)) => {
                if request.method == Method::Bye
                    && let Some(summary) = self.conclude(&request.headers.call_id).await
                {
                    summary.write(&mut request.headers);
                }
                let media = match self.side(flow, &token) {
                    Some((pbx, peer)) => self.media_of_pbx_request(&mut request, &pbx, peer).await,
                    None => Ok(()),
                };
                if let Err(error) = media {
                    tracing::info!(%error, "a session description is refused");
                    self.release_failed(&request.headers.call_id);
                    self.refuse(server, error.status);
                    return;
                }
                self.record_route(&mut request, flow, &token);
                let incoming = Incoming {
                    upstream: token.upstream,
                    phone: token.phone,
                    flow,
                };
                self.pass_to_browser(server, request, incoming);
            }
        }
    }

    /// The way back of the browser's own requests in the dialog.
    fn record_route(&self, request: &mut Request, flow: FlowId, token: &ContactToken) {
        if let Some(link) = self.link(flow)
            && border::begins_dialogs(&request.method)
        {
            let token = RouteToken {
                upstream: token.upstream,
                phone: token.phone,
                protocol: link.protocol,
                peer: link.peer,
                anchored: self.calls.contains_key(&request.headers.call_id),
                shift: 0,
            };
            let route = border::record_route(&self.shared.key, &token);
            request.headers.record_route.insert(0, route);
        }
    }

    fn side(&self, flow: FlowId, token: &ContactToken) -> Option<(Arc<Pbx>, SocketAddr)> {
        let pbx = Arc::clone(self.shared.pbx(token.upstream)?);
        Some((pbx, self.link(flow)?.peer))
    }

    pub(super) async fn on_pbx_ack(&mut self, request: Request) {
        // The way back does not matter: nothing answers an ACK, and its dialog has its route.
        if let Ok((mut request, _)) = self.for_browser(request, 1) {
            self.media_of_ack(&mut request, false).await;
            self.transactions.transmit(BROWSER, request.to_bytes());
        }
    }

    /// A PBX's request as the browser may see it.
    fn for_browser(
        &self,
        mut request: Request,
        attempt: u8,
    ) -> Result<(Request, ContactToken), Status> {
        border::count_hop(&mut request)?;
        let key = &self.shared.key;
        let token = border::reveal_target(key, &mut request).ok_or(Status::NOT_FOUND)?;
        self.shared.pbx(token.upstream).ok_or(Status::NOT_FOUND)?;
        statistics::remove_claims(&mut request.headers);
        let branch = key.branch(&post::request_parts(&request));
        let branch = post::branch(self.id, branch, attempt);
        request.headers.via = vec![border::browser_via(self.secure, &branch)];
        // What is left of them named this hop.
        request.headers.route.clear();
        Ok((request, token))
    }

    /// The browser's response, for the PBX.
    pub(super) async fn on_browser_response(&mut self, server: ServerId, mut response: Response) {
        if let Err(error) = self.media_of_response(server, &mut response, true).await {
            self.on_useless_answer(server, &error, response, true);
            return;
        }
        let Some(Leg {
            way: Way::ToBrowser(incoming),
            ..
        }) = self.legs.get(&server)
        else {
            return;
        };
        let (upstream, phone, flow) = (incoming.upstream, incoming.phone, incoming.flow);
        self.note_lost(server, &response);
        self.note_failure(server, response.status);
        self.note_answered(server, &response);
        let Some(asked) = self.transactions.served_request(server) else {
            return;
        };
        let key = &self.shared.key;
        border::readdress(&mut response, asked);
        border::hide_record_route(key, &mut response);
        if let Some(link) = self.link(flow) {
            let contacts = &mut response.headers.contact;
            border::hide_contacts(key, contacts, upstream, phone, link);
        }
        self.respond(server, &response);
    }
}
