use sidetone_sip::TokenSource;

/// The browser's cryptographic random numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entropy;

impl Entropy {
    /// An even chance between 0 and 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn fraction(mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl TokenSource for Entropy {
    fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        let crypto = web_sys::window().and_then(|window| window.crypto().ok());
        // Every browser with WebAssembly has it, and eight bytes are below its quota.
        let filled = crypto.map(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
        assert!(
            matches!(filled, Some(Ok(_))),
            "the browser has no random numbers"
        );
        u64::from_le_bytes(bytes)
    }
}
