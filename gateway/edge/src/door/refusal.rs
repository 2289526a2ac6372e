//! What the door sees of a message without parsing it, and what it answers to who is sent away.

/// Methods of requests that may be outside of a dialog and are worth their answer.
const BEGINNERS: [&[u8]; 6] = [
    b"INVITE ",
    b"REGISTER ",
    b"SUBSCRIBE ",
    b"MESSAGE ",
    b"PUBLISH ",
    b"OPTIONS ",
];

pub(super) fn may_begin(message: &[u8]) -> bool {
    BEGINNERS.iter().any(|method| message.starts_with(method))
}

pub(super) fn is_call(message: &[u8]) -> bool {
    message.starts_with(b"INVITE ")
}

pub(super) fn answers_call(message: &[u8]) -> bool {
    message.starts_with(b"SIP/2.0 ")
        && lines(message)
            .any(|(header, line)| header == CSEQ && line.trim_ascii_end().ends_with(b" INVITE"))
}

/// Whether it belongs to a dialog.
pub(super) fn is_within(message: &[u8]) -> bool {
    lines(message)
        .any(|(header, line)| header == TO && contains(&line.to_ascii_lowercase(), b"tag="))
}

/// What an answer repeats (RFC 3261 §8.2.6.2), each in its long and its compact form.
const REPEATED: [[&[u8]; 2]; 5] = [
    [b"via", b"v"],
    [b"from", b"f"],
    [b"to", b"t"],
    [b"call-id", b"i"],
    [b"cseq", b"cseq"],
];
const TO: usize = 2;
const CSEQ: usize = 4;

/// `None`: it lacks what an answer must repeat. `number` spreads when they come back.
pub(super) fn refusal(message: &[u8], tag: &str, number: u64) -> Option<Vec<u8>> {
    let mut answer = Vec::with_capacity(768);
    answer.extend(b"SIP/2.0 503 Service Unavailable\r\n");
    let mut found = [false; REPEATED.len()];
    let mut last = None;
    for (header, line) in lines(message) {
        if !is_continuation(line) {
            end_header(&mut answer, last, tag);
        }
        last = Some(header);
        found[header] = true;
        answer.extend(line);
    }
    end_header(&mut answer, last, tag);
    if found.contains(&false) {
        return None;
    }
    // Not all come back at once.
    let seconds = 5 + number % 11;
    answer.extend(format!("Retry-After: {seconds}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    Some(answer)
}

/// The lines of the repeated headers, each with its header.
fn lines(message: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut current = None;
    let lines = head(message).split(|byte| *byte == b'\n').skip(1);
    lines.filter_map(move |line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !is_continuation(line) {
            current = repeated(line);
        }
        Some((current?, line))
    })
}

fn is_continuation(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}

fn end_header(answer: &mut Vec<u8>, header: Option<usize>, tag: &str) {
    match header {
        Some(TO) => answer.extend(format!(";tag={tag}\r\n").as_bytes()),
        Some(_) => answer.extend(b"\r\n"),
        None => {}
    }
}

/// Which of the repeated headers a line begins.
fn repeated(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let is_named = |names: &[&[u8]; 2]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
    REPEATED.iter().position(is_named)
}

/// A message without its body.
pub(super) fn head(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    &message[..end.unwrap_or(message.len())]
}

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
