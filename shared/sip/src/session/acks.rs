//! ACKs to the 2xx of an INVITE (RFC 3261 §13.2.2.4).

use super::{Acknowledgement, Session};
use crate::Request;
use crate::endpoint::Endpoint;
use crate::message::HeaderName;
use crate::transaction::ClientId;

impl Session {
    /// Acknowledges a 2xx, and again when it is repeated (RFC 3261 §13.2.2.4).
    pub(super) fn acknowledge(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        to_tag: &str,
        ack: Request,
    ) {
        let branch = endpoint.tokens.token();
        let mut ack = ack;
        ack.headers.max_forwards = Some(70);
        // RFC 3261 §22.1: an ACK carries the credentials of its INVITE.
        if let Some(invite) = endpoint.transactions.request_of(client) {
            let credentials = invite.headers.others.iter().filter(|h| {
                matches!(
                    h.name,
                    HeaderName::Authorization | HeaderName::ProxyAuthorization
                )
            });
            ack.headers.others.extend(credentials.cloned());
        }
        endpoint.transactions.send_ack(self.flow, &mut ack, &branch);
        self.acks.push(Acknowledgement {
            client,
            to_tag: to_tag.into(),
            ack,
        });
    }

    /// Repeats the ACK to a 2xx that was acknowledged before; false if it was not.
    pub(super) fn acknowledge_again(
        &mut self,
        endpoint: &mut Endpoint,
        client: ClientId,
        to_tag: &str,
    ) -> bool {
        let sent = self
            .acks
            .iter_mut()
            .find(|a| a.client == client && a.to_tag == *to_tag);
        let Some(sent) = sent else { return false };
        endpoint.transactions.send_ack(self.flow, &mut sent.ack, "");
        true
    }
}
