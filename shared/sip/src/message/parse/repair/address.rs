//! Mends addresses, hops, URIs and parameters.

use super::super::lexer::Class;
use super::super::list::split_item;
use super::super::params::MOST;
use super::super::uri::escaped;
use super::{Repair, Repairs};
use crate::message::print::Quoted;

impl Repairs {
    /// A comma list.
    pub(super) fn list(&mut self, written: &str, item: fn(&mut Self, &str) -> String) -> String {
        let mut mended = Vec::new();
        let mut rest = Some(written);
        while let Some(list) = rest {
            let (one, behind) = split_item(list);
            rest = (one.len() < list.len()).then_some(behind);
            match one.trim() {
                "" => self.note(Repair::Item),
                one => mended.push(item(self, one)),
            }
        }
        mended.join(", ")
    }

    /// One hop of a Via.
    pub(super) fn hop(&mut self, written: &str) -> String {
        let (sender, params) = at_params(written);
        let params = self.params(params, Params::OfHeader);
        format!("{}{params}", sender.trim_end())
    }

    /// One address.
    pub(super) fn address(&mut self, written: &str) -> String {
        let bracketed = bracket(written).and_then(|at| {
            let (inside, behind) = written[at + 1..].split_once('>')?;
            Some((written[..at].trim(), inside, behind))
        });
        let (name, uri, params) = match bracketed {
            Some((name, inside, behind)) => {
                let uri = format!("<{}>", self.uri(inside));
                (self.name(name), uri, behind)
            }
            None => {
                let (spec, params) = at_params(written);
                (String::new(), self.uri(spec), params)
            }
        };
        let params = self.params(params.trim_start(), Params::OfHeader);
        name + &uri + &params
    }

    fn name(&mut self, written: &str) -> String {
        if is_quoted(written) || Class::DISPLAY.holds(written) {
            return written.to_owned();
        }
        self.note(Repair::Name);
        Quoted(written.trim_matches('"').trim()).to_string()
    }

    /// A SIP URI; any other stays as it is, but for blanks around it.
    pub(super) fn uri(&mut self, written: &str) -> String {
        let bare = written.trim();
        let is_sip = |scheme: &str| ["sip", "sips"].contains(&scheme.to_ascii_lowercase().as_str());
        let Some((scheme, rest)) = bare.split_once(':').filter(|(scheme, _)| is_sip(scheme)) else {
            return self.changed(Repair::Uri, written, bare.to_owned());
        };
        let (userinfo, rest) = rest.split_at(at_sign(rest).map_or(0, |at| at + 1));
        let (rest, headers) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (host, params) = at_params(rest);
        let mended = (user_info(userinfo), without_empty_port(host));
        if bare != written || mended != (userinfo.to_owned(), host) {
            self.note(Repair::Uri);
        }
        let (userinfo, host) = mended;
        let params = self.params(params, Params::OfUri);
        format!("{scheme}:{userinfo}{host}{params}{headers}")
    }

    /// `;name=value` …
    fn params(&mut self, written: &str, kind: Params) -> String {
        let Some(list) = written.strip_prefix(';') else {
            return written.to_owned();
        };
        // So many are refused, and each is compared with all before.
        if split_params(list).count() > MOST {
            return written.to_owned();
        }
        let mut mended: Vec<String> = Vec::new();
        for written in split_params(list) {
            let (name, value) = match written.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (written.trim(), None),
            };
            let param = match value {
                None => name.to_owned(),
                // An empty tag names nothing; anything else may be a flag.
                Some("") if name.eq_ignore_ascii_case("tag") => String::new(),
                Some("") => name.to_owned(),
                Some(value) => format!("{name}={}", kind.value(value)),
            };
            let is_wanted = !param.is_empty() && !mended.contains(&param);
            let was = value.map_or(name.to_owned(), |value| format!("{name}={value}"));
            if param != was || !is_wanted {
                self.note(Repair::Param);
            }
            if is_wanted {
                mended.push(param);
            }
        }
        mended.iter().map(|param| format!(";{param}")).collect()
    }
}

/// Where parameters stand.
#[derive(Clone, Copy)]
enum Params {
    OfHeader,
    OfUri,
}

impl Params {
    fn value(self, written: &str) -> String {
        match self {
            Self::OfUri => escaped(written, Class::URI_PARAM).to_string(),
            Self::OfHeader if is_quoted(written) || Class::VALUE.holds(written) => {
                written.to_owned()
            }
            Self::OfHeader => Quoted(written).to_string(),
        }
    }
}

/// What stands ahead of the parameters, and they with their semicolon.
fn at_params(written: &str) -> (&str, &str) {
    written.split_at(written.find(';').unwrap_or(written.len()))
}

/// The pieces between semicolons that no quotes hold.
fn split_params(list: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    let mut escape = false;
    list.split(move |character| {
        match character {
            _ if escape => escape = false,
            '\\' if is_inside => escape = true,
            '"' => is_inside = !is_inside,
            _ => {}
        }
        character == ';' && !is_inside
    })
}

/// Where the `<` of an address is: outside of quotes, unless they are not closed.
fn bracket(address: &str) -> Option<usize> {
    let mut is_inside = false;
    let mut escape = false;
    for (at, byte) in address.bytes().enumerate() {
        match byte {
            _ if escape => escape = false,
            b'\\' if is_inside => escape = true,
            b'"' => is_inside = !is_inside,
            b'<' if !is_inside => return Some(at),
            _ => {}
        }
    }
    address.rfind('<').filter(|_| is_inside)
}

/// Whether this is one quoted string and nothing else.
fn is_quoted(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('"') else {
        return false;
    };
    let mut escape = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escape;
        escape = byte == b'\\' && !escape;
        ends
    });
    end.is_some_and(|end| end + 1 == inside.len())
}

/// Where the user ends: with the last `@` ahead of the host's parameters.
fn at_sign(uri: &str) -> Option<usize> {
    let first = uri.find('@')?;
    let end = uri[first..].find([';', '?']);
    uri[..end.map_or(uri.len(), |end| first + end)].rfind('@')
}

/// `user:password@`, escaped.
fn user_info(written: &str) -> String {
    let Some(written) = written.strip_suffix('@') else {
        return String::new();
    };
    match written.split_once(':') {
        None => format!("{}@", escaped(written, Class::USER)),
        Some((user, password)) => {
            let password = escaped(password, Class::PASSWORD);
            format!("{}:{password}@", escaped(user, Class::USER))
        }
    }
}

fn without_empty_port(host: &str) -> &str {
    host.strip_suffix(':').unwrap_or(host)
}
