//! The same message read by `rsip`.

use rsip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};

use crate::peers::{Facts, host};

pub(crate) fn rsips(frame: &[u8]) -> Option<Facts> {
    let request = rsip::Request::try_from(frame).ok()?;
    let from = request.from_header().ok()?.typed().ok()?;
    let contact = match request.contact_header() {
        Ok(contact) if contact.value() != "*" => Some(contact.typed().ok()?.uri),
        _ => None,
    };
    let user = |uri: &rsip::Uri| uri.auth.as_ref().map(|auth| auth.user.clone());
    let via = request.via_header().ok()?.typed().ok()?;
    Some(Facts {
        method: request.method.to_string(),
        call_id: request.call_id_header().ok()?.value().to_owned(),
        cseq: request.cseq_header().ok()?.typed().ok()?.seq,
        branch: via.branch().map(ToString::to_string).unwrap_or_default(),
        from_tag: from.tag().map(ToString::to_string).unwrap_or_default(),
        from_user: user(&from.uri),
        to_host: host(
            &request
                .to_header()
                .ok()?
                .typed()
                .ok()?
                .uri
                .host()
                .to_string(),
        ),
        contact_user: contact.as_ref().and_then(user),
        contact_host: contact.and_then(|uri| host(&uri.host().to_string())),
        body: request.body.len(),
    })
}
