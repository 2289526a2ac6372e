//! A secret, typed by somebody.

use std::io::{self, BufRead, IsTerminal, Write};

use sidetone_sip::auth::Secret;
use zeroize::Zeroizing;

/// Reads a line from standard input. At a terminal it asks for it and doesn't show what is typed;
/// with `again` it asks twice.
///
/// # Errors
/// There is no line, or the two differ.
pub fn ask(what: &str, again: bool) -> io::Result<Secret> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let first = hidden(what)?;
    if again && hidden(&format!("{what}, again"))? != first {
        return Err(io::Error::other(
            "the two are not the same; nothing was done",
        ));
    }
    Ok(first)
}

fn line(input: &mut impl BufRead) -> io::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    input.read_line(&mut text)?;
    let text = text.trim_end_matches(['\r', '\n']);
    match text.is_empty() {
        true => Err(io::Error::other("nothing was typed")),
        false => Ok(Secret::new(text)),
    }
}

fn hidden(what: &str) -> io::Result<Secret> {
    let mut told = io::stderr();
    write!(told, "{what}: ")?;
    told.flush()?;
    let typed = without_echo(|| line(&mut io::stdin().lock()));
    writeln!(told)?;
    typed
}

#[cfg(unix)]
fn without_echo<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let usual = tcgetattr(&stdin)?;
    let mut quiet = usual.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    // What was typed ahead is dropped: it was shown.
    tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    let outcome = read();
    tcsetattr(&stdin, OptionalActions::Now, &usual)?;
    outcome
}

#[cfg(not(unix))]
fn without_echo<T>(_: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    Err(io::Error::other(
        "the terminal can't hide what is typed; pipe it in instead",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_secret_without_its_end() {
        for text in [
            "correct horse",
            "correct horse\n",
            "correct horse\r\nmore\n",
        ] {
            let secret = line(&mut text.as_bytes()).unwrap();
            assert_eq!(secret.reveal(), "correct horse");
        }
        // A space may be a part of it.
        assert_eq!(line(&mut &b" a \n"[..]).unwrap().reveal(), " a ");
        for text in ["", "\n"] {
            assert!(line(&mut text.as_bytes()).is_err());
        }
    }
}
