//! What a session description says of the DTLS handshake: who answers for the sound, and who begins.

use std::collections::BTreeSet;

/// The certificates that it vouches for (RFC 8122 §5), in whichever order and case.
#[must_use]
pub fn certificates(sdp: &str) -> BTreeSet<String> {
    let lines = sdp.lines().map(str::trim_end);
    let fingerprints = lines.filter_map(|line| line.strip_prefix("a=fingerprint:"));
    fingerprints.map(str::to_ascii_lowercase).collect()
}

/// The first offer of a connection, by which we insist on sending the `ClientHello` (RFC 8842 §5.2). A
/// PBX that chooses to begin may do so before the browser listens, and repeats itself a second later:
/// so long nothing would be heard. Browsers repeat theirs within a tenth of that.
#[must_use]
pub fn begun_by_us(offer: &str) -> String {
    offer.replace("a=setup:actpass\r\n", "a=setup:active\r\n")
}

#[cfg(test)]
mod tests {
    use super::{begun_by_us, certificates};

    const ONE: &str = "v=0\r\na=fingerprint:sha-256 AB:CD\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";

    #[test]
    fn neither_place_nor_case_makes_another() {
        let within = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:SHA-256 ab:cd\r\n";
        assert_eq!(certificates(ONE), certificates(within));
        let twice = ONE.replace("m=", "a=fingerprint:sha-256 AB:CD\r\nm=");
        assert_eq!(certificates(ONE), certificates(&twice));
    }

    #[test]
    fn whoever_may_begin_begins() {
        let offer = |setup| format!("{ONE}a=setup:{setup}\r\na=mid:0\r\n");
        assert_eq!(begun_by_us(&offer("actpass")), offer("active"));
    }

    #[test]
    fn another_digest_is_another() {
        assert_ne!(certificates(ONE), certificates(&ONE.replace("AB", "AC")));
        assert_ne!(certificates(ONE), certificates("v=0\r\n"));
    }
}
