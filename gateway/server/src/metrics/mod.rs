//! `/metrics`: figures in the OpenMetrics text format, which Prometheus reads.
//!
//! Nothing in them is about a person or a single call. Labels have few values: the upstreams of the
//! configuration, two directions, the codecs of the media engine.

mod now;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use sidetone_media::{RelayStats, StreamStats};

pub(crate) use now::Now;

/// What the answer is, to be said in its head.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is noted when something happens.
pub(crate) struct Metrics {
    packets: Family<Stream, Counter>,
    lost: Family<Stream, Counter>,
    rejected: Family<Stream, Counter>,
    loss: Histograms<Stream>,
    jitter: Histograms<Stream>,
    round_trip: Histograms<Stream>,
    seconds: Histograms<Upstream>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stream {
    upstream: String,
    direction: &'static str,
    codec: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Upstream {
    upstream: String,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let loss = || Histogram::new([0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25]);
        let time = || Histogram::new(exponential_buckets(0.001, 2.0, 11));
        let seconds = || Histogram::new(exponential_buckets(1.0, 4.0, 8));
        Self {
            packets: Family::default(),
            lost: Family::default(),
            rejected: Family::default(),
            loss: Family::new_with_constructor(loss),
            jitter: Family::new_with_constructor(time),
            round_trip: Family::new_with_constructor(time),
            seconds: Family::new_with_constructor(seconds),
        }
    }

    /// A call that the gateway carried is over.
    pub(crate) fn on_relay_ended(&self, upstream: &str, took: Duration, stats: &RelayStats) {
        let labels = Upstream {
            upstream: upstream.to_owned(),
        };
        let seconds = self.seconds.get_or_create(&labels);
        seconds.observe(took.as_secs_f64());
        self.on_stream(upstream, "from_browser", &stats.from_browser);
        self.on_stream(upstream, "from_pbx", &stats.from_pbx);
    }

    fn on_stream(&self, upstream: &str, direction: &'static str, stats: &StreamStats) {
        let labels = Stream {
            upstream: upstream.to_owned(),
            direction,
            codec: stats.codec.unwrap_or("none"),
        };
        self.packets.get_or_create(&labels).inc_by(stats.packets);
        self.lost.get_or_create(&labels).inc_by(stats.lost);
        self.rejected.get_or_create(&labels).inc_by(stats.rejected);
        if stats.packets > 0 {
            let sent = (stats.packets + stats.lost) as f64;
            self.loss
                .get_or_create(&labels)
                .observe(stats.lost as f64 / sent);
            let jitter = stats.jitter.as_secs_f64();
            self.jitter.get_or_create(&labels).observe(jitter);
        }
        if let Some(time) = stats.round_trip {
            let round_trip = self.round_trip.get_or_create(&labels);
            round_trip.observe(time.as_secs_f64());
        }
    }

    /// The page that Prometheus reads, made anew by each call of the answered function.
    pub(crate) fn page(&self, now: Now) -> impl Fn() -> String + Clone + use<> {
        let mut registry = Registry::with_prefix("sidetone");
        let mut counter = |name, help, metric: &Family<Stream, Counter>| {
            registry.register(name, help, metric.clone());
        };
        counter(
            "rtp_packets",
            "Packets of relayed calls that have ended, as they came",
            &self.packets,
        );
        counter(
            "rtp_lost_packets",
            "Packets of those calls that were sent and never came",
            &self.lost,
        );
        counter(
            "rtp_rejected_packets",
            "Packets in those calls of a wrong source, without authenticity or without meaning",
            &self.rejected,
        );
        let mut histogram = |name, help, metric: &Histograms<Stream>| {
            registry.register(name, help, metric.clone());
        };
        histogram(
            "rtp_loss_ratio",
            "Lost packets of all that were sent, by call",
            &self.loss,
        );
        histogram(
            "rtp_jitter_seconds",
            "Unevenness of arrival at the end of a call (RFC 3550)",
            &self.jitter,
        );
        histogram(
            "rtp_round_trip_seconds",
            "From the gateway to the sender and back, as its last report told",
            &self.round_trip,
        );
        registry.register(
            "relayed_call_seconds",
            "How long relayed calls took",
            self.seconds.clone(),
        );
        registry.register_collector(Box::new(now));
        let registry = std::sync::Arc::new(registry);
        move || {
            let mut text = String::new();
            if let Err(error) = encode(&mut text, &registry) {
                tracing::error!(%error, "the figures can't be written");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests;
