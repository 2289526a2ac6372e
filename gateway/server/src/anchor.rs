//! The bridge's calls, carried by the media engine.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sidetone_edge::{
    AnchorConfig, AnchorError, Anchored, Boxed, MediaAnchor, MediaStatistics, Rewritten, Srtp,
    Step, StreamStatistics,
};
use sidetone_media::{
    BrowserOffer, Media, PbxSrtp, Relay, RelayConfig, RelayError, RelayEvent, RelayStats,
    StreamStats,
};
use sidetone_sip::Status;
use tokio::sync::mpsc;

use crate::metrics::Metrics;

/// The media engine as the bridge sees it.
pub(crate) struct MediaRelays {
    pub(crate) media: Media,
    pub(crate) metrics: Arc<Metrics>,
}

struct Relayed {
    metrics: Arc<Metrics>,
    upstream: String,
    relay: Relay,
    /// When the two sides agreed on sound: an INVITE that is challenged or refused never gets there.
    agreed: OnceLock<Instant>,
    hearing: Mutex<Hearing>,
}

/// What the relay has told of the browser's sound.
struct Hearing {
    events: mpsc::Receiver<RelayEvent>,
    silent: bool,
}

impl MediaAnchor for MediaRelays {
    fn anchor(&self, config: AnchorConfig) -> Boxed<'_, Result<Box<dyn Anchored>, AnchorError>> {
        let upstream = config.upstream;
        let config = RelayConfig {
            local: config.local,
            advertise: config.advertise,
            srtp: match config.srtp {
                Srtp::None => PbxSrtp::None,
                Srtp::Sdes => PbxSrtp::Sdes,
            },
            symmetric_rtp: config.symmetric_rtp,
        };
        Box::pin(async move {
            let mut relay = self.media.relay(config).await.map_err(refusal)?;
            let events = std::mem::replace(&mut relay.events, mpsc::channel(1).1);
            let relayed = Relayed {
                metrics: Arc::clone(&self.metrics),
                upstream,
                relay,
                agreed: OnceLock::new(),
                hearing: Mutex::new(Hearing {
                    events,
                    silent: false,
                }),
            };
            Ok(Box::new(relayed) as Box<dyn Anchored>)
        })
    }
}

impl Anchored for Relayed {
    fn rewrite<'a>(
        &'a self,
        step: Step<'a>,
        sdp: &'a str,
    ) -> Boxed<'a, Result<Rewritten, AnchorError>> {
        Box::pin(async move {
            let rewritten = match step {
                Step::OfferFromBrowser => match self.relay.offer_from_browser(sdp).await {
                    Ok(BrowserOffer::Offer(sdp)) => Ok(Rewritten::Pass(sdp)),
                    Ok(BrowserOffer::Answer(sdp)) => Ok(Rewritten::Answer(sdp)),
                    Err(error) => Err(error),
                },
                Step::AnswerFromPbx { branch } => {
                    let answer = self.relay.answer_from_pbx(branch, sdp).await;
                    answer.map(Rewritten::Pass)
                }
                Step::OfferFromPbx => self.relay.offer_from_pbx(sdp).await.map(Rewritten::Pass),
                Step::AnswerFromBrowser => {
                    let answer = self.relay.answer_from_browser(sdp).await;
                    answer.map(Rewritten::Pass)
                }
            };
            let is_answer = match step {
                Step::AnswerFromPbx { .. } | Step::AnswerFromBrowser => rewritten.is_ok(),
                Step::OfferFromBrowser => matches!(rewritten, Ok(Rewritten::Answer(_))),
                Step::OfferFromPbx => false,
            };
            if is_answer {
                self.agreed.get_or_init(Instant::now);
            }
            rewritten.map_err(refusal)
        })
    }

    fn confirm<'a>(&'a self, branch: &'a str) -> Boxed<'a, ()> {
        Box::pin(async move {
            // An engine that has stopped hears nobody anyway.
            let _ = self.relay.confirm(branch).await;
        })
    }

    fn is_heard(&self) -> bool {
        let mut hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(event) = hearing.events.try_recv() {
            match event {
                RelayEvent::Connected => hearing.silent = false,
                RelayEvent::BrowserSilent | RelayEvent::Failed => hearing.silent = true,
                _ => {}
            }
        }
        !hearing.silent
    }

    fn statistics(&self) -> Boxed<'_, Option<MediaStatistics>> {
        Box::pin(async move {
            let stats = self.relay.stats().await.ok()?;
            Some(MediaStatistics {
                from_browser: statistics(&stats.from_browser),
                from_pbx: statistics(&stats.from_pbx),
            })
        })
    }

    fn close(self: Box<Self>) {
        let Some(agreed) = self.agreed.get().copied() else {
            return;
        };
        tokio::spawn(async move {
            if let Ok(stats) = self.relay.stats().await {
                let took = agreed.elapsed();
                self.metrics.on_relay_ended(&self.upstream, took, &stats);
                log(&self.upstream, took, &stats);
            }
        });
    }
}

fn statistics(stream: &StreamStats) -> StreamStatistics {
    StreamStatistics {
        codec: stream.codec,
        converted_to: stream.converted_to,
        packets: stream.packets,
        lost: stream.lost,
        jitter: stream.jitter,
        round_trip: stream.round_trip,
    }
}

fn log(upstream: &str, took: Duration, stats: &RelayStats) {
    tracing::info!(
        upstream,
        seconds = took.as_secs(),
        from_browser = describe(&stats.from_browser),
        from_pbx = describe(&stats.from_pbx),
        "a relayed call ended"
    );
}

fn describe(stream: &StreamStats) -> String {
    let StreamStats {
        packets,
        lost,
        rejected,
        ..
    } = stream;
    let codec = match (stream.codec, stream.converted_to) {
        (Some(codec), Some(converted)) => format!("{codec} converted to {converted}"),
        (codec, _) => codec.unwrap_or("nothing").to_owned(),
    };
    let jitter = stream.jitter.as_millis();
    let round_trip = match stream.round_trip {
        Some(time) => format!(", {} ms there and back", time.as_millis()),
        None => String::new(),
    };
    format!(
        "{codec}: {packets} packets, {lost} lost, {rejected} rejected, {jitter} ms jitter\
         {round_trip}"
    )
}

/// What the offering side is told.
fn refusal(error: RelayError) -> AnchorError {
    let status = match &error {
        RelayError::PortsExhausted { .. } | RelayError::Socket(_) | RelayError::Ended => {
            Status::SERVICE_UNAVAILABLE
        }
        RelayError::Encryption(_) => Status::SERVER_INTERNAL_ERROR,
        _ => Status::NOT_ACCEPTABLE_HERE,
    };
    AnchorError {
        status,
        why: error.to_string(),
    }
}
