//! The little that the switch must know of a session description.

/// Whether it offers sound: an `m=audio` line whose port is not 0 (RFC 8866 §5.14).
pub(crate) fn has_audio(description: &[u8]) -> bool {
    description.split(|b| *b == b'\n').any(|line| {
        line.strip_prefix(b"m=audio ")
            .is_some_and(|rest| !rest.starts_with(b"0 "))
    })
}

#[cfg(test)]
mod tests {
    use super::has_audio;

    #[test]
    fn audio_is_an_open_audio_line() {
        let table: [(&str, bool); 6] = [
            ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", true),
            ("v=0\nm=video 9 RTP/AVP 96\nm=audio 4000 RTP/AVP 0\n", true),
            ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", false),
            ("v=0\r\nm=audio 0 RTP/AVP 0\r\n", false),
            ("v=0\r\na=x:m=audio 9 RTP/AVP 0\r\n", false),
            ("", false),
        ];
        for (sdp, expected) in table {
            assert_eq!(has_audio(sdp.as_bytes()), expected, "{sdp}");
        }
    }
}
