/// Where branches, tags, Call-IDs and client nonces get their randomness.
///
/// The browser and the gateway inject a cryptographic source, tests a seeded one.
pub trait TokenSource {
    /// Sixty-four random bits.
    fn bits(&mut self) -> u64;

    /// A token of sixteen lower-case hexadecimal digits (64 bits; RFC 3261 §19.3 asks for 32).
    fn token(&mut self) -> String {
        format!("{:016x}", self.bits())
    }
}

/// A deterministic source (SplitMix64), for tests and replays only.
#[derive(Clone, Debug)]
pub struct SeededTokens(u64);

impl SeededTokens {
    /// A source that repeats itself for equal seeds.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl TokenSource for SeededTokens {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
