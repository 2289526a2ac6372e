//! The app's drawings: paths in a 24-unit square, in the colour of the text around them.

use leptos::prelude::*;

/// A handset off the hook: call.
pub const CALL: Drawing = Drawing::Filled(
    "M8.9 3.6 11 8.4 8.6 10.2c1 2.2 3 4.2 5.2 5.2l1.8-2.4 4.8 2.1-.7 4.1c-.2.8-.8 1.2-1.6 1.2C10.6 20.4 3.6 13.4 3.6 5.9c0-.8.4-1.4 1.2-1.6z",
);
/// A handset laid down: hang up.
pub const HANG_UP: Drawing = Drawing::Filled(
    "M2.8 13.2C7.6 7.4 16.4 7.4 21.2 13.2l-1.6 3-4.6-1.3-.2-2.7a9.6 9.6 0 0 0-5.6 0L9 14.9l-4.6 1.3z",
);
/// A microphone.
pub const MICROPHONE: Drawing = Drawing::Lines(
    "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5a2.8 2.8 0 0 1-5.6 0v-5A2.8 2.8 0 0 1 12 3.5zM5.8 11a6.2 6.2 0 0 0 12.4 0M12 17.4v3.1",
);
/// A microphone struck through.
pub const MICROPHONE_OFF: Drawing = Drawing::Lines(
    "M9.2 9.2v2.1a2.8 2.8 0 0 0 4.5 2.2M14.8 10.6V6.3a2.8 2.8 0 0 0-5.3-1.2M5.8 11a6.2 6.2 0 0 0 9.6 5.1M18.2 11a6 6 0 0 1-.5 2.4M12 17.4v3.1M4 4l16 16",
);
/// The keys of a phone.
pub const KEYPAD: Drawing =
    Drawing::Dots("M6 5h0M12 5h0M18 5h0M6 11h0M12 11h0M18 11h0M6 17h0M12 17h0M18 17h0");
/// Takes the last digit back.
pub const BACKSPACE: Drawing = Drawing::Lines(
    "M9 6h10.2a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H9l-5.6-6zM12 9.8l4.4 4.4M16.4 9.8 12 14.2",
);
/// Closes or dismisses.
pub const CLOSE: Drawing = Drawing::Lines("M6 6l12 12M18 6 6 18");
/// The light theme.
pub const SUN: Drawing = Drawing::Lines(
    "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.8v2M12 19.2v2M2.8 12h2M19.2 12h2M5.5 5.5l1.4 1.4M17.1 17.1l1.4 1.4M5.5 18.5l1.4-1.4M17.1 6.9l1.4-1.4",
);
/// The dark theme.
pub const MOON: Drawing = Drawing::Lines("M19.8 14.2A8.2 8.2 0 0 1 9.8 4.2a8.2 8.2 0 1 0 10 10z");
/// The theme of the system.
pub const SCREEN: Drawing = Drawing::Lines("M4 5h16v11H4zM9 20h6M12 16v4");
/// A person.
pub const PERSON: Drawing = Drawing::Lines(
    "M12 4a3.8 3.8 0 1 1 0 7.6A3.8 3.8 0 0 1 12 4zM4.6 20c.6-3.6 3.6-5.4 7.4-5.4s6.8 1.8 7.4 5.4",
);
/// Puts the app on this device.
pub const INSTALL: Drawing = Drawing::Lines("M12 4v10.5M7.6 10.4 12 14.8l4.4-4.4M5 19.5h14");
/// Something stands in the way.
pub const WARNING: Drawing = Drawing::Lines("M12 4.2 21 19.6H3zM12 10v4.4M12 17h0");
/// The line is cut.
pub const CUT: Drawing = Drawing::Lines(
    "M4.5 9.8a11 11 0 0 1 4-2.4M19.5 9.8a11 11 0 0 0-6-2.8M8 13.6a6 6 0 0 1 3.2-1.6M12 17.4h0M4 4l16 16",
);
/// A call that went out.
pub const OUTGOING: Drawing = Drawing::Lines("M7 17 17 7M9.5 7H17v7.5");
/// A call that came in.
pub const INCOMING: Drawing = Drawing::Lines("M17 7 7 17M14.5 17H7V9.5");
/// Keys of a keyboard.
pub const KEYBOARD: Drawing =
    Drawing::Lines("M3.5 6.5h17v11h-17zM7 10h0M10.3 10h0M13.7 10h0M17 10h0M8 14h8");
/// Leaves.
pub const LEAVE: Drawing = Drawing::Lines("M13 4.5H5.5v15H13M10 12h10M16.4 8.4 20 12l-3.6 3.6");
/// A sound wave: services that speak.
pub const WAVE: Drawing = Drawing::Lines("M4 10.5v3M8 7.5v9M12 4.5v15M16 8.5v7M20 10.5v3");
/// A newer version.
pub const NEW: Drawing = Drawing::Lines("M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.8 3.6v3.6h-3.6");

/// Goes from one call to another.
pub const SWAP: Drawing =
    Drawing::Lines("M4.5 8.5h14M14.8 4.8l3.7 3.7-3.7 3.7M19.5 15.5h-14M9.2 11.8l-3.7 3.7 3.7 3.7");

/// A drawing and how it is made.
#[derive(Clone, Copy)]
pub enum Drawing {
    /// Thin lines.
    Lines(&'static str),
    /// Filled shapes.
    Filled(&'static str),
    /// Fat dots.
    Dots(&'static str),
}

/// Draws. The control around it must carry the name.
#[must_use]
pub fn icon(drawing: Drawing) -> impl IntoView {
    let (class, path) = match drawing {
        Drawing::Lines(path) => ("icon", path),
        Drawing::Filled(path) => ("icon filled", path),
        Drawing::Dots(path) => ("icon dots", path),
    };
    view! {
        <svg class=class viewBox="0 0 24 24" aria-hidden="true">
            <path d=path></path>
        </svg>
    }
}

/// The mark: a voice that comes back to the ear.
#[must_use]
pub fn logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="8"></rect>
            <path d="M22 11.5a4.6 4.6 0 0 0-4.6-4.2h-2.6a4.4 4.4 0 0 0 0 8.7h2.4a4.4 4.4 0 0 1 0 8.7h-2.6a4.6 4.6 0 0 1-4.6-4.2"></path>
        </svg>
    }
}
