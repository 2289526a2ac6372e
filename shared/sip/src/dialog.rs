//! Dialogs (RFC 3261 §12): who speaks to whom, by which way, in which order.

use crate::message::{CSeq, HeaderError, Headers, Replaces, SipUri, read_address};
use crate::{Address, Method, Request, Response, Text, Uri};

/// What names a dialog at one of its ends (RFC 3261 §12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DialogId {
    call_id: Text,
    local_tag: Text,
    remote_tag: Text,
}

impl DialogId {
    fn new(call_id: &Text, local: &Address, remote: &Address) -> Self {
        // RFC 3261 §12.1: a peer of RFC 2543 has no tag; that is an empty one.
        let tag = |address: &Address| Text::from(address.tag().unwrap_or(""));
        Self {
            call_id: call_id.detached(),
            local_tag: tag(local),
            remote_tag: tag(remote),
        }
    }

    /// The dialog that a received request belongs to.
    pub(crate) fn of_received(request: &Request) -> Self {
        let headers = &request.headers;
        Self::new(&headers.call_id, &headers.to, &headers.from)
    }

    /// The dialog that a response to a request of ours belongs to.
    pub(crate) fn of_response(response: &Response) -> Self {
        let headers = &response.headers;
        Self::new(&headers.call_id, &headers.from, &headers.to)
    }

    /// What all dialogs that a request of ours may set up have in common.
    pub(crate) fn of_sent(request: &Request) -> Self {
        let headers = &request.headers;
        let remote_tag = Text::default();
        Self {
            remote_tag,
            ..Self::new(&headers.call_id, &headers.from, &headers.to)
        }
    }

    /// The dialogs that a Replaces can mean: a tag of zero also stands for none (RFC 3891 §3).
    pub(crate) fn of_replaced(replaces: &Replaces) -> impl Iterator<Item = Self> {
        let readings = |tag: &Text| {
            let none = (*tag == *"0").then(Text::default);
            [Some(tag.clone()), none].into_iter().flatten()
        };
        let call_id = replaces.call_id.clone();
        let remote_tags: Vec<Text> = readings(&replaces.from_tag).collect();
        readings(&replaces.to_tag).flat_map(move |local_tag| {
            let call_id = call_id.clone();
            let ids = remote_tags.clone().into_iter();
            ids.map(move |remote_tag| Self {
                call_id: call_id.clone(),
                local_tag: local_tag.clone(),
                remote_tag,
            })
        })
    }

    /// This one, as [`Self::of_sent`] gives it.
    pub(crate) fn before_answer(self) -> Self {
        Self {
            remote_tag: Text::default(),
            ..self
        }
    }
}

/// One end of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    call_id: Text,
    local: Address,
    remote: Address,
    remote_target: Uri,
    route_set: Vec<Address>,
    local_number: u32,
    remote_number: Option<u32>,
}

/// One end of a dialog as it can be kept: plain texts and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct KeptDialog {
    call_id: String,
    local: String,
    remote: String,
    remote_target: String,
    route_set: Vec<String>,
    local_number: u32,
    remote_number: Option<u32>,
}

/// A dialog that is restored counts on from so much further, for it may have sent requests since
/// it was kept (RFC 3261 §12.2.1.1 lets numbers be skipped).
const LEAP: u32 = 1000;

/// RFC 3261 §8.1.1.5.
const HIGHEST_NUMBER: u32 = i32::MAX.unsigned_abs();

/// A request came out of order: RFC 3261 §12.2.2 has it answered with 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfOrder;

impl Dialog {
    /// The caller's end, made by a response to its INVITE (RFC 3261 §12.1.2).
    pub(crate) fn of_caller(invite: &Request, response: &Response) -> Self {
        let headers = &response.headers;
        Self {
            call_id: headers.call_id.detached(),
            local: invite.headers.from.clone(),
            remote: headers.to.clone(),
            remote_target: target(headers).unwrap_or(&invite.uri).clone(),
            route_set: headers.record_route.iter().rev().cloned().collect(),
            local_number: invite.headers.cseq.number,
            remote_number: None,
        }
    }

    /// The callee's end, made by its response with this tag (RFC 3261 §12.1.1).
    pub(crate) fn of_callee(invite: &Request, local_tag: &str) -> Self {
        let headers = &invite.headers;
        Self {
            call_id: headers.call_id.detached(),
            local: headers.to.clone().with_tag(local_tag),
            remote: headers.from.clone(),
            remote_target: target(headers).unwrap_or(&headers.from.uri).clone(),
            route_set: headers.record_route.clone(),
            local_number: 0,
            remote_number: Some(headers.cseq.number),
        }
    }

    /// The subscriber's end, made by the first NOTIFY for its SUBSCRIBE (RFC 6665 §4.4.1).
    pub(crate) fn of_subscriber(subscribe: &Headers, notify: &Request) -> Self {
        let headers = &notify.headers;
        Self {
            call_id: headers.call_id.detached(),
            local: subscribe.from.clone(),
            remote: headers.from.clone(),
            remote_target: target(headers).unwrap_or(&headers.from.uri).clone(),
            route_set: headers.record_route.clone(),
            local_number: subscribe.cseq.number,
            remote_number: Some(headers.cseq.number),
        }
    }

