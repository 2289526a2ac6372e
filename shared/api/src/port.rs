//! Ports that browsers keep away from.

/// Whether browsers send nothing to this port, not even sound, so that no page can trick a router or a
/// server into taking it for something else (<https://fetch.spec.whatwg.org/#port-blocking>; that those
/// below 1024 are blocked for sound is Chromium's own rule).
#[must_use]
pub fn browsers_block(port: u16) -> bool {
    let well_known = port < 1024 && port != 80 && port != 443;
    let others = [
        1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
        6669, 6679, 6697, 10080,
    ];
    well_known || others.contains(&port)
}
