//! What phones do in these tests alone: they ring, refuse, lose the socket and come back.

use std::net::SocketAddr;

use sidetone_sip::{Input, Method, Origin, OutgoingRequest, Status};

use crate::phone::{FLOW, Heard, Phone, open, uri};

impl Phone {
    pub(crate) async fn ring(&mut self) {
        let session = self.incoming.unwrap();
        self.command(|ua, now| ua.progress(now, session, Status::RINGING, None))
            .await;
    }

    pub(crate) async fn reject(&mut self, status: Status) {
        let session = self.incoming.unwrap();
        self.command(|ua, now| ua.reject(now, session, status, Vec::new()))
            .await;
        let status = Some(status.code());
        assert_eq!(
            self.hear().await,
            Heard::Ended {
                status,
                reasons: Vec::new()
            }
        );
    }

    /// The socket breaks without a goodbye.
    pub(crate) async fn cut(&mut self) {
        self.socket = None;
        self.input(Input::TransportDown { flow: FLOW }).await;
        self.heard.clear();
    }

    pub(crate) async fn reconnect(&mut self, gateway: SocketAddr) {
        let socket = open(gateway).await;
        self.attach(socket).await;
        assert_eq!(self.hear().await, Heard::Registered);
    }

    /// That the switch has sent nothing that was not heard yet: what follows is the answer to a
    /// question asked now.
    pub(crate) async fn hears_nothing_more(&mut self) {
        let request = OutgoingRequest {
            origin: Origin::Account(self.account),
            method: Method::Options,
            target: uri("sip:demo.local"),
            headers: Vec::new(),
            body: None,
        };
        self.command(|ua, now| ua.request(now, request)).await;
        assert_eq!(self.hear().await, Heard::Answered(200));
    }
}
