//! The tasks' side of the [exchange](crate::exchange): it turns messages into inputs and outputs into
//! messages, and asks tokio what time it is.
//!
//! There is no task that all messages would have to go to and come back from. Whoever has an input
//! puts it into the queue, and whoever finds the exchange free works the queue off, for the others
//! too; so a REGISTER is answered within the task that has read it. One more task, the clerk, sleeps
//! until something is due.

mod desk;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use sidetone_edge::{FlowInfo, Gone, Inbound, Upstream};
use sidetone_sip::{FlowId, Text};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::desk::{Desk, Input};
use crate::config::SwitchConfig;
use crate::exchange::Snapshot;
use crate::service::{Report, Service};

/// Inputs that may wait for whoever is at work; who brings one more waits for them to be done.
const QUEUE: usize = 64;

/// The embedded PBX. Cloning gives another handle; the switch runs until it is shut down.
#[derive(Clone)]
pub struct Switch(Arc<Shared>);

struct Shared {
    inputs: Mutex<VecDeque<Input>>,
    desk: Mutex<Desk>,
    snapshot: watch::Receiver<Snapshot>,
    /// The switch has been shut down, or nobody can reach it any more.
    over: CancellationToken,
}

impl Switch {
    /// Starts a switch with these services by number. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(config: SwitchConfig, services: BTreeMap<Text, Arc<dyn Service>>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let (publisher, snapshot) = watch::channel(Snapshot::default());
        let desk = Desk::new(config, services, reporter, publisher);
        let (sooner, over) = (Arc::clone(&desk.sooner), desk.over.clone());
        let shared = Arc::new(Shared {
            inputs: Mutex::default(),
            desk: Mutex::new(desk),
            snapshot,
            over,
        });
        tokio::spawn(clerk(Arc::downgrade(&shared), reports, sooner));
        Self(shared)
    }

    /// The figures of this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        *self.0.snapshot.borrow()
    }

    /// Waits until the figures are such that `wanted` holds; false if the switch ended before.
    pub async fn wait_until(&self, wanted: impl FnMut(&Snapshot) -> bool) -> bool {
        let mut snapshot = self.0.snapshot.clone();
        tokio::select! {
            seen = snapshot.wait_for(wanted) => seen.is_ok(),
            () = self.0.over.cancelled() => false,
        }
    }

    /// Ends all calls with a Reason, takes no new ones, and closes all flows when the phones have
    /// answered, or after `patience`.
    pub async fn shutdown(&self, patience: Duration) {
        self.0.give(Input::Shutdown { patience });
        self.0.over.cancelled().await;
    }
}

impl Upstream for Switch {
    fn open(&self, info: FlowInfo, outbound: mpsc::Sender<Vec<u8>>) -> Box<dyn Inbound> {
        let flow = info.id;
        self.0.give(Input::FlowOpened { info, outbound });
        let shared = Arc::clone(&self.0);
        Box::new(OpenFlow { flow, shared })
    }
}

/// One flow's way to the switch; the flow is gone when this is dropped.
struct OpenFlow {
    flow: FlowId,
    shared: Arc<Shared>,
}

impl Inbound for OpenFlow {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(match self.shared.over.is_cancelled() {
            true => Err(Gone),
            false => Ok(()),
        })
    }

    fn deliver(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let flow = self.flow;
        self.shared.give(Input::Received { flow, bytes });
        Ok(())
    }
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        let flow = self.flow;
        self.shared.give(Input::FlowClosed { flow });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Shared {
    fn give(&self, input: Input) {
        let waiting = {
            let mut inputs = self.inputs();
            inputs.push_back(input);
            inputs.len()
        };
        let mut desk = match waiting <= QUEUE {
            true => self.try_desk(),
            false => Some(self.desk.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        while let Some(mut free) = desk.take() {
            while let Some(input) = { self.inputs().pop_front() } {
                free.on_input(input);
            }
            drop(free);
            // Who brought an input just now found the desk taken.
            if !self.inputs().is_empty() {
                desk = self.try_desk();
            }
        }
    }

    fn inputs(&self) -> MutexGuard<'_, VecDeque<Input>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None if somebody works at it, who will also see to what has come meanwhile.
    fn try_desk(&self) -> Option<MutexGuard<'_, Desk>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            Err(TryLockError::Poisoned(desk)) => Some(desk.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Brings in what is due, and what services report.
async fn clerk(
    shared: Weak<Shared>,
    mut reports: mpsc::UnboundedReceiver<Report>,
    sooner: Arc<Notify>,
) {
    let Some(over) = shared.upgrade().map(|shared| shared.over.clone()) else {
        return;
    };
    let mut alarm = None;
    loop {
        let input = tokio::select! {
            () = over.cancelled() => return,
            () = sooner.notified() => None,
            Some(report) = reports.recv() => Some(Input::Reported(report)),
            () = sleep_until(alarm.unwrap_or_else(Instant::now)), if alarm.is_some() => {
                Some(Input::Due)
            }
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Some(input) = input {
            shared.give(input);
        }
        let desk = shared.desk.lock();
        alarm = desk.unwrap_or_else(PoisonError::into_inner).alarm;
    }
}

#[cfg(test)]
mod tests;
