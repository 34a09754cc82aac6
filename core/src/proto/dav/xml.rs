//! A document as an owned tree of elements, names resolved.
//!
//! A parsed tree is at most [`XmlLimits::depth`] deep, so nothing that walks it can run away; the reader
//! and the writer of this module keep their own stacks all the same. No DTD, no entities but the
//! five of XML, UTF-8 alone.

mod read;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use super::names::{self, PropName};

/// Most attributes of an element, declarations of namespaces included.
pub const MAX_ATTRIBUTES: usize = 64;
/// Longest name, prefix or namespace, in bytes.
pub const MAX_NAME_BYTES: usize = 1024;

/// How much a document may ask of the server (`threats` §6), from `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XmlLimits {
    /// Longest document, in bytes.
    pub bytes: usize,
    /// Deepest nesting of elements; the root is 1.
    pub depth: usize,
    /// Most properties named in a request.
    pub properties: usize,
    /// Deepest nesting of operators in a search.
    pub operators: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 64, properties: 1000, operators: 16 }
    }
}

impl XmlLimits {
    /// Most elements in a document: a megabyte of `<a/>` would cost some forty in memory. Enough
    /// for every property to have some inside.
    fn elements(&self) -> usize {
        self.properties.saturating_mul(20).max(20_000)
    }
}

/// Why a body was refused. All are 400, but [`UnsupportedBody`](Self::UnsupportedBody) and
/// [`UnknownReport`](Self::UnknownReport), which are 415.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// A body is needed and there is none.
    #[error("the request has no body")]
    Empty,
    /// More than so many bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// Bytes that are not UTF-8, or a declaration of another encoding.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Any document type declaration.
    #[error("document type declarations are refused")]
    Doctype,
    /// An entity that XML itself does not define.
    #[error("unknown entity {0}")]
    UnknownEntity(String),
    /// A prefix that is not declared, or declared as nothing.
    #[error("namespace prefix {0} is not declared")]
    UndeclaredPrefix(String),
    /// Deeper than so many elements.
    #[error("the document is nested deeper than {0} elements")]
    TooDeep(usize),
    /// More of something than a request needs.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// Not well-formed; says where the parser stumbled.
    #[error("the document is not well-formed: {0}")]
    Malformed(String),
    /// Well-formed, but another document than the method takes.
    #[error("Expected {{DAV:}}{expected} but received {found} as the root element")]
    UnexpectedRoot {
        /// Local name of the root, in the namespace `DAV:`.
        expected: &'static str,
        /// What came.
        found: PropName,
    },
    /// The right document with something missing or wrong inside.
    #[error("{0}")]
    Invalid(&'static str),
    /// `MKCOL` with a body of another kind: 415 (RFC 4918 §9.3.1).
    #[error("the body of MKCOL is not understood")]
    UnsupportedBody,
    /// `REPORT` of a kind that is not known: 415 with `d:supported-report`.
    #[error("the report {0} is not supported")]
    UnknownReport(PropName),
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    namespace: Arc<str>,
    prefix: Arc<str>,
    local: Box<str>,
    lang: Option<Arc<str>>,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

/// An attribute; declarations of namespaces are none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    namespace: Arc<str>,
    prefix: Arc<str>,
    local: Box<str>,
    value: Box<str>,
}

/// What an element holds. Comments and processing instructions are gone, adjacent text is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A child.
    Element(Element),
    /// Character data, references resolved.
    Text(String),
}

impl Element {
    /// Reads a document. A byte order mark is skipped.
    ///
    /// # Errors
    /// [`XmlError`] for all that is not a small well-formed document without a DTD.
    pub fn parse(body: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        read::document(body, limits)
    }

    /// Reads a document whose root must be `{DAV:}expected`.
    pub(super) fn parse_root(
        body: &[u8],
        expected: &'static str,
        limits: &XmlLimits,
    ) -> Result<Self, XmlError> {
        if is_blank(body) {
            return Err(XmlError::Empty);
        }
        let root = Self::parse(body, limits)?;
        match root.is(names::DAV, expected) {
            true => Ok(root),
            false => Err(XmlError::UnexpectedRoot { expected, found: root.name() }),
        }
    }

    /// Namespace URI; empty for none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Local name.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Expanded name.
    pub fn name(&self) -> PropName {
        PropName::new(&self.namespace, &self.local)
    }

    /// Whether it has this name.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        &*self.local == local && &*self.namespace == namespace
    }

    /// The value of an attribute; most attributes have the namespace `""`.
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        let found =
            self.attributes.iter().find(|a| &*a.local == local && &*a.namespace == namespace)?;
        Some(&found.value)
    }

    /// The language in scope, inherited or its own (`xml:lang`).
    pub fn lang(&self) -> Option<&str> {
        self.lang.as_deref().filter(|lang| !lang.is_empty())
    }

    /// All that is inside, in order.
    pub fn children(&self) -> &[Node] {
        &self.children
    }

    /// The elements inside, in order.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name.
    pub fn child(&self, namespace: &str, local: &str) -> Option<&Self> {
        self.elements().find(|child| child.is(namespace, local))
    }

    /// Its own text, without that of its children; blanks are kept.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.children.iter().filter_map(|child| match child {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        let first = Cow::Borrowed(texts.next().unwrap_or_default());
        texts.fold(first, |all, text| all + text)
    }

    /// What is inside as XML that stands alone: prefixes are kept and declared where they are
    /// used, and the language in scope is written on the topmost elements. It can be put into any
    /// element that declares no default namespace.
    pub fn inner_xml(&self) -> String {
        write::inner(self)
    }

    /// The same of the whole element.
    pub fn outer_xml(&self) -> String {
        write::outer(self)
    }
}

/// Whether a body holds nothing.
pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// The names of the properties in a `d:prop`, each once, in order.
pub(super) fn prop_names(prop: &Element, limits: &XmlLimits) -> Result<Vec<PropName>, XmlError> {
    let mut seen = std::collections::HashSet::new();
    let names: Vec<_> =
        prop.elements().map(Element::name).filter(|name| seen.insert(name.clone())).collect();
    match names.len() > limits.properties {
        true => Err(XmlError::TooMany("properties")),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests;
