//! What a browser offers besides calls.

pub mod alarm;
pub mod early;
pub mod install;
pub mod listener;
pub mod notifications;
pub mod storage;
pub mod tabs;
pub mod theme;
pub mod update;
pub mod vault;

/// Whether nobody sees this page.
#[must_use]
pub fn is_hidden() -> bool {
    web_sys::window()
        .and_then(|window| window.document())
        .is_some_and(|document| document.hidden())
}
