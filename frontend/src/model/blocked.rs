//! Whether a browser can reach anything that a session description names.

use sidetone_api::browsers_block;

/// The first port of the candidates (RFC 8839 §5.1) if browsers block all of them.
#[must_use]
pub fn blocked_port(sdp: &str) -> Option<u16> {
    let candidates = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"));
    let mut ports = candidates.filter_map(|line| line.split_whitespace().nth(5)?.parse().ok());
    let first = ports.next()?;
    (browsers_block(first) && ports.all(browsers_block)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::blocked_port;

    fn named(ports: &[u16]) -> Option<u16> {
        let candidate =
            |port: &u16| format!("a=candidate:1 1 UDP 2130706431 192.0.2.7 {port} typ host\r\n");
        let lines: String = ports.iter().map(candidate).collect();
        blocked_port(&format!(
            "v=0\r\nm=audio 6000 UDP/TLS/RTP/SAVPF 0\r\n{lines}"
        ))
    }

    #[test]
    fn one_way_is_enough() {
        assert_eq!(named(&[10_080]), Some(10_080));
        assert_eq!(named(&[6_000, 10_080]), Some(6_000));
        assert_eq!(named(&[10_080, 10_082]), None);
        assert_eq!(named(&[10_082, 10_080]), None);
        assert_eq!(named(&[10_078]), None);
        assert_eq!(named(&[443]), None);
        assert_eq!(named(&[]), None, "without ICE there is none to block");
    }
}
