//! One instance id for each tab.
//!
//! Each tab registers as a phone of its own (RFC 5626 §4.1), so that one doesn't push the other
//! out. The id outlives a reload in the tab's session storage; a duplicated tab gets a copy of
//! that, which a lock held by the first one gives away.

use sidetone_sip::TokenSource;

use super::early;
use crate::phone::entropy::Entropy;

const KEY: &str = "instance";

/// The `urn:uuid:…` of this tab.
pub async fn instance() -> String {
    let session = web_sys::window().and_then(|window| window.session_storage().ok().flatten());
    let kept = session
        .as_ref()
        .and_then(|storage| storage.get_item(KEY).ok().flatten());
    let ours = early::outcome("tab").await;
    if let (Some(kept), Some(ours)) = (kept, ours)
        && kept.starts_with("urn:uuid:")
        && ours.is_truthy()
    {
        return kept;
    }
    let fresh = random_urn();
    // Nobody else has made the same.
    let _ = early::call("hold", &fresh.as_str().into()).await;
    if let Some(storage) = session {
        let _ = storage.set_item(KEY, &fresh);
    }
    fresh
}

/// A random (version 4) UUID as RFC 5626 §4.1 wants it.
fn random_urn() -> String {
    let (high, low) = (Entropy.bits(), Entropy.bits());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
