//! What every parser is asked to do with a message: read it, look into it, write it.

use sidetone_sip::Message;
use sidetone_sip::message::{
    Allow, ContentType, Incoming, Limits, Require, SessionExpires, Supported, read_frame,
};

/// Reads, looks at what an agent needs, prints.
pub(crate) fn ours(frame: &[u8]) -> Vec<u8> {
    let Incoming::Message(message) = read_frame(frame, &Limits::default()) else {
        panic!("the message was not accepted");
    };
    let headers = message.headers();
    assert!(headers.via.iter().all(|hop| hop.branch().is_some()));
    assert!(headers.from.tag().is_some());
    assert_eq!(
        headers.to.tag().is_some(),
        matches!(message, Message::Response(_))
    );
    assert!(headers.cseq.number > 0);
    assert!(headers.contact.list()[0].uri.as_sip().is_some());
    assert!(headers.typed::<ContentType>().is_ok());
    assert!(matches!(headers.typed::<Allow>(), Ok(Some(allow)) if allow.has("BYE")));
    assert!(matches!(headers.typed::<Supported>(), Ok(Some(tags)) if tags.has("outbound")));
    assert!(headers.typed::<Require>().is_ok());
    assert!(headers.typed::<SessionExpires>().is_ok());
    message.to_bytes()
}
