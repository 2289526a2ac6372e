//! The browser's end of a phone: one WebSocket.

use std::future::poll_fn;

use tokio::sync::mpsc;

use super::binding::Binding;
use super::token::UpstreamId;
use crate::{FlowInfo, Inbound, Upstream};

/// One WebSocket, as long as it lives. The phone outlives it and may get another one.
pub(crate) struct Seat {
    pub(crate) info: FlowInfo,
    pub(crate) inbound: futures_channel::mpsc::Receiver<Vec<u8>>,
    pub(crate) outbound: mpsc::Sender<Vec<u8>>,
    /// The embedded switch's end of it, once something was for the switch.
    pub(crate) switch: Option<Box<dyn Inbound>>,
    /// What has registered over it.
    pub(crate) bindings: Vec<Binding>,
    /// Where it wanted to register in vain: many a phone does not try again by itself.
    pub(crate) unserved: Vec<UpstreamId>,
}

impl Seat {
    /// Whether it is registered at this upstream.
    pub(crate) fn is_bound(&self, upstream: UpstreamId) -> bool {
        let mut bindings = self.bindings.iter();
        bindings.any(|binding| binding.upstream == upstream)
    }

    /// Hands a message to the embedded switch; false if that has closed the flow.
    pub(crate) async fn pass_to_switch(&mut self, switch: &dyn Upstream, bytes: Vec<u8>) -> bool {
        let end = self
            .switch
            .get_or_insert_with(|| switch.open(self.info.clone(), self.outbound.clone()));
        let ready = poll_fn(|context| end.poll_ready(context)).await;
        ready.and_then(|()| end.deliver(bytes)).is_ok()
    }
}
