//! What a number leads to when it isn't a person.

use std::future::Future;
use std::pin::Pin;

use sidetone_media::{LegEvent, Media, MediaError, Program};
use sidetone_sip::Status;
use tokio::sync::mpsc;

use crate::exchange::CallKey;

/// A service of the switch, such as an echo or a mailbox.
pub trait Service: Send + Sync + 'static {
    /// Runs one call, from its first offer until it returns or [`ServiceCall::next_offer`] answers
    /// `None`. Returning ends the call.
    fn run(&self, call: ServiceCall) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The service's end of one call.
#[derive(Debug)]
pub struct ServiceCall {
    key: CallKey,
    offers: mpsc::Receiver<String>,
    reports: mpsc::UnboundedSender<Report>,
    farewell: ServiceEvent,
}

/// What a service tells the switch, and of which call.
pub(crate) type Report = (CallKey, ServiceEvent);

/// What a service tells the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It is through.
    Finished,
    /// Its media failed.
    MediaFailed,
}

/// What a service tells the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceEvent {
    /// The answer to the offer that was last made.
    Answered(String),
    /// That offer can't be used.
    Refused(Status),
    /// The call is over; nothing follows.
    Over(Farewell),
}

impl ServiceCall {
    /// The service's end and the sender of offers to it; the call is over when that is dropped.
    pub(crate) fn new(
        key: CallKey,
        reports: mpsc::UnboundedSender<Report>,
    ) -> (Self, mpsc::Sender<String>) {
        let (sender, offers) = mpsc::channel(4);
        let farewell = ServiceEvent::Over(Farewell::Finished);
        (
            Self {
                key,
                offers,
                reports,
                farewell,
            },
            sender,
        )
    }

    /// The next offer, the first of which is there at once; `None` when the caller has gone.
    /// Each is to be answered or refused before the next is asked for.
    pub async fn next_offer(&mut self) -> Option<String> {
        self.offers.recv().await
    }

    /// Answers the offer with this session description. The first answer accepts the call.
    pub fn answer(&self, description: String) {
        self.report(ServiceEvent::Answered(description));
    }

    /// Refuses the offer. A refusal of the first refuses the call.
    pub fn refuse(&self, status: Status) {
        self.report(ServiceEvent::Refused(status));
    }

    /// Makes the caller hear that the sound was lost, rather than that all is done, when this is
    /// dropped.
    pub fn media_failed(&mut self) {
        self.farewell = ServiceEvent::Over(Farewell::MediaFailed);
    }

    /// A switch that is gone needs no report.
    fn report(&self, event: ServiceEvent) {
        let _ = self.reports.send((self.key, event));
    }
}

impl Drop for ServiceCall {
    fn drop(&mut self) {
        self.report(self.farewell.clone());
    }
}

/// A service that is one [`Program`] of the media engine.
pub struct MediaService {
    media: Media,
    program: Program,
}

impl MediaService {
    /// The service that runs `program`.
    #[must_use]
    pub fn new(media: Media, program: Program) -> Self {
        Self { media, program }
    }
}

impl Service for MediaService {
    fn run(&self, call: ServiceCall) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(play(self.media.clone(), self.program, call))
    }
}

async fn play(media: Media, program: Program, mut call: ServiceCall) {
    let Some(offer) = call.next_offer().await else {
        return;
    };
    let mut leg = match media.answer(&offer, program).await {
        Ok(leg) => leg,
        Err(error) => return call.refuse(status_of(&error)),
    };
    call.answer(leg.answer.clone());
    loop {
        tokio::select! {
            offer = call.next_offer() => {
                let Some(offer) = offer else { return };
                match media.renegotiate(&mut leg, &offer).await {
                    Ok(answer) => call.answer(answer),
                    Err(error) => call.refuse(status_of(&error)),
                }
            }
            event = leg.events.recv() => match event {
                Some(LegEvent::Connected | LegEvent::Dtmf(_)) => {}
                Some(LegEvent::Finished) => return,
                Some(LegEvent::Failed) | None => return call.media_failed(),
            },
        }
    }
}

fn status_of(error: &MediaError) -> Status {
    match error {
        MediaError::BadOffer(_) | MediaError::NoAudio => Status::NOT_ACCEPTABLE_HERE,
        _ => {
            tracing::error!(%error, "no media leg for a service");
            Status::SERVER_INTERNAL_ERROR
        }
    }
}

#[cfg(test)]
mod tests;
