//! Parts a byte stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1).

/// What a stream brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// One message, not parsed yet.
    Message(Vec<u8>),
    /// CRLF CRLF: the peer wants a CRLF.
    Ping,
    /// CRLF.
    Pong,
}

/// Nothing that follows can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unframed(&'static str);

/// Bytes that are not a whole message yet.
pub(crate) struct Framer {
    bytes: Vec<u8>,
    /// How far there is no end of the head.
    searched: usize,
    limit: usize,
}

impl Framer {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            searched: 0,
            limit,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Unframed> {
        if self.bytes.starts_with(b"\r\n\r\n") {
            self.take(4);
            return Ok(Some(Frame::Ping));
        }
        let undecided = self.bytes == b"\r\n\r" || self.bytes == b"\r";
        if self.bytes.starts_with(b"\r\n") && !undecided {
            self.take(2);
            return Ok(Some(Frame::Pong));
        }
        if undecided || self.bytes.is_empty() {
            return Ok(None);
        }
        let Some(head) = self.end_of_head() else {
            return match self.bytes.len() > self.limit {
                true => Err(Unframed("a head does not end")),
                false => Ok(None),
            };
        };
        let length = head + content_length(&self.bytes[..head])?;
        if length > self.limit {
            return Err(Unframed("a message is too long"));
        }
        if self.bytes.len() < length {
            return Ok(None);
        }
        Ok(Some(Frame::Message(self.take(length))))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(length);
        self.searched = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    fn end_of_head(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let mut windows = self.bytes[from..].windows(4);
        let found = windows.position(|four| four == b"\r\n\r\n");
        self.searched = self.bytes.len();
        if let Some(at) = found {
            self.searched = from + at;
        }
        found.map(|at| from + at + 4)
    }
}

/// RFC 3261 §20.14: without the header there is no body that could be told from what follows.
fn content_length(head: &[u8]) -> Result<usize, Unframed> {
    let mut found = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let value = std::str::from_utf8(value).ok();
            let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            let value = value.filter(is_number).and_then(|text| text.parse().ok());
            let value: usize = value.ok_or(Unframed("Content-Length is no number"))?;
            if found.is_some_and(|found| found != value) {
                return Err(Unframed("there are two lengths"));
            }
            found = Some(value);
        }
    }
    Ok(found.unwrap_or(0).min(usize::MAX / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&[u8]]) -> Result<Vec<Frame>, Unframed> {
        let mut framer = Framer::new(200);
        let mut frames = Vec::new();
        for chunk in chunks {
            framer.push(chunk);
            while let Some(frame) = framer.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    const ONE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc";
    const TWO: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length : 0\r\n\r\n";

    #[test]
    fn messages_are_parted_wherever_the_stream_was_cut() {
        let whole = [ONE, b"\r\n\r\n", TWO, b"\r\n", ONE].concat();
        let expected = [
            Frame::Message(ONE.to_vec()),
            Frame::Ping,
            Frame::Message(TWO.to_vec()),
            Frame::Pong,
            Frame::Message(ONE.to_vec()),
        ];
        assert_eq!(frames(&[&whole]).unwrap(), expected);
        // A cut within the CRLFs of a ping makes two pongs of it, which nobody minds.
        let in_ping = ONE.len() + 2;
        for cut in (0..whole.len()).filter(|cut| *cut != in_ping) {
            let (first, second) = whole.split_at(cut);
            assert_eq!(frames(&[first, second]).unwrap(), expected, "{cut}");
        }
        let bytes: Vec<&[u8]> = TWO.chunks(1).collect();
        assert_eq!(frames(&bytes).unwrap(), [Frame::Message(TWO.to_vec())]);
    }

    #[test]
    fn a_body_may_look_like_anything() {
        let text = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n";
        assert_eq!(frames(&[text]).unwrap(), [Frame::Message(text.to_vec())]);
    }

    #[test]
    fn what_cannot_be_parted_ends_the_stream() {
        for bytes in [
            &b"A sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n"[..],
            b"A sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
            b"A sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
            b"A sip:a SIP/2.0\r\nContent-Length: 900\r\n\r\n",
            b"A sip:a SIP/2.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
            &[b'x'; 201],
        ] {
            assert!(frames(&[bytes]).is_err(), "{bytes:?}");
        }
    }
}
