//! Which key does what.

/// What a key stroke asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Answers the call that rings longest.
    Answer,
    /// Rejects it.
    Reject,
    /// Turns the microphone off or on.
    Mute,
    /// Goes to the dialer.
    Dialer,
    /// Calls what stands in the dialer.
    Dial,
    /// Hangs up or gives up.
    HangUp,
    /// Shows the shortcut sheet.
    Sheet,
    /// A key of the phone.
    Digit(char),
}

/// A key stroke, apart from the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke<'a> {
    /// What it writes, such as `a` or `Enter`.
    pub key: &'a str,
    /// Which key it is, such as `KeyA`.
    pub code: &'a str,
    /// Control alone is held.
    pub control: bool,
    /// Alt alone is held.
    pub alt: bool,
    /// Somebody writes into a field.
    pub typing: bool,
    /// A control with an Enter of its own has the focus.
    pub on_control: bool,
}

/// Reads a stroke. Plain keys mean nothing while somebody types.
#[must_use]
pub fn command(stroke: Stroke<'_>) -> Option<Command> {
    if stroke.control {
        return match stroke.key {
            "m" | "M" => Some(Command::Mute),
            "d" | "D" => Some(Command::Dialer),
            _ => None,
        };
    }
    if stroke.alt {
        return match stroke.code {
            "KeyA" => Some(Command::Answer),
            "KeyR" => Some(Command::Reject),
            _ => None,
        };
    }
    let mut characters = stroke.key.chars();
    match (characters.next()?, characters.next()) {
        _ if stroke.typing => None,
        ('?', None) => Some(Command::Sheet),
        (key @ ('0'..='9' | '*' | '#'), None) => Some(Command::Digit(key)),
        _ if stroke.key == "Escape" => Some(Command::HangUp),
        _ if stroke.key == "Enter" && !stroke.on_control => Some(Command::Dial),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_REST: Stroke<'_> = Stroke {
        key: "",
        code: "",
        control: false,
        alt: false,
        typing: false,
        on_control: false,
    };

    fn plain(key: &str) -> Option<Command> {
        command(Stroke { key, ..AT_REST })
    }

    fn while_typing(key: &str) -> Option<Command> {
        command(Stroke {
            key,
            typing: true,
            on_control: true,
            ..AT_REST
        })
    }

    #[test]
    fn plain_keys_dial_hang_up_and_help() {
        assert_eq!(plain("5"), Some(Command::Digit('5')));
        assert_eq!(plain("#"), Some(Command::Digit('#')));
        assert_eq!(plain("Escape"), Some(Command::HangUp));
        assert_eq!(plain("?"), Some(Command::Sheet));
        assert_eq!(plain("Enter"), Some(Command::Dial));
        for other in ["a", "F5", "Tab", "٣", "Dead", ""] {
            assert_eq!(plain(other), None, "{other}");
        }
    }

    #[test]
    fn plain_keys_mean_nothing_while_somebody_types() {
        for key in ["5", "*", "?", "Escape", "Enter"] {
            assert_eq!(while_typing(key), None, "{key}");
        }
    }

    #[test]
    fn enter_is_left_to_a_control_that_has_the_focus() {
        let on_button = Stroke {
            key: "Enter",
            on_control: true,
            ..AT_REST
        };
        assert_eq!(command(on_button), None);
    }

    #[test]
    fn chords_work_even_while_somebody_types() {
        let chord = |key, code, control| {
            command(Stroke {
                key,
                code,
                control,
                alt: !control,
                typing: true,
                on_control: true,
            })
        };
        assert_eq!(chord("m", "KeyM", true), Some(Command::Mute));
        assert_eq!(chord("D", "KeyD", true), Some(Command::Dialer));
        // What Alt writes differs from system to system; the key is the same.
        assert_eq!(chord("å", "KeyA", false), Some(Command::Answer));
        assert_eq!(chord("®", "KeyR", false), Some(Command::Reject));
        assert_eq!(chord("a", "KeyA", true), None);
        assert_eq!(chord("5", "Digit5", true), None);
    }
}
