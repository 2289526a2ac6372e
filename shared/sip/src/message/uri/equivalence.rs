//! When two URIs are the same.

use std::borrow::Cow;

use super::{Params, SipUri, TelUri, Uri, decode_escapes};

pub(super) fn equivalent(one: &Uri, other: &Uri) -> bool {
    match (one, other) {
        (Uri::Sip(one), Uri::Sip(other)) => sip(one, other),
        (Uri::Tel(one), Uri::Tel(other)) => tel(one, other),
        (one, other) => one == other,
    }
}

/// RFC 3261 §19.1.4. A URI without a port is not the same as one with the default port.
fn sip(one: &SipUri, other: &SipUri) -> bool {
    one.secure == other.secure
        && one.host == other.host
        && one.port == other.port
        && decoded(one.user.as_deref()) == decoded(other.user.as_deref())
        && decoded(one.password.as_deref()) == decoded(other.password.as_deref())
        && sip_params(&one.params, &other.params)
        && sip_params(&other.params, &one.params)
        && headers(one) == headers(other)
}

fn decoded(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(decode_escapes)
}

/// Whether nothing in `one` contradicts `other`: these five must be in both or in neither, any
/// other counts only if it is in both.
fn sip_params(one: &Params, other: &Params) -> bool {
    const BOTH_OR_NEITHER: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
    one.iter().all(|param| {
        let name = decode_escapes(&param.name);
        match other
            .iter()
            .find(|p| decode_escapes(&p.name).eq_ignore_ascii_case(&name))
        {
            Some(found) => same_value(param.value.as_deref(), found.value.as_deref()),
            None => !BOTH_OR_NEITHER
                .iter()
                .any(|n| n.eq_ignore_ascii_case(&name)),
        }
    })
}

fn same_value(one: Option<&str>, other: Option<&str>) -> bool {
    match (decoded(one), decoded(other)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(&other),
        (None, None) => true,
        _ => false,
    }
}

/// Header components in an order of their own, since theirs does not matter.
fn headers(uri: &SipUri) -> Vec<(String, Cow<'_, str>)> {
    let written = uri.headers.as_deref().unwrap_or_default();
    let mut headers = Vec::new();
    for header in written.split('&').filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once('=').unwrap_or((header, ""));
        let name = decode_escapes(name).to_ascii_lowercase();
        let header = (name, decode_escapes(value));
        let at = headers.partition_point(|known| *known <= header);
        headers.insert(at, header);
    }
    headers
}

/// RFC 3966 §4: separators don't count, and all parameters do, in whatever order.
fn tel(one: &TelUri, other: &TelUri) -> bool {
    let within = |one: &Params, other: &Params| {
        one.iter().all(|param| {
            let found = other
                .iter()
                .find(|p| p.name.eq_ignore_ascii_case(&param.name));
            found.is_some_and(|found| same_value(param.value.as_deref(), found.value.as_deref()))
        })
    };
    digits(&one.number).eq(digits(&other.number))
        && within(&one.params, &other.params)
        && within(&other.params, &one.params)
}

fn digits(number: &str) -> impl Iterator<Item = char> {
    let digits = number.chars().filter(|c| !"-.()".contains(*c));
    digits.map(|digit| digit.to_ascii_lowercase())
}
