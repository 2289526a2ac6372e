//! WebSocket frames (RFC 6455 §5.2) as a client writes and reads them, and as the floor does.

/// What a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(Vec<u8>),
    Ping,
    Pong,
    Close,
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Appends a text frame; a client's is masked.
pub(crate) fn write_text(text: &[u8], masked: bool, to: &mut Vec<u8>) {
    write(TEXT, text, masked, to);
}

/// Appends a client's answer to a ping.
pub(crate) fn write_pong(to: &mut Vec<u8>) {
    write(PONG, &[], true, to);
}

fn write(opcode: u8, payload: &[u8], masked: bool, to: &mut Vec<u8>) {
    to.push(0x80 | opcode);
    let mask = u8::from(masked) << 7;
    match payload.len() {
        short @ 0..=125 => to.push(mask | short as u8),
        long => {
            let long = u16::try_from(long).expect("no SIP message is that long");
            to.push(mask | 126);
            to.extend(long.to_be_bytes());
        }
    }
    if masked {
        to.extend(KEY);
        let key = KEY.iter().cycle();
        to.extend(payload.iter().zip(key).map(|(byte, key)| byte ^ key));
    } else {
        to.extend(payload);
    }
}

/// Takes a whole frame from the front of `buffer`, if one is there.
pub(crate) fn take(buffer: &mut Vec<u8>) -> Option<Frame> {
    let [first, second] = *buffer.first_chunk()?;
    assert_eq!(first & 0x80, 0x80, "nobody here sends fragments");
    let mut start = 2;
    let length = match second & 0x7f {
        126 => {
            start += 2;
            usize::from(u16::from_be_bytes(*buffer[2..].first_chunk()?))
        }
        127 => panic!("no SIP message is that long"),
        short => usize::from(short),
    };
    let masked = second & 0x80 != 0;
    let key = match masked {
        true => *buffer.get(start..)?.first_chunk::<4>()?,
        false => [0; 4],
    };
    start += usize::from(masked) * 4;
    let payload = buffer.get_mut(start..start + length)?;
    if masked {
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }
    let frame = match first & 0x0f {
        TEXT | BINARY => Frame::Text(payload.to_vec()),
        CLOSE => Frame::Close,
        PING => Frame::Ping,
        PONG => Frame::Pong,
        other => panic!("opcode {other}"),
    };
    buffer.drain(..start + length);
    Some(frame)
}
