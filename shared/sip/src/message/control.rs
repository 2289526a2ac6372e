//! Control characters, which no text of a message may hold.

/// Whether `byte` is one.
pub(super) const fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// Where the first one is. Most texts hold none, so eight bytes are judged at a time.
pub(super) fn first_control(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let Some((word, behind)) = rest.split_first_chunk()
        && !any_control(u64::from_ne_bytes(*word))
    {
        rest = behind;
    }
    let offset = rest.iter().position(|byte| is_control(*byte))?;
    Some(text.len() - rest.len() + offset)
}

/// Whether any of the eight bytes is one: a subtraction sets the highest bit of a byte only if it
/// was smaller, or if it was set before.
const fn any_control(word: u64) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let below_space = word.wrapping_sub(EACH * b' ' as u64) & !word;
    let delete = word ^ (EACH * 0x7f);
    let is_delete = delete.wrapping_sub(EACH) & !delete;
    (below_space | is_delete) & (EACH * 0x80) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn finds_what_a_look_at_each_byte_finds() {
        for byte in 0..=255 {
            for at in 0..20 {
                for around in [b' ', b'~', 0x80, 0xff] {
                    let mut text = [around; 20];
                    text[at] = byte;
                    let expected = is_control(byte).then_some(at);
                    assert_eq!(first_control(&text), expected, "{byte} at {at}");
                }
            }
        }
        assert_eq!(first_control(b""), None);
    }
}
