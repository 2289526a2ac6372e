//! The part of XML 1.0 that event packages use: elements, attributes, text, the five entities.

use std::fmt::{self, Write};

use super::BodyError;

const MOST_ELEMENTS: usize = 4096;
const DEEPEST: usize = 16;

/// An element. Prefixes of namespaces are dropped: no two packages' names collide where we look.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    /// The text of this element without that of its children.
    text: String,
}

impl Element {
    /// Reads a document.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| BodyError("it is not UTF-8"))?;
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { rest, elements: 0 };
        reader.skip_between()?;
        let root = reader.element(0)?;
        reader.skip_between()?;
        match reader.rest {
            "" => Ok(root),
            _ => Err(BodyError("something follows the document")),
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children_of(name).next()
    }

    pub(super) fn children_of(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text without the white space around it.
    pub(super) fn text(&self) -> &str {
        self.text.trim()
    }
}

struct Reader<'a> {
    rest: &'a str,
    elements: usize,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, literal: &str) -> bool {
        let rest = self.rest.strip_prefix(literal);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn until(&mut self, end: &str) -> Result<&'a str, BodyError> {
        let (inside, rest) = self
            .rest
            .split_once(end)
            .ok_or(BodyError("it ends too early"))?;
        self.rest = rest;
        Ok(inside)
    }

    /// Skips a comment or a processing instruction.
    fn skip_aside(&mut self) -> Result<bool, BodyError> {
        if self.eat("<!--") {
            self.until("-->")?;
        } else if self.eat("<?") {
            self.until("?>")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn skip_between(&mut self) -> Result<(), BodyError> {
        loop {
            self.skip_space();
            if !self.skip_aside()? {
                return Ok(());
            }
        }
    }

    /// A name without its prefix.
    fn name(&mut self) -> Result<(&'a str, &'a str), BodyError> {
        let end = self
            .rest
            .find(|c: char| c.is_ascii_whitespace() || "<>/=\"'!?&".contains(c));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if name.is_empty() {
            return Err(BodyError("a name is missing"));
        }
        self.rest = rest;
        Ok((name, name.rsplit(':').next().unwrap_or(name)))
    }

    fn element(&mut self, depth: usize) -> Result<Element, BodyError> {
        if !self.eat("<") {
            return Err(BodyError("an element is missing"));
        }
        self.elements += 1;
        if self.elements > MOST_ELEMENTS || depth > DEEPEST {
            return Err(BodyError("it has too many elements"));
        }
        let (written, name) = self.name()?;
        let mut element = Element {
            name: name.to_owned(),
            ..Element::default()
        };
        loop {
            self.skip_space();
            if self.eat("/>") {
                return Ok(element);
            }
            if self.eat(">") {
                break;
            }
            let attribute = self.attribute()?;
            element.attributes.push(attribute);
        }
        loop {
            let at = self.rest.find('<').ok_or(BodyError("it ends too early"))?;
            let (text, rest) = self.rest.split_at(at);
            self.rest = rest;
            unescape(text, &mut element.text)?;
            if self.eat("</") {
                let (closed, _) = self.name()?;
                self.skip_space();
                return match closed == written && self.eat(">") {
                    true => Ok(element),
                    false => Err(BodyError("an element is not closed")),
                };
            }
            if self.eat("<![CDATA[") {
                let data = self.until("]]>")?;
                element.text.push_str(data);
            } else if !self.skip_aside()? {
                let child = self.element(depth + 1)?;
                element.children.push(child);
            }
        }
    }

    fn attribute(&mut self) -> Result<(String, String), BodyError> {
        let (written, name) = self.name()?;
        // A prefixed attribute is never one that we look for.
        let name = if written == name { name } else { written };
        self.skip_space();
        if !self.eat("=") {
            return Err(BodyError("an attribute has no value"));
        }
        self.skip_space();
        let quote = match self.rest.as_bytes().first() {
            Some(b'"') => "\"",
            Some(b'\'') => "'",
            _ => return Err(BodyError("an attribute is not quoted")),
        };
        self.eat(quote);
        let inside = self.until(quote)?;
        let mut value = String::new();
        unescape(inside, &mut value)?;
        Ok((name.to_owned(), value))
    }
}

fn unescape(text: &str, to: &mut String) -> Result<(), BodyError> {
    let unknown = BodyError("an entity is not known");
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        to.push_str(before);
        let (entity, behind) = behind.split_once(';').ok_or(unknown)?;
        let number = entity.strip_prefix('#').map(|n| match n.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => n.parse(),
        });
        to.push(match (entity, number) {
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("amp", _) => '&',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            (_, Some(Ok(number))) => char::from_u32(number).ok_or(unknown)?,
            _ => return Err(unknown),
        });
        rest = behind;
    }
    to.push_str(rest);
    Ok(())
}

/// Text for an element or an attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                // XML 1.0 has no way to write the other controls.
                c if c.is_control() && !matches!(c, '\t' | '\n') => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// ` name="value"`, or nothing.
pub(super) struct Attribute<'a, T>(pub(super) &'static str, pub(super) Option<&'a T>);

impl<T: fmt::Display> fmt::Display for Attribute<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(value) => write!(f, " {}=\"{}\"", self.0, Escaped(&value.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn reads_what_packages_use() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- a --><p:a x='1&amp;2' p:y=\"3\">\
                    <b/> t &lt;&#65;&#x42;<![CDATA[<c>]]><c >u</c ></p:a>\n<!-- z -->";
        let root = Element::read(text.as_bytes()).unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.attribute("x"), Some("1&2"));
        assert_eq!(root.attribute("y"), None);
        assert_eq!(root.text(), "t <AB<c>");
        assert_eq!(root.child("c").unwrap().text(), "u");
        assert_eq!(root.children.len(), 2);
    }

    #[test]
    fn refuses_the_rest() {
        for bad in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a x=1/>",
            "<a x/>",
            "<a x='1/>",
            "<a/><b/>",
            "<a>&nbsp;</a>",
            "<a>&#xD800;</a>",
            "<a>&amp</a>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "<a><!DOCTYPE b></a>",
            "< a/>",
        ] {
            assert!(Element::read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Element::read(b"<a>\xff</a>").is_err());
        assert!(Element::read("<a>".repeat(100_000).as_bytes()).is_err());
        let many = format!("<a>{}</a>", "<b/>".repeat(MOST_ELEMENTS));
        assert!(Element::read(many.as_bytes()).is_err());
    }
}
