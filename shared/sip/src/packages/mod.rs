//! The bodies of event packages and of MESSAGE: read from requests, written for them.
//!
//! Each type reads with `parse` and writes with `to_body`; what is written reads back the same.
//! Elements and lines that are not known are skipped. An XML document is read with bounds on its
//! depth and number of elements, and without document types, so there are no entities to expand.

mod dialog_info;
mod is_composing;
mod key_press;
mod message_summary;
mod pidf;
mod reg_info;
mod sip_frag;
mod versions;
mod xml;

pub use dialog_info::{DialogInfo, DialogPhase, DialogState, DialogWatch, Direction, Party};
pub use is_composing::IsComposing;
pub use key_press::KeyPress;
pub use message_summary::{Counts, MessageSummary};
pub use pidf::{Presence, Tuple};
pub use reg_info::{
    ContactEvent, ContactInfo, RegInfo, RegWatch, RegistrationInfo, RegistrationPhase,
};
pub use sip_frag::SipFrag;
pub use versions::Update;

use crate::{Body, Text};

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(pub &'static str);

fn body(content_type: &'static str, text: String) -> Body {
    Body {
        content_type: Text::from_static(content_type),
        bytes: text.into_bytes(),
    }
}
