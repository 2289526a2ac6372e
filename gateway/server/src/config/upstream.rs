//! `[[upstream]]` and `[bridge]`.

use std::time::Duration;

use sidetone_edge::{MediaMode, Srtp, Target, UpstreamConfig};

use super::layers::{Layers, Source};
use super::read::{domain, duration, name, parsed, path};
use super::{BridgePort, Problem};

const URI: &str = "a SIP URI, such as sip:pbx.example;transport=udp (udp, tcp, tls, ws, wss), \
                   sips:pbx.example or wss://pbx.example:8089/ws";

pub(super) fn read_port(layers: &mut Layers) -> BridgePort {
    let address = "an address and a port, such as 0.0.0.0:5070";
    BridgePort {
        listen: layers.one("bridge.listen", address, parsed),
        advertise: layers.one(
            "bridge.advertise",
            "an IP address, such as 192.0.2.7",
            parsed,
        ),
    }
}

pub(super) fn read(layers: &mut Layers) -> Vec<UpstreamConfig> {
    let mut found: Vec<(UpstreamConfig, Source)> = Vec::new();
    // An empty set of keys is asked for too, so that each of them is known.
    let numbered = layers.numbered("upstream");
    if numbered.is_empty() {
        read_one(layers, 0, None);
    }
    for (index, start) in numbered {
        let Some(upstream) = read_one(layers, index, Some(&start)) else {
            continue;
        };
        let twice = found.iter().find_map(|(other, first)| {
            if other.name == upstream.name {
                Some(("name", &other.name, first))
            } else if other.domain == upstream.domain {
                Some(("domain", &other.domain, first))
            } else {
                None
            }
        });
        if let Some((what, value, first)) = twice {
            layers.problems.push(Problem(format!(
                "{start}: the `{what}` \"{value}\" is that of another `[[upstream]]`; the first \
                 is at {first}"
            )));
            continue;
        }
        found.push((upstream, start));
    }
    found.into_iter().map(|(upstream, _)| upstream).collect()
}

/// The upstream of this number; `None` if something of it is wrong or missing.
fn read_one(layers: &mut Layers, index: usize, start: Option<&Source>) -> Option<UpstreamConfig> {
    let before = layers.problems.len();
    let key = |field: &str| format!("upstream.{index}.{field}");
    let target = |text: &str| text.parse::<Target>().ok();
    let name = layers.one(&key("name"), "a name of at most 64 characters", name);
    let domain = layers.one(
        &key("domain"),
        "a host name, such as office.example",
        domain,
    );
    let uri = layers.one(&key("uri"), URI, target);
    let proxy = layers.one(&key("outbound_proxy"), URI, target);
    let media = "\"direct\", \"relay\" or \"auto\"";
    let media = layers.one(&key("media"), media, |text| match text {
        "direct" => Some(MediaMode::Direct),
        "relay" => Some(MediaMode::Relay),
        "auto" => Some(MediaMode::Auto),
        _ => None,
    });
    let tls_ca = layers.one(&key("tls_ca"), "a PEM file with certificates", path);
    let srtp = layers.one(&key("srtp"), "\"none\" or \"sdes\"", |text| match text {
        "none" => Some(Srtp::None),
        "sdes" => Some(Srtp::Sdes),
        _ => None,
    });
    let yes_or_no = "true or false";
    let symmetric_rtp = layers.one(&key("symmetric_rtp"), yes_or_no, parsed);
    let guests = layers.one(&key("guests"), yes_or_no, parsed);
    let keep_alive = "a time, such as 20s, or \"off\"";
    let keep_alive = layers.one(&key("keep_alive"), keep_alive, |text| match text {
        "off" => Some(Duration::ZERO),
        time => duration(time),
    });
    let start = start?;
    if layers.problems.len() > before {
        return None;
    }
    let missing = [
        ("name", name.is_none()),
        ("domain", domain.is_none()),
        ("uri", uri.is_none()),
    ];
    for (field, _) in missing.iter().filter(|(_, is_missing)| *is_missing) {
        let text = format!("{start}: this `[[upstream]]` has no `{field}`");
        layers.problems.push(Problem(text));
    }
    let plain = UpstreamConfig::new(name?, domain?, uri?);
    Some(UpstreamConfig {
        outbound_proxy: proxy,
        media: media.unwrap_or(plain.media),
        tls_ca,
        srtp: srtp.unwrap_or(plain.srtp),
        symmetric_rtp: symmetric_rtp.unwrap_or(plain.symmetric_rtp),
        guests: guests.unwrap_or(plain.guests),
        keep_alive: keep_alive.unwrap_or(plain.keep_alive),
        ..plain
    })
}
