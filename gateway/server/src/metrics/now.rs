//! What is read when somebody asks.

use std::fmt::{self, Error};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use sidetone_edge::{Bridge, Caller, Edge, SoundPath};
use sidetone_media::Media;
use sidetone_switch::Switch;

/// The parts that have figures of their own.
pub(crate) struct Now {
    pub(crate) edge: Edge,
    pub(crate) bridge: Option<Bridge>,
    pub(crate) switch: Switch,
    pub(crate) media: Media,
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Now").finish_non_exhaustive()
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let switch = self.switch.snapshot();
        let media = self.media.counters();
        for (name, help, value) in [
            ("flows", "Open SIP WebSockets", self.edge.flows() as u64),
            (
                "switch_registered",
                "Extensions of the embedded switch with at least one phone",
                switch.registered as u64,
            ),
            (
                "switch_ringing_calls",
                "Calls of the embedded switch that wait for an answer",
                switch.ringing as u64,
            ),
            (
                "switch_calls",
                "Calls of the embedded switch that are up",
                switch.up as u64,
            ),
            (
                "relayed_calls",
                "Calls whose sound the gateway carries",
                media.relays,
            ),
            (
                "media_legs",
                "Calls that end at the gateway, such as the echo",
                media.legs,
            ),
        ] {
            gauge(&mut encoder, name, help, &[(&[], value)])?;
        }
        counter(
            &mut encoder,
            "refused_requests",
            "Requests that were answered with 503, because more was asked than can be done",
            &[(&[], self.edge.refused())],
        )?;
        counter(
            &mut encoder,
            "switch_calls_set_up",
            "Calls of the embedded switch, answered or not",
            &[(&[], switch.calls_total)],
        )?;
        counter(
            &mut encoder,
            "switch_wrong_digests",
            "Wrong passwords at the embedded switch",
            &[(&[], switch.wrong_digests_total)],
        )?;
        let kinds = [
            ("received", media.received),
            ("sent", media.sent),
            ("unsent", media.unsent),
            ("unknown", media.unknown),
            ("malformed", media.malformed),
            ("unauthentic", media.unauthentic),
        ]
        .map(|(kind, count)| ([("kind", kind)], count));
        let kinds = kinds.each_ref().map(|(label, count)| (&label[..], *count));
        counter(
            &mut encoder,
            "media_datagrams",
            "Datagrams of the media engine; the last three kinds are received ones that were dropped",
            &kinds,
        )?;
        self.encode_upstreams(&mut encoder)
    }
}

impl Now {
    fn encode_upstreams(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let Some(bridge) = &self.bridge else {
            return Ok(());
        };
        let upstreams = bridge.figures();
        let mut reachable = Vec::new();
        let mut answered = Vec::new();
        for upstream in &upstreams {
            let name = ("upstream", &*upstream.name);
            reachable.push(([name], u64::from(upstream.is_reachable)));
            for (kind, count) in &upstream.answered {
                let caller = match kind.caller {
                    Caller::Browser => "browser",
                    Caller::Pbx => "pbx",
                };
                let path = match kind.path {
                    SoundPath::Direct => "direct",
                    SoundPath::Relay => "relay",
                };
                answered.push(([name, ("caller", caller), ("path", path)], *count));
            }
        }
        let reachable: Vec<Sample<'_>> = reachable.iter().map(|(l, v)| (&l[..], *v)).collect();
        let help = "Whether requests go to the upstream, as far as is known";
        gauge(encoder, "upstream_reachable", help, &reachable)?;
        let answered: Vec<Sample<'_>> = answered.iter().map(|(l, v)| (&l[..], *v)).collect();
        let help = "Calls that were answered";
        counter(encoder, "calls_answered", help, &answered)
    }
}

/// Labels and a value.
type Sample<'a> = (&'a [(&'a str, &'a str)], u64);

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: &[Sample<'_>],
) -> Result<(), Error> {
    let metric = |value| ConstCounter::<u64>::new(value);
    write(encoder, (name, help), MetricType::Counter, samples, metric)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: &[Sample<'_>],
) -> Result<(), Error> {
    let metric = |value| ConstGauge::<i64>::new(i64::try_from(value).unwrap_or(i64::MAX));
    write(encoder, (name, help), MetricType::Gauge, samples, metric)
}

fn write<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    kind: MetricType,
    samples: &[Sample<'_>],
    metric: impl Fn(u64) -> M,
) -> Result<(), Error> {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in samples {
        let metric = metric(*value);
        if labels.is_empty() {
            return metric.encode(family);
        }
        let labels = labels.to_vec();
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