    pub(crate) fn export(&self) -> KeptDialog {
        KeptDialog {
            call_id: self.call_id.to_string(),
            local: self.local.to_string(),
            remote: self.remote.to_string(),
            remote_target: self.remote_target.to_string(),
            route_set: self.route_set.iter().map(Address::to_string).collect(),
            local_number: self.local_number,
            remote_number: self.remote_number,
        }
    }

    pub(crate) fn restore(kept: &KeptDialog) -> Result<Self, HeaderError> {
        let number = kept.local_number.checked_add(LEAP);
        let number = number.filter(|number| *number <= HIGHEST_NUMBER);
        let is_text = !kept.call_id.is_empty() && !kept.call_id.contains(char::is_whitespace);
        if !is_text {
            return Err(HeaderError("the Call-ID is none"));
        }
        Ok(Self {
            call_id: kept.call_id.as_str().into(),
            local: read_address(&kept.local)?,
            remote: read_address(&kept.remote)?,
            remote_target: Uri::parse(&kept.remote_target)?,
            route_set: kept
                .route_set
                .iter()
                .map(|hop| read_address(hop))
                .collect::<Result<_, _>>()?,
            local_number: number.ok_or(HeaderError("the CSeq is too high"))?,
            remote_number: kept.remote_number,
        })
    }

    pub(crate) fn id(&self) -> DialogId {
        DialogId::new(&self.call_id, &self.local, &self.remote)
    }

    pub(crate) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or("")
    }

    pub(crate) fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or("")
    }

    /// Where the peer is called outside of this dialog: by its GRUU, which names its one device, or
    /// else by its address (RFC 5589 §7.3, §7.4).
    pub(crate) fn peer(&self) -> Option<&SipUri> {
        let is_gruu = |uri: &&Uri| uri.as_sip().is_some_and(|uri| uri.params.has("gr"));
        let gruu = Some(&self.remote_target).filter(is_gruu);
        let known = [gruu, Some(&self.remote.uri), Some(&self.remote_target)];
        known.into_iter().flatten().find_map(Uri::as_sip)
    }

    /// This dialog as the peer names it (RFC 3891 §4).
    pub(crate) fn replaces(&self) -> Replaces {
        let or_zero = |tag: &str| Text::from(if tag.is_empty() { "0" } else { tag });
        Replaces {
            call_id: self.call_id.clone(),
            to_tag: or_zero(self.remote_tag()),
            from_tag: or_zero(self.local_tag()),
            early_only: false,
        }
    }

    /// The Refer-To by which somebody else takes our place in this dialog (RFC 5589 §7.3).
    pub(crate) fn replacement(&self) -> Option<Address> {
        let mut uri = self.peer()?.clone();
        uri.headers = None;
        uri.push_header("Replaces", &self.replaces().to_string());
        Some(Address::new(Uri::Sip(uri)))
    }

    /// Goes on counting where the early dialog stopped.
    pub(crate) fn keep_numbers(&mut self, early: &Self) {
        self.local_number = early.local_number;
        self.remote_number = early.remote_number;
    }

    /// The next request of ours within the dialog.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        let number = self.next_number();
        self.numbered(method, number)
    }

    /// The number of our last request.
    pub(crate) const fn last_number(&self) -> u32 {
        self.local_number
    }

    /// The number of our next request, also for one that is sent again with credentials.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.local_number += 1;
        self.local_number
    }

    /// The ACK to a 2xx to our INVITE of this number (RFC 3261 §13.2.2.4).
    pub(crate) fn ack(&self, number: u32) -> Request {
        self.numbered(Method::Ack, number)
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let cseq = CSeq {
            number,
            method: method.clone(),
        };
        let mut headers = Headers::new(
            self.local.clone(),
            self.remote.clone(),
            self.call_id.clone(),
            cseq,
        );
        let mut route = self.route_set.iter();
        // RFC 3261 §12.2.1.1: a first hop without `lr` is a strict router and wants itself in the
        // Request-URI and the target at the end of the route.
        let uri = match self.route_set.first() {
            Some(first) if first.uri.as_sip().is_some_and(|uri| !uri.params.has("lr")) => {
                route.next();
                headers.route = route.cloned().collect();
                headers.route.push(Address::new(self.remote_target.clone()));
                first.uri.clone()
            }
            _ => {
                headers.route = route.cloned().collect();
                self.remote_target.clone()
            }
        };
        Request {
            method,
            uri,
            headers,
            body: Vec::new(),
        }
    }

    /// Takes the number of a received request, which is not an ACK or a CANCEL.
    pub(crate) fn take_number(&mut self, request: &Request) -> Result<(), OutOfOrder> {
        let number = request.headers.cseq.number;
        if self.remote_number.is_some_and(|last| number < last) {
            return Err(OutOfOrder);
        }
        self.remote_number = Some(number);
        Ok(())
    }

    /// Follows the Contact of a target refresh (RFC 3261 §12.2).
    pub(crate) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(uri) = target(headers) {
            self.remote_target = uri.clone();
        }
    }
}

fn target(headers: &Headers) -> Option<&Uri> {
    headers.contact.list().first().map(|contact| &contact.uri)
}
