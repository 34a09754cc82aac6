//! The body of `PROPPATCH` (RFC 4918 §9.2, §14.19): what to set and remove, in document order.

use super::names::{DAV, PropName};
use super::xml::{Element, XmlError, XmlLimits};

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropOp {
    /// Set a property.
    Set {
        /// Which.
        name: PropName,
        /// The property with its value: [`Element::text`] for a live property,
        /// [`Element::inner_xml`] for a dead one.
        element: Element,
    },
    /// Remove a property; no error if it is not there.
    Remove(PropName),
}

impl PropOp {
    /// The property it is about.
    pub fn name(&self) -> &PropName {
        match self {
            Self::Set { name, .. } | Self::Remove(name) => name,
        }
    }
}

/// All instructions, to be done in this order, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proppatch {
    /// In document order; at least one.
    pub ops: Vec<PropOp>,
}

impl Proppatch {
    /// Reads a body.
    ///
    /// # Errors
    /// [`XmlError`], all 400.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        let root = Element::parse_root(body, "propertyupdate", limits)?;
        let mut ops = Vec::new();
        for step in root.elements() {
            let props = step.child(DAV, "prop").into_iter().flat_map(Element::elements);
            if step.is(DAV, "set") {
                ops.extend(props.map(set));
            } else if step.is(DAV, "remove") {
                ops.extend(props.map(|prop| PropOp::Remove(prop.name())));
            }
        }
        match ops.len() {
            0 => Err(XmlError::Invalid("propertyupdate changes nothing")),
            many if many > limits.properties => Err(XmlError::TooMany("properties")),
            _ => Ok(Self { ops }),
        }
    }
}

pub(super) fn set(prop: &Element) -> PropOp {
    PropOp::Set { name: prop.name(), element: prop.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::names::{NC, OC};
    use super::*;

    /// `+name=inner xml` and `-name`.
    fn shape(body: &str) -> Result<Vec<String>, XmlError> {
        let shown = |op: &PropOp| match op {
            PropOp::Set { name, element } => format!("+{name}={}", element.inner_xml()),
            PropOp::Remove(name) => format!("-{name}"),
        };
        Ok(Proppatch::parse(body.as_bytes(), &XmlLimits::default())?
            .ops
            .iter()
            .map(shown)
            .collect())
    }

    #[test]
    fn instructions_keep_document_order() {
        let favorite = format!("{{{OC}}}favorite");
        for (body, expected) in [
            (
                r#"<?xml version="1.0"?><d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:set><d:prop><oc:favorite>1</oc:favorite></d:prop></d:set></d:propertyupdate>"#,
                vec![format!("+{favorite}=1")],
            ),
            (
                r#"<d:propertyupdate xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:remove><d:prop><oc:favorite/></d:prop></d:remove></d:propertyupdate>"#,
                vec![format!("-{favorite}")],
            ),
            (
                r#"<D:propertyupdate xmlns:D="DAV:" xmlns:n="http://nextcloud.org/ns">
<D:set><D:prop><D:getetag>"x"</D:getetag></D:prop></D:set>
<D:remove><D:prop><D:getetag/></D:prop></D:remove>
<D:set><D:prop><n:a><n:b c="d">e</n:b></n:a><f xmlns=""/></D:prop></D:set>
</D:propertyupdate>"#,
                vec![
                    "+{DAV:}getetag=&quot;x&quot;".to_owned(),
                    "-{DAV:}getetag".to_owned(),
                    format!(r#"+{{{NC}}}a=<n:b xmlns:n="{NC}" c="d">e</n:b>"#),
                    "+{}f=".to_owned(),
                ],
            ),
        ] {
            assert_eq!(shape(body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn litmus_and_rclone_bodies_are_understood() {
        // litmus props: propmanyns, prophighunicode, propnullns.
        let high = "<D:propertyupdate xmlns:D='DAV:'><D:set><D:prop>\
                    <high-unicode xmlns='http://example.com/neon/litmus/'>&#65536;</high-unicode>\
                    </D:prop></D:set></D:propertyupdate>";
        assert_eq!(
            shape(high),
            Ok(vec!["+{http://example.com/neon/litmus/}high-unicode=\u{10000}".to_owned()])
        );
        // rclone, backend/webdav: the time of a file.
        let time = "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<D:propertyupdate xmlns:D=\"DAV:\">\n \
                    <D:set>\n  <D:prop>\n   <lastmodified xmlns=\"DAV:\">1500000000</lastmodified>\n  \
                    </D:prop>\n </D:set>\n</D:propertyupdate>\n";
        assert_eq!(shape(time), Ok(vec!["+{DAV:}lastmodified=1500000000".to_owned()]));
        let many = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop>\
                    <value-in-null xmlns=\"\">x</value-in-null></D:prop></D:set></D:propertyupdate>";
        assert_eq!(shape(many), Ok(vec!["+{}value-in-null=x".to_owned()]));
    }

    #[test]
    fn nothing_to_do_is_refused() {
        for body in [
            r#"<d:propertyupdate xmlns:d="DAV:"/>"#,
            r#"<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop/></d:set></d:propertyupdate>"#,
            "",
        ] {
            assert!(shape(body).is_err(), "{body}");
        }
    }
}
