//! The body of `MKCOL` (RFC 4918 §9.3) and of extended `MKCOL` (RFC 5689).
//!
//! | Body                         | Answer            | Source                |
//! |------------------------------|-------------------|-----------------------|
//! | none                         | a collection      | RFC 4918 §9.3         |
//! | `d:mkcol` that sets          | with properties   | RFC 5689 §3           |
//! | XML that is broken           | 400               | RFC 4918 §8.2         |
//! | any other XML, or none at all| 415               | RFC 4918 §9.3.1       |

use super::names::DAV;
use super::proppatch::{PropOp, set};
use super::xml::{Element, XmlError, XmlLimits, is_blank};

/// What the new collection starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MkcolBody {
    /// Properties to set, [`PropOp::Set`] all; `d:resourcetype` may be among them and must then
    /// hold `d:collection` (RFC 5689 §3.3: else 403 with `valid-resourcetype`).
    pub set: Vec<PropOp>,
}

impl MkcolBody {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError::UnsupportedBody`] is 415, others are 400.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        if is_blank(body) {
            return Ok(Self::default());
        }
        if !looks_like_xml(body) {
            return Err(XmlError::UnsupportedBody);
        }
        let root = Element::parse(body, limits)?;
        if !root.is(DAV, "mkcol") {
            return Err(XmlError::UnsupportedBody);
        }
        let mut ops = Vec::new();
        for step in root.elements() {
            if !step.is(DAV, "set") {
                return Err(XmlError::UnsupportedBody);
            }
            ops.extend(step.child(DAV, "prop").into_iter().flat_map(Element::elements).map(set));
        }
        match ops.len() > limits.properties {
            true => Err(XmlError::TooMany("properties")),
            false => Ok(Self { set: ops }),
        }
    }
}

fn looks_like_xml(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    body.trim_ascii_start().first() == Some(&b'<')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_follow_rfc4918_and_rfc5689() {
        for (body, expected, source) in [
            ("", Ok(0), "RFC 4918 §9.3"),
            ("afafafaf", Err(XmlError::UnsupportedBody), "litmus mkcol_with_body"),
            ("<x/>", Err(XmlError::UnsupportedBody), "RFC 4918 §9.3.1"),
            (r#"<d:mkcol xmlns:d="DAV:"/>"#, Ok(0), "nothing to set"),
            (
                r#"<d:mkcol xmlns:d="DAV:"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype><d:displayname>x</d:displayname></d:prop></d:set></d:mkcol>"#,
                Ok(2),
                "RFC 5689 §3.5",
            ),
            (
                r#"<d:mkcol xmlns:d="DAV:"><d:remove/></d:mkcol>"#,
                Err(XmlError::UnsupportedBody),
                "RFC 5689 §5.1: set alone",
            ),
        ] {
            let found =
                MkcolBody::parse(body.as_bytes(), &XmlLimits::default()).map(|body| body.set.len());
            assert_eq!(found, expected, "{body} ({source})");
        }
        assert!(matches!(
            MkcolBody::parse(b"<x", &XmlLimits::default()),
            Err(XmlError::Malformed(_))
        ));
    }
}
