//! The tags of a property, made once a request and copied for each resource.

use super::escape::{push_attribute, push_number, push_text};
use super::names::{self, PropName};

/// `<d:getetag>`, `</d:getetag>` and `<d:getetag/>`.
///
/// The four namespaces of `d:multistatus` have their prefixes. Others are declared on the element
/// itself: `x1` for open-collaboration-services and `x2` for open-cloud-mesh, which iOS reads
/// literally, and `x1` for any other, as the recorded server numbers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    open: Box<str>,
    close: Box<str>,
    empty: Box<str>,
}

impl Tag {
    /// The tags of `{namespace}local`. `local` must be an `NCName`, as it is in every parsed
    /// [`PropName`].
    pub fn new(namespace: &str, local: &str) -> Self {
        let (prefix, declare) = match namespace {
            names::DAV => (names::DAV_PREFIX, false),
            names::OC => (names::OC_PREFIX, false),
            names::NC => (names::NC_PREFIX, false),
            names::SABRE => (names::SABRE_PREFIX, false),
            names::OCM => (names::OCM_PREFIX, true),
            // Never declared, and never by another prefix (XML namespaces §3).
            names::XML => ("xml", false),
            "" => ("", true),
            _ => (names::OCS_PREFIX, true),
        };
        let name = if prefix.is_empty() { local.to_owned() } else { [prefix, ":", local].concat() };
        let mut start = ["<", &name].concat();
        if declare {
            start.push_str(" xmlns");
            if !prefix.is_empty() {
                start.extend([":", prefix]);
            }
            start.push_str("=\"");
            push_attribute(&mut start, namespace);
            start.push('"');
        }
        Self {
            open: [&start, ">"].concat().into(),
            close: ["</", &name, ">"].concat().into(),
            empty: [&start, "/>"].concat().into(),
        }
    }

    /// `<x>text</x>`, escaped. Empty text is `<x></x>`, as the recorded server writes values that
    /// are empty strings.
    pub(super) fn push_text(&self, out: &mut String, text: &str) {
        out.push_str(&self.open);
        push_text(out, text);
        out.push_str(&self.close);
    }

    /// `<x>7</x>`.
    pub(super) fn push_number(&self, out: &mut String, number: i64) {
        out.push_str(&self.open);
        push_number(out, number);
        out.push_str(&self.close);
    }

    /// `<x>xml</x>`; empty XML is `<x/>`.
    pub(super) fn push_raw(&self, out: &mut String, xml: &str) {
        if xml.is_empty() {
            return self.push_empty(out);
        }
        out.push_str(&self.open);
        out.push_str(xml);
        out.push_str(&self.close);
    }

    /// `<x>&quot;etag&quot;</x>`.
    pub(super) fn push_quoted(&self, out: &mut String, text: &str) {
        out.push_str(&self.open);
        out.push_str("&quot;");
        push_text(out, text);
        out.push_str("&quot;");
        out.push_str(&self.close);
    }

    /// `<x/>`.
    pub(super) fn push_empty(&self, out: &mut String) {
        out.push_str(&self.empty);
    }
}

impl From<&PropName> for Tag {
    fn from(name: &PropName) -> Self {
        Self::new(&name.namespace, &name.local)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_the_recorded_server() {
        for (namespace, local, expected) in [
            (names::DAV, "getetag", "<d:getetag>x</d:getetag>"),
            (names::OC, "size", "<oc:size>x</oc:size>"),
            (names::NC, "has-preview", "<nc:has-preview>x</nc:has-preview>"),
            (
                names::OCS,
                "share-permissions",
                r#"<x1:share-permissions xmlns:x1="http://open-collaboration-services.org/ns">x</x1:share-permissions>"#,
            ),
            (
                names::OCM,
                "share-permissions",
                r#"<x2:share-permissions xmlns:x2="http://open-cloud-mesh.org/ns">x</x2:share-permissions>"#,
            ),
            (
                "http://example.com/ns",
                "colour",
                r#"<x1:colour xmlns:x1="http://example.com/ns">x</x1:colour>"#,
            ),
            (names::XML, "space", "<xml:space>x</xml:space>"),
            ("urn:a&b\"", "c", r#"<x1:c xmlns:x1="urn:a&amp;b&quot;">x</x1:c>"#),
            ("", "bare", r#"<bare xmlns="">x</bare>"#),
        ] {
            let mut out = String::new();
            Tag::new(namespace, local).push_text(&mut out, "x");
            assert_eq!(out, expected);
        }
    }
}
