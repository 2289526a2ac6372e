//! Headers that a URI wants in the request made from it (RFC 3261 §19.1.1).

use std::borrow::Cow;

use super::{SipUri, decode_escapes};

impl SipUri {
    /// The value of the first header `name` behind the `?`, decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let fields = self.headers.as_deref()?.split('&');
        let mut fields = fields.filter_map(|field| field.split_once('='));
        let (_, value) =
            fields.find(|(known, _)| decode_escapes(known).eq_ignore_ascii_case(name))?;
        Some(decode_escapes(value))
    }

    /// Adds a header behind those that are there; what may not stand in a URI is escaped.
    pub fn push_header(&mut self, name: &str, value: &str) {
        let mut headers = self.headers.as_deref().unwrap_or("").to_owned();
        if !headers.is_empty() {
            headers.push('&');
        }
        escape(&mut headers, name);
        headers.push('=');
        escape(&mut headers, value);
        self.headers = Some(headers.into());
    }
}

/// RFC 3261 §25.1: `hname` and `hvalue` are of `hnv-unreserved`, `unreserved` and escapes.
fn escape(into: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"[]/?:+$-_.!~*'()".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Uri;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn headers_go_in_and_come_out() {
        let Ok(Uri::Sip(mut uri)) = Uri::parse("sip:c@d?%53ubject=a%20b") else {
            panic!("not a SIP URI");
        };
        uri.push_header("Replaces", "1@h;to-tag=t;from-tag=é&");
        let printed = Uri::Sip(uri).to_string();
        assert_eq!(
            printed,
            "sip:c@d?%53ubject=a%20b&Replaces=1%40h%3Bto-tag%3Dt%3Bfrom-tag%3D%C3%A9%26"
        );
        let Ok(Uri::Sip(uri)) = Uri::parse(&printed) else {
            panic!("not a SIP URI");
        };
        let replaces = uri.header("replaces");
        assert_eq!(replaces.as_deref(), Some("1@h;to-tag=t;from-tag=é&"));
        assert_eq!(uri.header("Subject").as_deref(), Some("a b"));
        assert_eq!(uri.header("Replace"), None);
    }
}
