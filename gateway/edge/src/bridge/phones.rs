//! Who of the phones is served by which task.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

use sidetone_sip::{FlowId, Message};
use tokio::sync::mpsc;

use super::binding::Binding;
use super::link::Link;
use super::seat::Seat;
use super::token::{PhoneId, UpstreamId};

/// What reaches a phone's task from elsewhere than its browser.
pub(crate) enum Input {
    /// A message of a PBX, and the way to answer it.
    Pbx(Box<Message>, Origin),
    /// A connection is over.
    LinkDown(FlowId),
    /// The same phone on a new socket.
    Adopt(Box<Seat>),
    /// A registration that was under way when the socket was handed over.
    Bound(Binding),
    /// An upstream was away and is back.
    Returned(UpstreamId),
}

/// Where a PBX's message came from.
#[derive(Clone)]
pub(crate) enum Origin {
    /// By UDP; where responses go.
    Datagram(SocketAddr),
    /// Over this connection.
    Stream(Link),
}

/// The tasks by the phones they serve.
#[derive(Default)]
pub(crate) struct Phones(RwLock<HashMap<PhoneId, mpsc::Sender<Input>>>);

impl Phones {
    pub(crate) fn find(&self, phone: PhoneId) -> Option<mpsc::Sender<Input>> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.get(&phone).cloned()
    }

    /// Makes `task` the one that serves `phone`, unless another one does and still runs: that one
    /// is answered.
    pub(crate) fn claim(
        &self,
        phone: PhoneId,
        task: &mpsc::Sender<Input>,
    ) -> Result<(), mpsc::Sender<Input>> {
        let mut phones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match phones.get(&phone) {
            Some(other) if !other.is_closed() && !other.same_channel(task) => Err(other.clone()),
            _ => {
                phones.insert(phone, task.clone());
                Ok(())
            }
        }
    }

    /// `task` does not serve `phone` any more.
    pub(crate) fn release(&self, phone: PhoneId, task: &mpsc::Sender<Input>) {
        let mut phones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if phones
            .get(&phone)
            .is_some_and(|found| found.same_channel(task))
        {
            phones.remove(&phone);
        }
    }

    /// Every task, some of them several times.
    pub(crate) fn all(&self) -> Vec<mpsc::Sender<Input>> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.values().cloned().collect()
    }
}
