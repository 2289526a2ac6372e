//! G.711 (ITU-T G.711) and 16-bit linear samples.

/// One sample in μ-law.
pub(crate) fn encode_ulaw(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    // The bias makes bit 7 the lowest that can lead.
    let segment = 24 - magnitude.leading_zeros() as i32;
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | segment << 4 | mantissa) as u8
}

/// One sample in A-law.
pub(crate) fn encode_alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 {
        (0, (!i32::from(sample)) >> 4)
    } else {
        (0x80, i32::from(sample) >> 4)
    };
    // Twelve bits: a segment for each leading bit from 5 on, linear below.
    let segment = (28 - magnitude.leading_zeros() as i32).max(0);
    let code = if segment == 0 {
        magnitude
    } else {
        segment << 4 | ((magnitude >> (segment - 1)) & 0x0f)
    };
    ((sign | code) ^ 0x55) as u8
}

/// The sample that a code of μ-law stands for.
pub(crate) fn decode_ulaw(code: u8) -> i16 {
    let code = i16::from(!code);
    let magnitude = (((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7);
    let magnitude = magnitude - 0x84;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// The sample that a code of A-law stands for.
pub(crate) fn decode_alaw(code: u8) -> i16 {
    let code = i16::from(code ^ 0x55);
    let mantissa = (code & 0x0f) << 4;
    let magnitude = match (code >> 4) & 7 {
        0 => mantissa + 8,
        segment => (mantissa + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes() {
        assert_eq!(encode_ulaw(0), 0xff);
        assert_eq!(encode_ulaw(i16::MAX), 0x80);
        assert_eq!(encode_ulaw(i16::MIN), 0x00);
        assert_eq!(encode_alaw(0), 0xd5);
        assert_eq!(encode_alaw(i16::MAX), 0xaa);
        assert_eq!(encode_alaw(i16::MIN), 0x2a);
    }

    #[test]
    fn every_code_encodes_what_it_decodes_to() {
        for code in 0..=255 {
            let ulaw = decode_ulaw(code);
            // μ-law has two zeros.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(encode_ulaw(ulaw), expected, "μ-law {code:#x}");
            let alaw = decode_alaw(code);
            assert_eq!(encode_alaw(alaw), code, "A-law {code:#x}");
        }
    }

    #[test]
    fn the_error_stays_within_the_step_of_the_segment() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let exact = i32::from(sample);
            let step = (exact.abs() / 16).max(16);
            let ulaw = i32::from(decode_ulaw(encode_ulaw(sample)));
            assert!((ulaw - exact).abs() <= step, "μ-law {sample} {ulaw}");
            let alaw = i32::from(decode_alaw(encode_alaw(sample)));
            assert!((alaw - exact).abs() <= step, "A-law {sample} {alaw}");
        }
    }
}
