//! The ways between a phone and its PBXs: how one is found or made, stays with the phone when its task
//! changes, and is lost.

use std::sync::Arc;

use sidetone_sip::FlowId;

use super::{Due, Phone};
use crate::bridge::config::Protocol;
use crate::bridge::link::{Hop, Link};
use crate::bridge::pbx::Pbx;
use crate::bridge::phones::Origin;
use crate::bridge::seat::Seat;
use crate::bridge::token::PhoneId;

impl Phone {
    pub(super) fn link(&self, flow: FlowId) -> Option<&Link> {
        self.links.iter().find(|link| link.flow == flow)
    }

    /// The way to `hop`, made if there is none.
    pub(super) fn link_to(&mut self, pbx: &Arc<Pbx>, hop: &Hop) -> Link {
        let mut links = self.links.iter();
        let same =
            |link: &&Link| link.protocol == hop.protocol && link.peer == hop.addr && link.is_open();
        if let Some(link) = links.find(same) {
            return link.clone();
        }
        let link = match hop.protocol {
            Protocol::Udp => Link::datagrams(&self.shared, hop.addr),
            _ => Link::connect(&self.shared, pbx.tls.clone(), hop, self.task.clone()),
        };
        self.add_link(link.clone());
        link
    }

    /// The way back to where a message came from.
    pub(super) fn link_back(&mut self, origin: Origin) -> FlowId {
        let known = self.links.iter().find(|link| match &origin {
            Origin::Datagram(peer) => link.protocol == Protocol::Udp && link.peer == *peer,
            Origin::Stream(other) => link.flow == other.flow,
        });
        if let Some(link) = known {
            return link.flow;
        }
        let link = match origin {
            Origin::Datagram(peer) => Link::datagrams(&self.shared, peer),
            Origin::Stream(link) => link,
        };
        self.add_link(link)
    }

    /// A phone that comes back goes on over the connection that it had.
    pub(super) fn use_line(&mut self, phone: PhoneId) {
        if let Some(line) = self.shared.phones.line(phone)
            && line.is_open()
            && self.link(line.flow).is_none()
        {
            self.add_link(line);
        }
    }

    /// Connections that a phone has registered over go with it.
    pub(super) fn take_lines(&mut self, lines: impl IntoIterator<Item = Link>) {
        for line in lines {
            line.belong_to(&self.task);
            if self.link(line.flow).is_none() {
                self.add_link(line);
            }
        }
    }

    fn add_link(&mut self, link: Link) -> FlowId {
        let flow = link.flow;
        self.links.retain(Link::is_open);
        self.transactions
            .handle_transport_up(flow, link.protocol.transport());
        self.links.reserve_exact(1);
        self.links.push(link);
        flow
    }

    pub(super) async fn on_link_down(&mut self, flow: FlowId) {
        self.links.retain(|link| link.flow != flow);
        self.transactions.handle_transport_down(flow);
        self.settle(None).await;
        // What was registered over a connection can't be reached without it.
        let bound = |seat: &Seat| seat.bindings.iter().any(|binding| binding.link == flow);
        if self.seat.as_ref().is_some_and(bound) {
            self.send_away(Due::Renew);
        }
    }
}
