use sidetone_sip::TokenSource;

/// Random bits of the operating system.
pub(crate) struct OsTokens;

impl TokenSource for OsTokens {
    fn bits(&mut self) -> u64 {
        // Without randomness no digest and no dialog is safe, and there is nothing to fall back on.
        getrandom::u64().expect("the operating system has no randomness")
    }
}
