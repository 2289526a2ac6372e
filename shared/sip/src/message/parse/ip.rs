//! Addresses in numbers (RFC 3261 §25.1, RFC 5954). The standard library reads the same, with three
//! times the code, which the app would have to download.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::lexer::number;

/// Four numbers up to 255, none with a zero ahead.
pub(super) fn v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let has_zero_ahead = part.len() > 1 && part.starts_with('0');
        let value = number(part, 255).filter(|_| !has_zero_ahead)?;
        *octet = u8::try_from(value).ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Eight groups, or fewer around one `::`; an IPv4 address may stand for the last two.
pub(super) fn v6(text: &str) -> Option<Ipv6Addr> {
    let mut segments = [0; 8];
    let mut count = 0;
    // How many groups stand ahead of the `::`.
    let mut gap = None;
    let mut rest = text;
    while !rest.is_empty() {
        if gap.is_none()
            && let Some(behind) = rest.strip_prefix("::")
        {
            gap = Some(count);
            rest = behind;
            continue;
        }
        if count > 0 && gap != Some(count) {
            rest = rest.strip_prefix(':')?;
        }
        let end = rest.bytes().position(|byte| byte == b':');
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if let Some(address) = v4(word).filter(|_| behind.is_empty()) {
            let bits = u32::from(address);
            *segments.get_mut(count)? = (bits >> 16) as u16;
            count += 1;
            *segments.get_mut(count)? = bits as u16;
        } else {
            *segments.get_mut(count)? = group(word)?;
        }
        count += 1;
        rest = behind;
    }
    let ahead = match gap {
        None if count == 8 => count,
        Some(gap) if count < 8 => gap,
        _ => return None,
    };
    let mut spread = [0; 8];
    spread[..ahead].copy_from_slice(&segments[..ahead]);
    spread[8 - (count - ahead)..].copy_from_slice(&segments[ahead..count]);
    Some(spread.into())
}

/// One to four hexadecimal digits.
fn group(word: &str) -> Option<u16> {
    if word.is_empty() || word.len() > 4 {
        return None;
    }
    word.chars().try_fold(0, |value, digit| {
        Some(value << 4 | digit.to_digit(16)? as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Host;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// All texts of up to so many of these pieces.
    fn texts(pieces: &[&str], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..most {
            let longest = from..all.len();
            from = all.len();
            for at in longest {
                let longer = pieces.iter().map(|piece| format!("{}{piece}", all[at]));
                let longer: Vec<String> = longer.collect();
                all.extend(longer);
            }
        }
        all
    }

    #[test]
    fn ipv4_is_read_as_by_the_standard_library() {
        let pieces = ["0.", "1.", "25.", "255.", ".", "0", "1", "5", "256", "+"];
        let read = texts(&pieces, 5).into_iter().filter(|text| {
            let address = v4(text);
            assert_eq!(address, text.parse().ok(), "{text}");
            address.is_some()
        });
        assert!(read.count() > 1000);
    }

    #[test]
    fn ipv6_is_read_and_printed_as_by_the_standard_library() {
        let whole = [
            "1:2:3:4:5:6:",
            "::ffff:",
            "0:0:1:0:0:0:1:0",
            "1:0:1:2:3:4:5:6",
        ];
        let pieces = ["::", ":", "0", "12ab", "00000", "1.2.3.4", "g"];
        let pieces = [&pieces[..], &whole[..]].concat();
        let read = texts(&pieces, 5).into_iter().filter(|text| {
            let address = v6(text);
            assert_eq!(address, text.parse().ok(), "{text}");
            if let Some(address) = address {
                assert_eq!(Host::V6(address).to_string(), format!("[{address}]"));
            }
            address.is_some()
        });
        assert!(read.count() > 200);
    }
}
