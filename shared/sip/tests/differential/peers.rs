//! The same message read by us and by `sipx-sip`.

use sidetone_sip::message::{Incoming, Limits, read_frame};
use sidetone_sip::{Address, Message, Uri};
use sipx_sip::HeaderName;

/// What a message says of whom it belongs to.
#[derive(Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) method: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) branch: String,
    pub(crate) from_tag: String,
    pub(crate) from_user: Option<String>,
    pub(crate) to_host: Option<String>,
    pub(crate) contact_user: Option<String>,
    pub(crate) contact_host: Option<String>,
    pub(crate) body: usize,
}

pub(crate) fn host(text: &str) -> Option<String> {
    // The same host may be written in two cases, and with a dot at its end or without.
    let host = text.replace(['[', ']'], "").to_ascii_lowercase();
    Some(host.trim_end_matches('.').to_owned()).filter(|host| !host.is_empty())
}

fn user_and_host(address: &Address) -> (Option<String>, Option<String>) {
    match &address.uri {
        Uri::Sip(uri) => (
            uri.user.as_ref().map(ToString::to_string),
            host(&uri.host.to_string()),
        ),
        _ => (None, None),
    }
}

pub(crate) fn ours(frame: &[u8]) -> Option<Facts> {
    let incoming = read_frame(frame, &Limits::default());
    let Incoming::Message(Message::Request(request)) = incoming else {
        return None;
    };
    let headers = &request.headers;
    let contact = headers.contact.first().map(user_and_host);
    let (contact_user, contact_host) = contact.unwrap_or_default();
    Some(Facts {
        method: request.method.to_string(),
        call_id: headers.call_id.to_string(),
        cseq: headers.cseq.number,
        branch: headers.via[0].branch().unwrap_or_default().to_owned(),
        from_tag: headers.from.tag().unwrap_or_default().to_owned(),
        from_user: user_and_host(&headers.from).0,
        to_host: user_and_host(&headers.to).1,
        contact_user,
        contact_host,
        body: request.body.len(),
    })
}

pub(crate) fn sipxs(frame: &[u8]) -> Option<Facts> {
    let bytes = bytes::Bytes::copy_from_slice(frame);
    let message = sipx_sip::parse_datagram(bytes, &sipx_sip::Limits::datagram()).ok()?;
    if !sipx_sip::validate(&message).is_empty() {
        return None;
    }
    let sipx_sip::Message::Request(request) = &message else {
        return None;
    };
    let headers = message.headers();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let address = |name: HeaderName| {
        let value = headers.value(&name)?;
        let list = sipx_sip::Address::parse_list(&value, "an address").ok()?;
        list.into_iter().next()
    };
    let from = address(HeaderName::From)?;
    let to = address(HeaderName::To)?;
    let contact = match headers.value(&HeaderName::Contact) {
        Some(written) if &*written != b"*" => Some(address(HeaderName::Contact)?),
        _ => None,
    };
    let via = headers.typed::<sipx_sip::Via>()?.ok()?;
    let branch = via
        .params
        .iter()
        .find(|param| param.name.eq_ignore_ascii_case(b"branch"));
    let branch = branch.and_then(|branch| branch.value.as_deref()).map(text);
    let host_of = |address: &sipx_sip::Address| host(&text(&address.uri.host()?.to_bytes()));
    Some(Facts {
        method: text(request.method.as_bytes()),
        call_id: text(&headers.value(&HeaderName::CallId)?),
        cseq: headers.typed::<sipx_sip::CSeq>()?.ok()?.sequence,
        branch: branch.unwrap_or_default(),
        from_tag: from.tag().map(text).unwrap_or_default(),
        from_user: from.uri.user().map(text),
        to_host: host_of(&to),
        contact_user: contact
            .as_ref()
            .and_then(|contact| contact.uri.user())
            .map(text),
        contact_host: contact.as_ref().and_then(host_of),
        body: message.body().len(),
    })
}
