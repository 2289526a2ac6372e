use super::{HeaderName, Headers, Request, Response, Status};
use crate::Text;

impl Response {
    /// The response to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq are copied,
    /// To gets `to_tag` if it has no tag and the status is not 100. A 100 copies Timestamp; other
    /// provisional and successful responses copy Record-Route (§12.1.1).
    #[must_use]
    pub fn to(request: &Request, status: Status, to_tag: Option<&str>) -> Self {
        let asked = &request.headers;
        let mut headers = Headers::new(
            asked.from.clone(),
            asked.to.clone(),
            asked.call_id.clone(),
            asked.cseq.clone(),
        );
        headers.via.clone_from(&asked.via);
        if status == Status::TRYING {
            let timestamps = asked.others.iter();
            let timestamps = timestamps.filter(|header| header.name == HeaderName::Timestamp);
            headers.others.extend(timestamps.cloned());
        } else {
            if let Some(tag) = to_tag.filter(|_| headers.to.tag().is_none()) {
                headers.to.params.set("tag", Some(tag));
            }
            if status.is_provisional() || status.is_success() {
                headers.record_route.clone_from(&asked.record_route);
            }
        }
        Self {
            status,
            reason: Text::from_static(status.phrase()),
            headers,
            body: Vec::new(),
        }
    }
}
