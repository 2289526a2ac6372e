//! Small settings that are no secret.

use web_sys::Storage;

/// The value of a setting on this device; none if storage is blocked.
#[must_use]
pub fn read(key: &str) -> Option<String> {
    local()?.get_item(key).ok()?
}

/// Keeps a setting on this device, or removes it. Without storage it lasts as long as the page.
pub fn write(key: &str, value: Option<&str>) {
    let Some(storage) = local() else { return };
    let _ = match value {
        Some(value) => storage.set_item(key, value),
        None => storage.remove_item(key),
    };
}

fn local() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}
