use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use sidetone_media::{RelayStats, StreamStats};

use super::*;

#[test]
fn streams_are_summed_by_upstream_direction_and_codec() {
    let metrics = Metrics::new();
    let mut stats = RelayStats::default();
    stats.from_browser.packets = 95;
    stats.from_browser.lost = 5;
    stats.from_browser.rejected = 2;
    stats.from_browser.codec = Some("opus");
    stats.from_browser.jitter = Duration::from_millis(3);
    stats.from_browser.round_trip = Some(Duration::from_millis(40));
    for _ in 0..2 {
        metrics.on_relay_ended("office", Duration::from_secs(10), &stats);
    }
    let mut registry = Registry::default();
    registry.register("packets", "", metrics.packets.clone());
    registry.register("rejected", "", metrics.rejected.clone());
    registry.register("loss", "", metrics.loss.clone());
    registry.register("round_trip", "", metrics.round_trip.clone());
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let line = |start: &str| {
        let mut lines = text.lines();
        let found = lines.find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {text}"))
    };
    let labels = r#"upstream="office",direction="from_browser",codec="opus""#;
    assert!(line(&format!("packets_total{{{labels}}}")).ends_with(" 190"));
    assert!(line(&format!("rejected_total{{{labels}}}")).ends_with(" 4"));
    assert!(line(&format!("loss_bucket{{le=\"0.02\",{labels}}}")).ends_with(" 0"));
    assert!(line(&format!("loss_bucket{{le=\"0.05\",{labels}}}")).ends_with(" 2"));
    assert!(line(&format!("round_trip_count{{{labels}}}")).ends_with(" 2"));
    // A direction in which nothing came has no loss and no delay.
    let silent = r#"upstream="office",direction="from_pbx",codec="none""#;
    assert!(line(&format!("packets_total{{{silent}}}")).ends_with(" 0"));
    assert!(!text.contains(&format!("loss_count{{{silent}}}")));
    assert!(!text.contains(&format!("round_trip_count{{{silent}}}")));
}

#[test]
fn a_call_without_sound_is_no_call_without_loss() {
    let metrics = Metrics::new();
    metrics.on_stream("office", "from_pbx", &StreamStats::default());
    let labels = Stream {
        upstream: "office".to_owned(),
        direction: "from_pbx",
        codec: "none",
    };
    assert!(metrics.packets.get(&labels).is_some());
    assert!(metrics.loss.get(&labels).is_none());
    assert!(metrics.jitter.get(&labels).is_none());
}
