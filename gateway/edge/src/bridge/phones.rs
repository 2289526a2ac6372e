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

/// What reaches a phone's task from elsewhere than its browser. Small: each phone has room for many.
pub(crate) enum Input {
    /// A message of a PBX, and the way to answer it.
    Pbx(Box<(Message, Origin)>),
    /// A connection is over.
    LinkDown(FlowId),
    /// The same phone on a new socket, and the connections that it has registered over.
    Adopt(Box<(Seat, Vec<Link>)>),
    /// A registration that was under way when the socket was handed over.
    Bound(Box<(Binding, Option<Link>)>),
    /// An upstream has ceased to answer.
    Away(UpstreamId),
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
pub(crate) struct Phones(RwLock<HashMap<PhoneId, Served>>);

struct Served {
    task: mpsc::Sender<Input>,
    /// The connection over which it is registered.
    line: Option<Box<Link>>,
}

impl Phones {
    pub(crate) fn find(&self, phone: PhoneId) -> Option<mpsc::Sender<Input>> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.get(&phone).map(|served| served.task.clone())
    }

    /// The connection over which a phone is registered. A PBX may forget a phone whose connection
    /// ends, so whoever may be that phone again uses the same one.
    pub(crate) fn line(&self, phone: PhoneId) -> Option<Link> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.get(&phone)?.line.as_deref().cloned()
    }

    /// `phone` has registered over this connection.
    pub(crate) fn note_line(&self, phone: PhoneId, line: Option<Link>) {
        let mut phones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = phones.get_mut(&phone) {
            served.line = line.map(Box::new);
        }
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
            Some(Served { task: other, .. }) if other.same_channel(task) => Ok(()),
            Some(Served { task: other, .. }) if !other.is_closed() => Err(other.clone()),
            _ => {
                let (task, line) = (task.clone(), None);
                phones.insert(phone, Served { task, line });
                Ok(())
            }
        }
    }

    /// `task` does not serve `phone` any more.
    pub(crate) fn release(&self, phone: PhoneId, task: &mpsc::Sender<Input>) {
        let mut phones = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if phones
            .get(&phone)
            .is_some_and(|found| found.task.same_channel(task))
        {
            phones.remove(&phone);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.len()
    }

    /// Every task, some of them several times.
    pub(crate) fn all(&self) -> Vec<mpsc::Sender<Input>> {
        let phones = self.0.read().unwrap_or_else(PoisonError::into_inner);
        phones.values().map(|served| served.task.clone()).collect()
    }
}
